package shuffle

import (
	"errors"
	"io"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// puller hands out ordered rows in batches with their prefixes. A batch is valid until the next call; an empty one
// is the end.
type puller interface {
	next() (rows codec.Rows, prefixes []uint64, err error)
}

// pulledRows is about how many rows a puller hands out at a time.
const pulledRows = 256

// push hands the rest of a puller to yield.
func push(p puller, stop func() error, yield func(codec.Rows) bool) error {
	for {
		rows, _, err := p.next()
		if err != nil {
			return err
		}
		if rows.Len == 0 || !yield(rows) {
			return nil
		}
		if err := stop(); err != nil {
			return err
		}
	}
}

// storedRows pulls from rows in memory.
type storedRows struct {
	store *rowStore
	keys  []sortKey
	rows  *codec.Buffer
	at    [pulledRows]uint32
	pre   [pulledRows]uint64
}

func newStoredRows(store *rowStore, keys []sortKey) *storedRows {
	return &storedRows{store: store, keys: keys, rows: store.typ.NewBuffer(0)}
}

func (p *storedRows) next() (codec.Rows, []uint64, error) {
	n := min(pulledRows, len(p.keys))
	for i, k := range p.keys[:n] {
		p.at[i], p.pre[i] = k.i, k.p
	}
	p.keys = p.keys[n:]
	p.rows.Reset()
	p.store.gather(p.rows, p.at[:n])
	return p.rows.Rows(), p.pre[:n], nil
}

// runRows pulls from a run in a file.
type runRows struct {
	blocks *block.Reader
	rows   *codec.Buffer
	prefix func(rows codec.Rows, out []uint64) // nil: prefixes are not wanted
	pre    []uint64
}

func (p *runRows) next() (codec.Rows, []uint64, error) {
	p.rows.Clear()
	err := p.blocks.Next(p.rows)
	if errors.Is(err, io.EOF) {
		return codec.Rows{}, nil, nil
	}
	if err != nil {
		return codec.Rows{}, nil, err
	}
	rows := p.rows.Rows()
	if p.prefix == nil {
		return rows, nil, nil
	}
	if cap(p.pre) < rows.Len {
		p.pre = make([]uint64, rows.Len)
	}
	p.pre = p.pre[:rows.Len]
	p.prefix(rows, p.pre)
	return rows, p.pre, nil
}

// merged pulls from several pullers in order. Equal rows come in the order of the pullers.
type merged struct {
	ord   ordering
	heap  []head
	rows  *codec.Buffer
	pre   [pulledRows]uint64
	n     int                        // rows of the batch in the making
	picks [pulledRows]unsafe.Pointer // of these, the ones that still lie in their sources' batches
	held  int
}

// head is a cursor with the prefix of its current row, which decides nearly all comparisons.
type head struct {
	p uint64
	*cursor
}

type cursor struct {
	src   puller
	rank  int
	typ   *codec.Type
	rows  codec.Rows
	pre   []uint64
	at    int
	ended bool
}

// row returns the current row.
func (c *cursor) row() unsafe.Pointer { return c.typ.At(c.rows, c.at) }

// load fetches a batch.
func (c *cursor) load() (err error) {
	c.rows, c.pre, err = c.src.next()
	c.at, c.ended = 0, c.rows.Len == 0
	return err
}

func merge(ord ordering, typ *codec.Type, srcs []puller) (*merged, error) {
	m := &merged{ord: ord, rows: typ.NewBuffer(0)}
	for i, src := range srcs {
		c := &cursor{src: src, rank: i, typ: typ}
		if err := c.load(); err != nil {
			return nil, err
		}
		if !c.ended {
			m.heap = append(m.heap, head{c.pre[0], c})
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

func (m *merged) less(a, b *head) bool {
	if a.p != b.p {
		return a.p < b.p
	}
	if m.ord.cmp != nil {
		if c := m.ord.cmp(a.row(), b.row()); c != 0 {
			return c < 0
		}
	}
	return a.rank < b.rank
}

func (m *merged) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if child+1 < len(m.heap) && m.less(&m.heap[child+1], &m.heap[child]) {
			child++
		}
		if !m.less(&m.heap[child], &m.heap[i]) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}

func (m *merged) next() (codec.Rows, []uint64, error) {
	m.rows.Reset()
	for m.n = 0; m.n < pulledRows && len(m.heap) > 0; {
		top := &m.heap[0]
		m.picks[m.held], m.pre[m.n] = top.row(), top.p
		m.held++
		m.n++
		if err := m.advance(top); err != nil {
			return codec.Rows{}, nil, err
		}
		m.sink(0)
	}
	m.gather()
	return m.rows.Rows(), m.pre[:m.n], nil
}

// advance goes on to the next row of the first source, or takes it out at its end.
func (m *merged) advance(top *head) error {
	if top.at++; top.at == top.rows.Len {
		m.gather() // the source's next batch overwrites this one
		if err := top.load(); err != nil {
			return err
		}
	}
	if !top.ended {
		top.p = top.pre[top.at]
		return nil
	}
	last := len(m.heap) - 1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	return nil
}

// gather copies the rows picked.
func (m *merged) gather() {
	m.rows.Gather(m.picks[:m.held])
	m.held = 0
}
