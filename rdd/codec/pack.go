package codec

import "unsafe"

// Packer encodes rows one at a time, so that rows can be put together, by where
// they go, as they come. It is for types of numbers, booleans and strings, in
// structs and arrays; others have none.
type Packer struct {
	leaves  []leaf
	columns int
	fixed   int // bytes of a row beside those of its strings
}

// leaf is a part of a row that is a column of its own, or two: a string has that
// of lengths before that of bytes.
type leaf struct {
	at   uintptr
	size int // 0: a string
}

// maxLeaves bounds the columns of a Packer: each is memory that grows.
const maxLeaves = 16

// Packer returns the packer of t, or nil when it has none.
func (t *Type) Packer() *Packer {
	p := &Packer{}
	if !littleEndian || !p.flatten(t.col, 0) || len(p.leaves) == 0 || len(p.leaves) > maxLeaves {
		return nil
	}
	for _, l := range p.leaves {
		p.columns++
		p.fixed += l.size
		if l.size == 0 {
			p.columns++
			p.fixed++
		}
	}
	return p
}

// flatten adds the leaves of the values at an offset of a row.
func (p *Packer) flatten(c column, at uintptr) bool {
	switch c := c.(type) {
	case *record:
		for _, f := range c.fields {
			if !p.flatten(f.col, at+f.offset) {
				return false
			}
		}
		return true
	case zero:
		return true
	case text:
		p.leaves = append(p.leaves, leaf{at: at})
		return true
	}
	size := widthOf(c)
	if size > 0 {
		p.leaves = append(p.leaves, leaf{at, size})
	}
	return size > 0
}

// widthOf is the size of values that travel as they are in memory, 0 for others.
func widthOf(c column) int {
	switch c := c.(type) {
	case fixed[uint8], boolean:
		return 1
	case fixed[uint16]:
		return 2
	case fixed[uint32]:
		return 4
	case fixed[uint64]:
		return 8
	case *array:
		if size := widthOf(c.elem); size > 0 && uintptr(size) == c.size {
			return size * c.len
		}
	}
	return 0
}

// Packed are rows that a Packer has encoded. The zero value has none.
type Packed struct {
	Rows    int
	columns [][]byte
}

// Size is about the bytes that a row takes in a Packed.
func (p *Packer) Size(row unsafe.Pointer) int {
	size := p.fixed
	for _, l := range p.leaves {
		if l.size == 0 {
			size += len(*(*string)(unsafe.Add(row, l.at)))
		}
	}
	return size
}

// Add adds a row, and keeps nothing of it.
func (p *Packer) Add(to *Packed, row unsafe.Pointer) {
	if to.columns == nil {
		to.columns = make([][]byte, p.columns)
	}
	columns := to.columns
	for _, l := range p.leaves {
		from := unsafe.Add(row, l.at)
		switch l.size {
		case 0:
			s := *(*string)(from)
			columns[0] = appendLen(columns[0], len(s))
			columns[1] = append(columns[1], s...)
			columns = columns[2:]
			continue
		case 8:
			columns[0] = append(columns[0], (*[8]byte)(from)[:]...)
		default:
			columns[0] = append(columns[0], unsafe.Slice((*byte)(from), l.size)...)
		}
		columns = columns[1:]
	}
	to.Rows++
}

// Append appends the encoding of the rows to dst, as that of a Type does.
func (p *Packed) Append(dst []byte) []byte {
	for _, c := range p.columns {
		dst = append(dst, c...)
	}
	return dst
}

// Held is how many bytes of memory there are for rows, used or not.
func (p *Packed) Held() int {
	held := 0
	for _, c := range p.columns {
		held += cap(c)
	}
	return held
}

// Reset takes all rows out. The memory stays until it is used again.
func (p *Packed) Reset() {
	for i := range p.columns {
		p.columns[i] = p.columns[i][:0]
	}
	p.Rows = 0
}
