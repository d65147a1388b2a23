package shuffle

import (
	"errors"
	"io"

	"github.com/gordd-project/gordd/shuffle/block"
)

// puller hands out ordered rows in batches with their prefixes. A batch is valid until the next call; an empty one
// is the end.
type puller[T any] interface {
	next() (rows []T, prefixes []uint64, err error)
}

// pulledRows is about how many rows a puller hands out at a time.
const pulledRows = 256

// push hands the rest of a puller to yield.
func push[T any](p puller[T], stop func() error, yield func([]T) bool) error {
	for {
		rows, _, err := p.next()
		if err != nil {
			return err
		}
		if len(rows) == 0 || !yield(rows) {
			return nil
		}
		if err := stop(); err != nil {
			return err
		}
	}
}

// storedRows pulls from rows in memory.
type storedRows[T any] struct {
	store *rowStore[T]
	keys  []sortKey
	rows  []T
	pre   []uint64
}

func (p *storedRows[T]) next() ([]T, []uint64, error) {
	n := min(pulledRows, len(p.keys))
	p.rows, p.pre = p.rows[:0], p.pre[:0]
	for _, k := range p.keys[:n] {
		p.rows, p.pre = append(p.rows, *p.store.at(k.i)), append(p.pre, k.p)
	}
	p.keys = p.keys[n:]
	return p.rows, p.pre, nil
}

// runRows pulls from a run in a file.
type runRows[T any] struct {
	blocks *block.Reader[T]
	ord    ordering[T]
	rows   []T
	pre    []uint64
}

func (p *runRows[T]) next() ([]T, []uint64, error) {
	clear(p.rows)
	rows, err := p.blocks.Next(p.rows[:0])
	if errors.Is(err, io.EOF) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	p.rows = rows
	if cap(p.pre) < len(rows) {
		p.pre = make([]uint64, len(rows))
	}
	p.pre = p.pre[:len(rows)]
	p.ord.prefix(rows, p.pre)
	return rows, p.pre, nil
}

// merged pulls from several pullers in order. Equal rows come in the order of the pullers.
type merged[T any] struct {
	ord  ordering[T]
	heap []head[T]
	rows []T
	pre  []uint64
}

// head is a cursor with the prefix of its current row, which decides nearly all comparisons.
type head[T any] struct {
	p uint64
	*cursor[T]
}

type cursor[T any] struct {
	src   puller[T]
	rank  int
	rows  []T
	pre   []uint64
	at    int
	ended bool
}

// load fetches a batch when the last one is used up.
func (c *cursor[T]) load() (err error) {
	if c.at < len(c.rows) || c.ended {
		return nil
	}
	c.rows, c.pre, err = c.src.next()
	c.at, c.ended = 0, len(c.rows) == 0
	return err
}

func merge[T any](ord ordering[T], srcs []puller[T]) (*merged[T], error) {
	m := &merged[T]{ord: ord}
	for i, src := range srcs {
		c := &cursor[T]{src: src, rank: i}
		if err := c.load(); err != nil {
			return nil, err
		}
		if !c.ended {
			m.heap = append(m.heap, head[T]{c.pre[0], c})
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

func (m *merged[T]) less(a, b *head[T]) bool {
	if a.p != b.p {
		return a.p < b.p
	}
	if m.ord.cmp != nil {
		if c := m.ord.cmp(&a.rows[a.at], &b.rows[b.at]); c != 0 {
			return c < 0
		}
	}
	return a.rank < b.rank
}

func (m *merged[T]) sink(i int) {
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

func (m *merged[T]) next() ([]T, []uint64, error) {
	m.rows, m.pre = m.rows[:0], m.pre[:0]
	for len(m.rows) < pulledRows && len(m.heap) > 0 {
		top := &m.heap[0]
		m.rows, m.pre = append(m.rows, top.rows[top.at]), append(m.pre, top.p)
		top.at++
		if err := top.load(); err != nil {
			return nil, nil, err
		}
		if top.ended {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		} else {
			top.p = top.pre[top.at]
		}
		m.sink(0)
	}
	return m.rows, m.pre, nil
}
