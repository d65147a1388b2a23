package rdd

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// blocks keeps the rows of cached RDDs, a block for each partition. It shares the
// budget of tasks: what they need, it lets go of, the blocks first that were not
// read for the longest time. It is never a block of one RDD that makes room for
// another of the same: a loop over an RDD that does not fit would find each block
// gone when it comes to it.
type blocks struct {
	memory *shuffle.Memory

	mu     sync.Mutex
	kept   map[plan.Block]*list.Element // of order
	order  *list.List                   // *block, the one read last in front
	making map[plan.Block]bool          // some task computes it, and whether to keep it
	gone   map[plan.Block]bool          // let go of, and told nobody
}

// block is the rows of one partition. It never changes.
type block struct {
	key  plan.Block
	of   string // generations of what it was made of
	rows shuffle.RawStream
	like batch
	size int64
}

func newBlocks(memory *shuffle.Memory) *blocks {
	b := &blocks{memory: memory, kept: map[plan.Block]*list.Element{}, order: list.New(), making: map[plan.Block]bool{}, gone: map[plan.Block]bool{}}
	if memory != nil {
		memory.Reclaim(b.reclaim)
	}
	return b
}

// read gives a block's rows, nil where it is not kept or was made of something else.
func (b *blocks) read(key plan.Block, of string) Run {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.kept[key]
	if e == nil || e.Value.(*block).of != of {
		return nil
	}
	b.order.MoveToFront(e)
	block := e.Value.(*block)
	return runOf(block.like, block.rows)
}

// tell says of the blocks that a task used which are kept, and which others went
// since this was asked last.
func (b *blocks) tell(used []plan.Block) (kept, gone []plan.Block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range used {
		if b.kept[key] != nil {
			kept = append(kept, key)
		}
	}
	for key := range b.gone {
		gone = append(gone, key)
	}
	clear(b.gone)
	return kept, gone
}

// reclaim lets go of the blocks that were not read for the longest time.
func (b *blocks) reclaim(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := b.order.Back(); e != nil && bytes > 0; e = b.order.Back() {
		bytes -= e.Value.(*block).size
		b.evict(e)
	}
}

// drop lets go of all blocks of an RDD, and of those that are being made. Who
// wants that has forgotten them.
func (b *blocks) drop(rdd plan.StageKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := b.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*block).key.RDD == rdd {
			b.remove(e)
		}
		e = next
	}
	for key := range b.making {
		if key.RDD == rdd {
			b.making[key] = false
		}
	}
	for key := range b.gone {
		if key.RDD == rdd {
			delete(b.gone, key)
		}
	}
}

// evict lets go of a block that somebody may still look for.
func (b *blocks) evict(e *list.Element) {
	b.gone[e.Value.(*block).key] = true
	b.remove(e)
}

func (b *blocks) remove(e *list.Element) {
	block := b.order.Remove(e).(*block)
	delete(b.kept, block.key)
	b.memory.Uncache(block.size)
}

// begin says whether the caller is to make a block: it is, if nobody else does.
// end must follow.
func (b *blocks) begin(key plan.Block, of string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.kept[key]
	if _, making := b.making[key]; making || e != nil && e.Value.(*block).of == of {
		return false
	}
	b.making[key] = true
	return true
}

// end keeps a block that was made, or, without one, says that it was not.
func (b *blocks) end(key plan.Block, made *block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keep := b.making[key]
	delete(b.making, key)
	if made == nil {
		return
	}
	if !keep {
		b.memory.Uncache(made.size)
		return
	}
	if old := b.kept[key]; old != nil { // made of what was rolled back
		b.remove(old)
	}
	b.kept[key] = b.order.PushFront(made)
	delete(b.gone, key)
}

// take takes bytes for a block, of blocks of other RDDs if it must.
func (b *blocks) take(n int64, rdd plan.StageKey) bool {
	for !b.memory.Cache(n) {
		if !b.removeOther(rdd) {
			return false
		}
	}
	return true
}

// removeOther lets go of the block of another RDD that was not read for the longest
// time.
func (b *blocks) removeOther(rdd plan.StageKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := b.order.Back(); e != nil; e = e.Prev() {
		if e.Value.(*block).key.RDD != rdd {
			b.evict(e)
			return true
		}
	}
	return false
}

// CacheOp keeps the rows of its one side, in each partition, when all of them were
// read.
func CacheOp[T any]() *Op {
	return of((*T)(nil), one("Cache", nil, cachePart((*Rows[T])(nil))))
}

//go:noinline
func cachePart(like batch) *SourcePart {
	return &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		if len(in.sides) != 1 || in.spec.Cached == nil {
			return nil, errors.New("the plan has no one RDD to keep: driver and executor are of different builds")
		}
		rows, cached := stream(t, in, 0, typ), in.spec.Cached
		return func(feed Feed) error {
			b := t.runner.blocks
			key, of := plan.Block{RDD: cached.Key, Partition: in.partition}, t.madeOf(in.spec)
			if !b.begin(key, of) {
				return runOf(like, rows)(feed)
			}
			t.blocks = append(t.blocks, key)
			m := &maker{blocks: b, key: key, of: of, typ: typ, encode: cached.Level == plan.MemoryOnlySer}
			defer m.end(like)
			return runOf(like, m.through(rows))(feed)
		}, nil
	}}
}

