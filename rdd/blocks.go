package rdd

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/keptfile"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/shuffle/block"
)

// blocks keeps the rows of cached RDDs, a block for each partition. It shares the
// budget of tasks: what they need, it lets go of, the blocks first that were not
// read for the longest time. It is never a block of one RDD that makes room for
// another of the same: a loop over an RDD that does not fit would find each block
// gone when it comes to it. A block whose level has disk is written to a file
// before its memory is given back.
type blocks struct {
	memory *shuffle.Memory
	dir    func() (string, error) // makes the directory for files; nil: there is none
	notice func(string)

	mu     sync.Mutex
	kept   map[plan.Block]*kept
	order  *list.List // *kept, those in memory, the one read last in front
	making map[plan.Block]*making
	waits  map[*Task]*making   // tasks that wait for a block that another makes
	gone   map[plan.Block]bool // let go of, and told nobody
	files  fileOrder
	said   bool // that there is no room on disk
}

// kept is the rows of one partition, in memory, in a file, or both. Its rows never
// change; where they are is guarded by the mutex of blocks.
type kept struct {
	key   plan.Block
	level plan.StorageLevel
	of    string      // generations of what it was made of
	like  batch       // nil: it is a copy that was never read
	typ   *codec.Type // of its rows, like like
	id    block.ID    // of the first of its encoded blocks
	rows  int64
	added []blockAdded // to accumulators, while it and what it was made of was computed

	full   []codec.Rows  // in memory, as values
	chunks [][]byte      // in memory, as encoded blocks
	size   int64         // of either, taken of the memory
	at     *list.Element // of order; nil: it is not in memory
	busy   bool          // it is being written, or read to be in memory again

	file  string        // "": it has none
	on    *list.Element // of the order of files; nil: it has none
	bytes int64         // of file
	grown int64         // what its values take of the memory, as far as that is known
}

func newBlocks(o *RunnerOptions) *blocks {
	b := &blocks{memory: o.Memory, dir: o.CacheDir, notice: o.Notice, kept: map[plan.Block]*kept{}, order: list.New(),
		making: map[plan.Block]*making{}, waits: map[*Task]*making{}, gone: map[plan.Block]bool{}}
	b.files = fileOrder{disk: o.Disk, order: list.New()}
	return b
}

// read gives a block's rows, how many they are and what was added to accumulators
// when it was computed; nil where it is not kept or was made of something else.
func (b *blocks) read(key plan.Block, of string, like batch, typ *codec.Type) (Run, int64, []blockAdded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.kept[key]
	if k == nil || k.of != of {
		return nil, 0, nil
	}
	if k.typ == nil { // of a copy it is not known before
		k.like, k.typ = like, typ
	}
	if k.on != nil {
		b.files.order.MoveToFront(k.on)
	}
	if k.at != nil {
		b.order.MoveToFront(k.at)
		return runOf(k.like, b.inMemory(k)), k.rows, k.added
	}
	return runOf(k.like, b.fromFile(k)), k.rows, k.added
}

