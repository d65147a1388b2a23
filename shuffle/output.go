package shuffle

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Output describes the file that a map task left. It is plain data and travels.
type Output struct {
	Path    string
	Shuffle uint32
	Map     uint32
	// Segments has for each segment the offsets of its partitions and of its end: partition r is
	// [Segments[s][r], Segments[s][r+1]).
	Segments [][]int64
	Rows     int64
	Bytes    int64
	// Sum is folded from the blocks' checksums in order: equal files have equal sums.
	Sum uint64
	// RowSum tells apart what a map side was given: rows, and where they go, in whatever order. How much of them was
	// combined, and what memory there was for it, makes no difference. 0: it is not known, or was not asked for.
	RowSum uint64
	// Sizes has the bytes of every partition.
	Sizes []int64
}

// Input says where the blocks of one partition in the output of one map task are.
type Input struct {
	Path                 string // for messages
	Shuffle, Map, Reduce uint32
	// Open opens the file, or whatever holds its bytes at the same offsets. It is called only when there are bytes.
	Open func() (io.ReaderAt, io.Closer, error)
	// Ranges has the first and the end offset of the partition in every segment, empty ones included.
	Ranges [][2]int64
}

// Bytes returns how many bytes the input has.
func (in Input) Bytes() int64 {
	var n int64
	for _, r := range in.Ranges {
		n += r[1] - r[0]
	}
	return n
}

// Part says where the blocks of one partition are in a file of this machine. It is plain data and
// travels: what a task reads of one map task when it does not run where the output is known whole.
type Part struct {
	Path                 string
	Shuffle, Map, Reduce uint32
	Ranges               [][2]int64 // as Input has them
}

// Part returns the part of partition r.
func (o *Output) Part(r int) Part {
	p := Part{Path: o.Path, Shuffle: o.Shuffle, Map: o.Map, Reduce: uint32(r), Ranges: make([][2]int64, len(o.Segments))}
	for i, seg := range o.Segments {
		if r >= 0 && r+1 < len(seg) {
			p.Ranges[i] = [2]int64{seg[r], seg[r+1]}
		}
	}
	return p
}

// Input returns the part as a reader takes it.
func (p Part) Input() Input {
	path := p.Path
	return Input{Path: path, Shuffle: p.Shuffle, Map: p.Map, Reduce: p.Reduce, Ranges: p.Ranges,
		Open: func() (io.ReaderAt, io.Closer, error) {
			f, err := os.Open(path)
			return f, f, err
		}}
}

// Input returns the input of partition r from the local file.
func (o *Output) Input(r int) Input { return o.Part(r).Input() }

// outFile writes the indexed file of a map task: segments of partitions of blocks.
type outFile struct {
	cfg     Config
	file    *os.File
	out     Output
	enc     block.Encoder
	cut     block.Cutter
	buf     []byte // gathered writes
	gather  int
	written int64   // bytes that reached the file
	offsets []int64 // of the open segment
	id      block.ID
}

const (
	maxGather = 1 << 20
	minGather = 16 << 10
)

func newOutFile(cfg Config, typ *codec.Type, weigh *weight.Weigher, gather int) *outFile {
	return &outFile{
		cfg:    cfg,
		out:    Output{Shuffle: cfg.Shuffle, Map: cfg.Map, Path: filepath.Join(cfg.Dir, cfg.Name+".data")},
		enc:    block.Encoder{Type: typ, Compress: cfg.Compress},
		cut:    block.Cutter{Rows: cfg.BlockRows, Bytes: min(cfg.BlockBytes, gather), Type: typ, Weigh: weigh},
		gather: gather,
		id:     block.ID{Shuffle: cfg.Shuffle, Map: cfg.Map},
	}
}

// at is the offset of the next block.
func (o *outFile) at() int64 { return o.written + int64(len(o.buf)) }

// reach moves on to partition r of the open segment, opening one when there is none.
func (o *outFile) reach(r uint32) {
	if o.offsets == nil {
		o.offsets = make([]int64, 0, o.cfg.Reduces+1)
		o.id.Segment = uint32(len(o.out.Segments))
	}
	for len(o.offsets) <= int(r) {
		o.offsets = append(o.offsets, o.at())
		o.id.Seq = 0
	}
	o.id.Reduce = r
}

