package rdd

import (
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// maker makes a block of the rows that go by: in memory as far as its level wants
// that and there is room, and then in a file if its level has one.
type maker struct {
	blocks *blocks
	kept   *kept // that it makes
	making *making
	back   bool // it is in a file already, and is to be in memory too

	values *values // what it is made of so far: values,
	packed *packer // or encoded rows
	size   int64   // taken of the memory
	moved  int64   // rows that were values when there was no more room for them
	given  bool    // it is not to be had
	whole  bool    // all rows went by
}

// make feeds the rows, and makes a block of them. Where another task does, that one's is
// read, or else the rows go by as they are.
func (m *maker) make(t *Task, a *adding, rows shuffle.RawStream, feed Feed) error {
	b, k := m.blocks, m.kept
	for m.making = b.begin(k.key, k.of, t); m.making == nil; m.making = b.begin(k.key, k.of, t) {
		if kept, n, added := b.read(k.key, k.of, k.like, k.typ); kept != nil {
			t.blocks = append(t.blocks, k.key)
			a.outer.note(added)
			return t.reading(kept, n)(feed)
		}
		mayBegin, err := b.await(t, k.key)
		if err != nil {
			return err
		}
		if !mayBegin {
			return m.counting(t, a, runOf(k.like, m.watch(rows)))(feed)
		}
	}
	t.blocks = append(t.blocks, k.key)
	defer m.end()
	return m.counting(t, a, runOf(k.like, m.through(rows)))(feed)
}

// through gives the rows as they are, and keeps a copy of them.
func (m *maker) through(rows shuffle.RawStream) shuffle.RawStream {
	return m.watch(func(yield func(codec.Rows) bool) error {
		if !m.begin() {
			m.noRoom()
		}
		return rows(func(batch codec.Rows) bool {
			if !m.given && !m.keep(batch) {
				m.noRoom()
			}
			return yield(batch)
		})
	})
}

// watch gives the rows as they are, and knows then whether that were all.
func (m *maker) watch(rows shuffle.RawStream) shuffle.RawStream {
	return func(yield func(codec.Rows) bool) error {
		more := true
		err := rows(func(batch codec.Rows) bool {
			more = yield(batch)
			return more
		})
		m.whole = err == nil && more
		return err
	}
}

// counting gives a run of the rows that takes what functions added to accumulators
// while they went by. Those of a task that was cancelled may have ended early, without
// a word.
func (m *maker) counting(t *Task, a *adding, run Run) Run {
	return func(feed Feed) (err error) {
		if err = run(feed); err != nil {
			return err
		}
		whole := m.whole && !t.stopped()
		m.whole = false
		m.kept.added, err = a.ended(m.kept.key, whole)
		m.whole = whole && err == nil
		return err
	}
}

// begin reports false where the block has no place to be.
func (m *maker) begin() bool {
	if !m.kept.level.Encoded() {
		m.values = newValues(m.kept.typ)
		return true
	}
	m.packed = newPacker(m.kept.typ, m.kept.id)
	return m.kept.level.Memory() || m.toFile()
}

// keep copies a batch, and reports false where there is no room or it cannot be
// encoded.
func (m *maker) keep(batch codec.Rows) bool {
	if !m.back {
		m.kept.rows += int64(batch.Len)
	}
	var err error
	if m.packed != nil {
		err = m.packed.add(batch)
	} else {
		err = m.values.add(batch)
	}
	return m.room(err)
}

// room takes memory for what has been added, or goes on in a file.
func (m *maker) room(err error) bool {
	if m.packed != nil {
		if m.packed.file != nil {
			return m.written(err)
		}
		return err == nil && (m.take(m.packed.bytes-m.size) || m.toFile())
	}
	return err == nil && (m.take(m.values.size-m.size) || m.toFile())
}

func (m *maker) take(n int64) bool {
	ok := n <= 0
	switch {
	case ok:
	case m.back: // it is read all the same where it is
		ok = m.blocks.memory.Cache(n)
	default:
		ok = m.blocks.take(n, m.kept.key.RDD)
	}
	if ok {
		m.size += max(n, 0)
	}
	return ok
}

// toFile goes on in a file, with all that there is so far.
func (m *maker) toFile() bool {
	if m.back || !m.kept.level.Disk() {
		return false
	}
	var so []codec.Rows
	if m.values != nil {
		so, m.kept.grown, m.moved = m.values.rows(), m.values.size, m.kept.rows
		m.packed, m.values = newPacker(m.kept.typ, m.kept.id), nil
	}
	err := m.blocks.toFile(m.packed, m.kept.key.RDD, so)
	m.blocks.memory.Uncache(m.size)
	m.size = 0
	return m.written(err)
}

// written reports false where a file could not be written.
func (m *maker) written(err error) bool {
	if err != nil {
		m.blocks.abandon(m.packed, err)
		m.packed = nil
	}
	return err == nil
}

// giveUp lets go of what was copied.
func (m *maker) giveUp() {
	m.blocks.memory.Uncache(m.size)
	if m.packed != nil {
		m.packed.abort()
	}
	m.given, m.size, m.values, m.packed = true, 0, nil, nil
}

// noRoom gives up, and lets others go on that wait for the block.
func (m *maker) noRoom() {
	m.giveUp()
	if m.making != nil {
		m.blocks.cede(m.kept.key, m.making, true)
	}
}

// end keeps the block if it is whole. A task that stops early, by a Take or a
// failure, has seen a part of the rows only.
func (m *maker) end() {
	if m.given || !m.whole || !m.finish() {
		m.giveUp()
	}
	switch {
	case m.back && m.given:
		m.blocks.loaded(m.kept, nil, 0)
	case m.back:
		m.blocks.loaded(m.kept, m.values.rows(), m.size)
	case m.given:
		m.blocks.end(m.kept.key, m.making, nil)
	default:
		m.made()
		m.blocks.end(m.kept.key, m.making, m.kept)
	}
}

// finish ends what is encoded, and reports false where that could not be.
func (m *maker) finish() bool {
	switch {
	case m.packed == nil:
		return true
	case !m.room(m.packed.flush()):
		return false
	case m.packed.file == nil:
		return true
	}
	return m.written(m.packed.close())
}

// made puts what there is where the block is read.
func (m *maker) made() {
	k := m.kept
	k.size = m.size
	switch p := m.packed; {
	case p == nil:
		k.full, k.grown = m.values.rows(), m.size
	case p.file != nil:
		k.file, k.bytes = p.file.Name(), p.bytes
		if m.moved > 0 {
			k.grown = k.grown * k.rows / m.moved // as the rest would have
		}
	default:
		k.chunks = p.chunks
	}
}

// values are rows decoded again, so that they share no memory with their sources.
type values struct {
	typ     *codec.Type
	weigher *weight.Weigher
	text    []byte        // a batch, encoded
	full    []codec.Rows  // the rows but for the last
	last    *codec.Buffer // rows that will be in full
	size    int64         // of all of them
}

func newValues(typ *codec.Type) *values {
	return &values{typ: typ, weigher: weight.NewWeigher(typ.Reflect())}
}

// add copies a batch.
func (v *values) add(batch codec.Rows) (err error) {
	if v.text, err = v.typ.Append(v.text[:0], batch); err != nil {
		return err
	}
	if v.last == nil || v.last.Cap()-v.last.Len() < batch.Len {
		v.seal()
		v.last = v.typ.NewBuffer(max(batch.Len, BatchRows))
		v.size += int64(v.last.Cap()) * int64(v.typ.Size())
	}
	from := v.last.Len()
	if _, err = v.typ.Decode(v.last, v.text, batch.Len); err != nil {
		return err
	}
	added := v.typ.Part(v.last.Rows(), from, v.last.Len())
	v.size += v.weigher.Rows(added.Data, uintptr(v.typ.Size()), added.Len) - int64(added.Len)*int64(v.typ.Size())
	return nil
}

func (v *values) seal() {
	if v.last != nil && v.last.Len() > 0 {
		v.full = append(v.full, v.last.Rows())
	}
	v.last = nil
}

// rows gives all of them. None can be added after.
func (v *values) rows() []codec.Rows {
	v.seal()
	return v.full
}