// inMemory gives the rows of a block as they are in memory now.
func (b *blocks) inMemory(k *kept) shuffle.RawStream {
	full, chunks, typ := k.full, k.chunks, k.typ
	if chunks != nil {
		return func(yield func(codec.Rows) bool) error { return b.intact(k, unpackChunks(typ, k.id, chunks, yield)) }
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

// fromFile gives the rows of a block that is in a file alone, and has them in memory
// as well from then on where values are wanted there and there is room for them.
func (b *blocks) fromFile(k *kept) shuffle.RawStream {
	path, bytes, typ := k.file, k.bytes, k.typ
	rows := func(yield func(codec.Rows) bool) error {
		return b.intact(k, unpackFile(path, bytes, k.rows, typ, k.id, yield))
	}
	return func(yield func(codec.Rows) bool) error {
		if !b.load(k) {
			return rows(yield)
		}
		m := &maker{blocks: b, kept: k, back: true}
		defer m.end()
		return m.through(rows)(yield)
	}
}

// load says whether the caller is to have a block in memory again, where it takes
// no other's place: loaded must follow.
func (b *blocks) load(k *kept) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.busy || k.at != nil || k.level != plan.MemoryAndDisk || !b.memory.Cache(k.grown) {
		return false
	}
	b.memory.Uncache(k.grown) // it is taken as it grows
	k.busy = true
	return true
}

// intact makes of an error in reading a block that the block is not there: it is
// forgotten, and whoever reads it makes it anew.
func (b *blocks) intact(k *kept, err error) error {
	if err == nil {
		return nil
	}
	b.mu.Lock()
	file := k.file
	if b.kept[k.key] == k {
		b.gone[k.key] = true
		b.forget(k)
	}
	b.mu.Unlock()
	removeAll(file)
	return &blockError{k.key, err}
}

// tell says of the blocks that a task used which are kept, and which others went
// since this was asked last.
func (b *blocks) tell(used []plan.Block) (kept []plan.KeptBlock, gone []plan.Block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range used[:min(len(used), plan.MaxBlocks)] {
		if k := b.kept[key]; k != nil {
			kept = append(kept, plan.KeptBlock{Block: key, Bytes: max(k.size, k.bytes)})
		}
	}
	for key := range b.gone {
		if len(gone) == plan.MaxBlocks {
			break
		}
		gone = append(gone, key)
		delete(b.gone, key)
	}
	return kept, gone
}

// reclaim takes memory of the blocks that were not read for the longest time.
func (b *blocks) reclaim(bytes int64) {
	for bytes > 0 {
		freed, ok := b.evict("")
		if !ok {
			return
		}
		bytes -= freed
	}
}

// take takes bytes for a block, of blocks of other RDDs if it must.
func (b *blocks) take(n int64, rdd plan.StageKey) bool {
	for !b.memory.Cache(n) {
		if _, ok := b.evict(rdd); !ok {
			return false
		}
	}
	return true
}

// evict takes the memory of the block that was not read for the longest time, but of
// no block of one RDD. It reports false where there is none.
func (b *blocks) evict(but plan.StageKey) (freed int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.order.Back()
	for e != nil && (e.Value.(*kept).busy || e.Value.(*kept).key.RDD == but) {
		e = e.Prev()
	}
	if e == nil {
		return 0, false
	}
	k := e.Value.(*kept)
	freed = k.size
	if k.level.Disk() && k.file == "" {
		b.write(k)
	}
	b.unload(k)
	if k.file == "" && b.kept[k.key] == k { // somebody may still look for it
		b.gone[k.key] = true
		delete(b.kept, k.key)
	}
	return freed, true
}

// write gives a block a file. The mutex is not held meanwhile: others read the block,
// or let go of it.
func (b *blocks) write(k *kept) {
	k.busy = true
	full, chunks := k.full, k.chunks
	p := &packer{}
	if full != nil {
		p = newPacker(k.typ, k.id)
	}
	b.mu.Unlock()
	p, err := b.pack(p, k.key.RDD, full, chunks)
	b.mu.Lock()
	k.busy = false
	switch {
	case err != nil:
	case b.kept[k.key] == k:
		k.file, k.bytes = p.file.Name(), p.bytes
		b.files.add(k)
	default:
		removeAll(p.file.Name())
	}
}

// pack writes what is in memory to a new file.
func (b *blocks) pack(p *packer, rdd plan.StageKey, full []codec.Rows, chunks [][]byte) (*packer, error) {
	p.chunks = chunks
	err := b.toFile(p, rdd, full)
	if err == nil {
		err = p.close()
	}
	if err != nil {
		b.abandon(p, err)
	}
	return p, err
}

// toFile has a packer of rows of an RDD go on in a new file, with values that it has
// not yet.
func (b *blocks) toFile(p *packer, rdd plan.StageKey, values []codec.Rows) error {
	if b.dir == nil {
		return errors.New("there is no directory for cached rows")
	}
	dir, err := b.dir()
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.files.made++
	b.files.dir = dir
	name := filepath.Join(dir, fmt.Sprintf("%d.block", b.files.made))
	b.mu.Unlock()
	p.room = func() error { return b.spare(rdd) }
	if err := p.room(); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = p.moveTo(f)
	for i := 0; err == nil && i < len(values); i++ {
		err = p.add(values[i])
	}
	return err
}

// abandon removes a file that could not be written, and says why, once.
func (b *blocks) abandon(p *packer, err error) {
	p.abort()
	var failed *os.PathError // not that rows cannot be encoded
	if !errors.As(err, &failed) && !errors.Is(err, errDiskShort) {
		return
	}
	b.mu.Lock()
	said := b.said
	b.said = true
	b.mu.Unlock()
	if !said && b.notice != nil {
		b.notice(fmt.Sprintf("cached rows cannot be kept on disk, and are computed again: %v", err))
	}
}

// drop lets go of all blocks of an RDD, and of those that are being made. Who
// wants that has forgotten them.
func (b *blocks) drop(rdd plan.StageKey) {
	removeAll(b.dropped(rdd)...)
}

func (b *blocks) dropped(rdd plan.StageKey) (files []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, k := range b.kept {
		if key.RDD == rdd {
			b.forget(k)
			files = append(files, k.file)
		}
	}
	for key, mk := range b.making {
		if key.RDD == rdd {
			mk.keep = false
		}
	}
	for key := range b.gone {
		if key.RDD == rdd {
			delete(b.gone, key)
		}
	}
	return files
}

// unload gives back the memory of a block.
func (b *blocks) unload(k *kept) {
	if k.at != nil {
		b.order.Remove(k.at)
		b.memory.Uncache(k.size)
		k.at, k.full, k.chunks, k.size = nil, nil, nil, 0
	}
}

// forget unloads a block and keeps it no more. Its file is the caller's to remove.
func (b *blocks) forget(k *kept) {
	b.unload(k)
	b.files.remove(k)
	delete(b.kept, k.key)
}

// begin has the caller make a block, if nobody else does: it gives nil then. end must
// follow.
func (b *blocks) begin(key plan.Block, of string, by *Task) *making {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.kept[key]
	if _, making := b.making[key]; making || k != nil && k.of == of {
		return nil
	}
	mk := &making{by: by, keep: true, done: make(chan struct{})}
	b.making[key] = mk
	return mk
}

// end keeps a block that was made, or, without one, says that it was not.
func (b *blocks) end(key plan.Block, mk *making, made *kept) {
	removeAll(b.ended(key, mk, made))
}

// ended gives the file that nobody needs.
func (b *blocks) ended(key plan.Block, mk *making, made *kept) (file string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keep := mk.keep
	if b.making[key] == mk {
		close(mk.done)
		delete(b.making, key)
	} else { // it was ceded
		keep = false
	}
	if made == nil {
		return ""
	}
	if !keep {
		b.memory.Uncache(made.size)
		return made.file
	}
	if old := b.kept[key]; old != nil { // made of what was rolled back
		b.forget(old)
		file = old.file
	}
	b.kept[key] = made
	if made.file == "" {
		made.at = b.order.PushFront(made)
	} else {
		b.files.add(made)
	}
	delete(b.gone, key)
	return file
}

// loaded ends the reading of a block to be in memory again: size bytes were taken
// for full, if all of it was read.
func (b *blocks) loaded(k *kept, full []codec.Rows, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k.busy = false
	if full == nil || b.kept[k.key] != k {
		b.memory.Uncache(size)
		return
	}
	k.full, k.size = full, size
	k.at = b.order.PushFront(k)
}

// CacheOp keeps the rows of its one side, in each partition, when all of them were
// read.
func CacheOp[T any]() *Op {
	return of((*T)(nil), one("Cache", nil, cachePart((*Rows[T])(nil))))
}

//go:noinline
func cachePart(like batch) *SourcePart {
	return &SourcePart{out: like, open: func(t *Task, in *Input) (Run, error) {
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
			m := &maker{blocks: b, kept: &kept{key: plan.Block{RDD: cached.Key, Partition: in.partition}, level: cached.Level.Single(),
				of: t.madeOf(in.spec), like: like, typ: typ}}
			m.kept.id = keptfile.First(m.kept.key)
			return m.make(t, in.adding, rows, feed)
		}, nil
	}}
}

var errNotKept = errors.New("it is not kept here any more")

// blockError says that a block is not here, or not whole, and cannot be made by the
// task: it began without what that takes, or has given some of the rows already.
type blockError struct {
	block plan.Block
	cause error
}

func (e *blockError) Error() string {
	return fmt.Sprintf("partition %d of the cached RDD %s: %v", e.block.Partition, e.block.RDD, e.cause)
}

func (e *blockError) Unwrap() error { return e.cause }

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