// kept gives the rows of a cached source where its block is here, or else nil. The
// error says that the task has nothing to make it of.
func (t *Task) kept(src *plan.Source, partition int) (Run, error) {
	key := plan.Block{RDD: src.Cached.Key, Partition: partition}
	if rows := t.runner.blocks.read(key, t.madeOf(src)); rows != nil {
		t.blocks = append(t.blocks, key)
		return rows, nil
	}
	if t.spec.Held && len(src.Wide[0].Pipe.ShuffleReads(partition)) > 0 {
		return nil, &blockError{key}
	}
	return nil, nil
}

// blockError says that a block is not here, and cannot be made by the task.
type blockError struct{ block plan.Block }

func (e *blockError) Error() string {
	return fmt.Sprintf("partition %d of the cached RDD %s is not kept here any more", e.block.Partition, e.block.RDD)
}

// madeOf names the generations of all that a cached source reads. Most have none
// but the first, and no name.
func (t *Task) madeOf(src *plan.Source) string {
	if len(t.spec.Gens) == 0 {
		return ""
	}
	var of strings.Builder
	eachPipe(src.Wide[0].Pipe, func(p *plan.Pipe) {
		for _, in := range p.Source.Wide {
			for _, g := range t.spec.Gens {
				if g.Stage == in.Shuffle {
					fmt.Fprintf(&of, "%s:%d ", g.Stage, g.Gen)
				}
			}
		}
	})
	return of.String()
}

// maker makes a block of the rows that go by.
type maker struct {
	blocks *blocks
	key    plan.Block
	of     string
	typ    *codec.Type
	encode bool

	weigher *weight.Weigher
	text    []byte        // encoded rows: of the batch in hand, or all of them
	full    []codec.Rows  // decoded again, so that they share no memory with their sources
	last    *codec.Buffer // rows that will be in full
	size    int64         // taken
	given   bool          // there is no room
	whole   bool          // all rows went by
}

// through gives the rows as they are, and keeps a copy of them.
func (m *maker) through(rows shuffle.RawStream) shuffle.RawStream {
	return func(yield func(codec.Rows) bool) error {
		more := true
		err := rows(func(batch codec.Rows) bool {
			if !m.given && !m.keep(batch) {
				m.giveUp()
			}
			more = yield(batch)
			return more
		})
		m.whole = err == nil && more
		return err
	}
}

// keep copies a batch, and reports false where there is no room or it cannot be
// encoded.
func (m *maker) keep(batch codec.Rows) bool {
	var err error
	if m.encode {
		before := len(m.text)
		if m.text, err = appendRows(m.text, m.typ, batch); err != nil {
			return false
		}
		return m.take(int64(len(m.text) - before))
	}
	if m.text, err = m.typ.Append(m.text[:0], batch); err != nil {
		return false
	}
	if m.weigher == nil {
		m.weigher = weight.NewWeigher(m.typ.Reflect())
	}
	if m.last == nil || m.last.Cap()-m.last.Len() < batch.Len {
		m.seal()
		m.last = m.typ.NewBuffer(max(batch.Len, BatchRows))
		if !m.take(int64(m.last.Cap()) * int64(m.typ.Size())) {
			return false
		}
	}
	from := m.last.Len()
	if _, err = m.typ.Decode(m.last, m.text, batch.Len); err != nil {
		return false
	}
	added := m.typ.Part(m.last.Rows(), from, m.last.Len())
	beside := m.weigher.Rows(added.Data, uintptr(m.typ.Size()), added.Len) - int64(added.Len)*int64(m.typ.Size())
	return beside <= 0 || m.take(beside)
}

func (m *maker) seal() {
	if m.last != nil && m.last.Len() > 0 {
		m.full = append(m.full, m.last.Rows())
	}
	m.last = nil
}

func (m *maker) take(n int64) bool {
	if !m.blocks.take(n, m.key.RDD) {
		return false
	}
	m.size += n
	return true
}

// giveUp lets go of what was copied.
func (m *maker) giveUp() {
	m.blocks.memory.Uncache(m.size)
	m.given, m.size, m.text, m.full, m.last = true, 0, nil, nil, nil
}

// end keeps the block if it is whole. A task that stops early, by a Take or a
// failure, has seen a part of the rows only.
func (m *maker) end(like batch) {
	if m.given || !m.whole {
		m.giveUp()
		m.blocks.end(m.key, nil)
		return
	}
	m.seal()
	m.blocks.end(m.key, &block{key: m.key, of: m.of, rows: m.made(), like: like, size: m.size})
}

// made gives the rows of the block.
func (m *maker) made() shuffle.RawStream {
	typ, full, text := m.typ, m.full, m.text
	if m.encode {
		text = bytes.Clone(text) // without the room to grow
		return func(yield func(codec.Rows) bool) error { return DecodeRows(bytes.NewReader(text), typ, yield) }
	}
	return func(yield func(codec.Rows) bool) error {
		for _, rows := range full {
			if !yield(rows) {
				return nil
			}
		}
		return nil
	}
}