// write appends rows to partition r, which must not be before the last one written in this segment.
func (o *outFile) write(r uint32, rows codec.Rows) error {
	o.reach(r)
	for rows.Len > 0 {
		n := o.cut.Next(rows)
		if err := o.block(o.enc.Type.Part(rows, 0, n)); err != nil {
			return err
		}
		rows = o.enc.Type.Part(rows, n, rows.Len)
	}
	return nil
}

func (o *outFile) block(rows codec.Rows) error {
	buf, sum, err := o.enc.Append(o.buf, o.id, rows)
	if errors.Is(err, block.ErrTooLarge) && rows.Len > 1 {
		typ, half := o.enc.Type, rows.Len/2
		if err := o.block(typ.Part(rows, 0, half)); err != nil {
			return err
		}
		return o.block(typ.Part(rows, half, rows.Len))
	}
	if err != nil {
		return fmt.Errorf("write %s, %v: %w", o.out.Path, o.id, err)
	}
	return o.took(buf, sum, rows.Len)
}

// writePacked appends rows that are encoded to partition r, as write does, as one block.
func (o *outFile) writePacked(r uint32, rows *codec.Packed) error {
	o.reach(r)
	buf, sum, err := o.enc.AppendPacked(o.buf, o.id, rows)
	if err != nil {
		return fmt.Errorf("write %s, %v: %w", o.out.Path, o.id, err)
	}
	return o.took(buf, sum, rows.Rows)
}

// took counts a block of so many rows that is at the end of buf.
func (o *outFile) took(buf []byte, sum uint64, rows int) error {
	o.buf = buf
	o.id.Seq++
	o.out.Rows += int64(rows)
	o.out.Sum = bits.RotateLeft64(o.out.Sum, 1)*0x9e3779b97f4a7c15 ^ sum
	if len(o.buf) < o.gather {
		return nil
	}
	return o.flush()
}

func (o *outFile) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	if o.file == nil {
		f, err := os.OpenFile(o.out.Path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("create shuffle file: %w", err)
		}
		o.file = f
	}
	n, err := o.file.Write(o.buf)
	o.written += int64(n)
	if err != nil {
		return fmt.Errorf("write shuffle file: %d bytes at offset %d: %w", len(o.buf), o.written, err)
	}
	if cap(o.buf) > 2*maxGather {
		o.buf = nil // one large row should not cost its size for ever
	}
	o.buf = o.buf[:0]
	return nil
}

// endSegment closes the open segment, if any.
func (o *outFile) endSegment() {
	if o.offsets == nil {
		return
	}
	for len(o.offsets) <= o.cfg.Reduces {
		o.offsets = append(o.offsets, o.at())
	}
	o.out.Segments = append(o.out.Segments, o.offsets)
	o.offsets = nil
}

// finish writes what is left and returns the description. A task without rows has no segment but has a file.
func (o *outFile) finish() (*Output, error) {
	o.endSegment()
	if err := o.flush(); err != nil {
		return nil, err
	}
	if o.file == nil {
		f, err := os.OpenFile(o.out.Path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, fmt.Errorf("create shuffle file: %w", err)
		}
		o.file = f
	}
	if err := o.file.Close(); err != nil {
		return nil, fmt.Errorf("close shuffle file: %w", err)
	}
	o.file, o.buf = nil, nil
	o.out.Bytes = o.written
	o.out.Sizes = make([]int64, o.cfg.Reduces)
	for _, seg := range o.out.Segments {
		for r := range o.out.Sizes {
			o.out.Sizes[r] += seg[r+1] - seg[r]
		}
	}
	out := o.out
	return &out, nil
}

// abort removes the file.
func (o *outFile) abort() {
	if o.file != nil {
		_ = o.file.Close()
		o.file = nil
	}
	_ = os.Remove(o.out.Path)
	o.buf, o.offsets = nil, nil
}
