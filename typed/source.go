package typed

import (
	"fmt"
	"io"
	"math"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// Line is a line of text with the path of its file and its offset there.
type Line = rdd.Line

// TextFile reads files of text by line. path is a file, a directory, a glob
// (*, ?, [a-z], {a,b}, and ** for directories of any depth), or several of these
// with commas. Lines end in \n or \r\n, which are taken off. Files that end in
// .gz or .zst are decompressed. Large files are cut, small ones packed
// together; rows are in the order of files and lines. A directory without files is an
// error, unless _SUCCESS says that it is what a job wrote of no partitions.
func (s *Session) TextFile(path string, opts ...ReadOption) RDD[string] {
	return RDD[string]{s, s.files(rdd.TextOp(), call(), path, plan.Files{}, opts)}
}

// Lines is TextFile with the place of each line.
func (s *Session) Lines(path string, opts ...ReadOption) RDD[Line] {
	return RDD[Line]{s, s.files(rdd.LinesOp(), call(), path, plan.Files{}, opts)}
}

// WholeTextFiles reads whole files: the key is a file's path, the value its
// text. A file is at most 1 GiB.
func (s *Session) WholeTextFiles(path string, opts ...ReadOption) PairRDD[string, string] {
	return PairRDD[string, string]{s, s.files(rdd.WholeFilesOp(), call(), path, plan.Files{Whole: true}, opts)}
}

// BinaryFiles is WholeTextFiles with the bytes of each file as they are stored, for
// images and the like: files that end in .gz or .zst are not decompressed. A file is
// at most 1 GiB.
func (s *Session) BinaryFiles(path string, opts ...ReadOption) PairRDD[string, []byte] {
	return PairRDD[string, []byte]{s, s.files(rdd.BinaryFilesOp(), call(), path, plan.Files{Whole: true}, opts)}
}

// BinaryRecords reads files of records of recordBytes bytes each, at most 1 GiB, with
// nothing between them. path is as for TextFile, and files are cut and packed as there,
// but between records. A file that is not a whole number of records long is an error.
//
// A row may be kept, but must not be changed, and keeps the bytes of those that were
// read with it, a MiB or so: make a value of another type of it, or clone what is kept
// of a few rows only.
func (s *Session) BinaryRecords(path string, recordBytes int, opts ...ReadOption) RDD[[]byte] {
	c := call()
	if recordBytes < 1 || recordBytes > rdd.MaxRecord {
		c.Err = fmt.Errorf("BinaryRecords (%s): records of %d bytes: give a number from 1 to %d", c.Site, recordBytes, rdd.MaxRecord)
	}
	return RDD[[]byte]{s, s.files(rdd.BinaryRecordsOp(), c, path, plan.Files{Record: int64(recordBytes)}, opts)}
}

func (s *Session) files(op *rdd.Op, c rdd.Call, path string, f plan.Files, opts []ReadOption) *rdd.Node {
	for _, o := range opts {
		o.read(&f)
	}
	var err error
	if f.Paths, err = storage.Abs(s.ctx, path); err != nil {
		c.Err = fmt.Errorf("%s (%s): %w", op.Name, c.Site, err)
	}
	if f.MinSplits < 0 || f.MinSplits > plan.MaxPartitions || f.MaxBytes < 0 {
		c.Err = fmt.Errorf("%s (%s): partitions must be from 0 to %d, split bytes at least 0", op.Name, c.Site, plan.MaxPartitions)
	}
	return s.graph.Source(op, c, plan.Source{Files: &f})
}

// Parallelize makes an RDD of a slice, in so many partitions; 0 is the default,
// one for each core. Partition i begins at row i·len(rows)/partitions. The rows
// are encoded at once: later changes are not seen.
func (s *Session) Parallelize[T any](rows []T, partitions int) RDD[T] {
	return RDD[T]{s, newUse(s, nil, typeOf[T]()).parallelize(rdd.DataOp[T](), codec.RowsOf(rows), partitions)}
}

func (u *use) parallelize(op *rdd.Op, rows codec.Rows, n int) *rdd.Node {
	c := u.as(op)
	if n == 0 {
		n = u.s.options.Cores
	}
	if n < 0 || n > plan.MaxPartitions {
		c.Err = fmt.Errorf("Parallelize (%s): %d partitions: give a number from 0 to %d", c.Site, n, plan.MaxPartitions)
	}
	src := plan.Source{Data: &plan.Data{}}
	if c.Err == nil {
		var err error
		src.Data.Blob, err = u.s.engine.WriteBlob(func(w io.Writer) (err error) {
			src.Data.Ends, err = rdd.EncodeData(w, rows, u.t.typ, n)
			return err
		})
		if err != nil {
			c.Err = fmt.Errorf("Parallelize (%s): %w", c.Site, err)
		}
	}
	return u.s.graph.Source(op, c, src)
}

// Range makes an RDD of the n numbers from 0 on; see From and Step.
func (s *Session) Range(n int64, opts ...RangeOption) RDD[int64] {
	c := call()
	r := &plan.Range{Count: n, Step: 1, N: s.options.Cores}
	for _, o := range opts {
		o.rng(r)
	}
	if r.N == 0 {
		r.N = s.options.Cores
	}
	switch {
	case n < 0:
		c.Err = fmt.Errorf("Range (%s): %d numbers: give a number from 0 on", c.Site, n)
	case r.N < 1 || r.N > plan.MaxPartitions:
		c.Err = fmt.Errorf("Range (%s): %d partitions: give a number from 1 to %d", c.Site, r.N, plan.MaxPartitions)
	case n > 1 && overflows(r):
		c.Err = fmt.Errorf("Range (%s): the last number does not fit in an int64", c.Site)
	}
	return RDD[int64]{s, s.graph.Source(rdd.RangeOp(), c, plan.Source{Range: r})}
}

// overflows says whether the last number of a range is beyond int64.
func overflows(r *plan.Range) bool {
	steps := r.Count - 1
	if r.Step == 0 {
		return false
	}
	room := uint64(math.MaxInt64) - uint64(r.From) // from From up, modulo 2⁶⁴ right for negative ones too
	size := uint64(r.Step)
	if r.Step < 0 {
		room, size = uint64(r.From)-uint64(1<<63), -size
	}
	return uint64(steps) > room/size
}

// Empty makes an RDD of no rows, in no partitions.
func (s *Session) Empty[T any]() RDD[T] {
	c := call()
	return RDD[T]{s, s.graph.Source(rdd.EmptyOp[T](), c, plan.Source{Data: &plan.Data{}})}
}
