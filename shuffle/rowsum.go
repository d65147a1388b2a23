package shuffle

import "github.com/gordd-project/gordd/rdd/codec"

// rowSum adds up the hashes of the rows that a map side is given. It is about these and not what is written of them:
// how rows are combined depends on memory, and may differ when a task is run again. Nil sums nothing.
type rowSum struct {
	typ    *codec.Type
	hasher *codec.Hasher // nil: rows are counted only
	hashes [placedAtOnce]uint64
	sum    uint64
	rows   uint64
	failed bool // rows could not be hashed
}

// newRowSum returns what sums rows of a type, or values of which the keys are hashed already; nil where cfg has none.
func newRowSum(cfg Config, typ *codec.Type) *rowSum {
	if !cfg.RowSum {
		return nil
	}
	s := &rowSum{typ: typ}
	if !cfg.Inexact {
		s.hasher = typ.Hasher()
	}
	return s
}

// placer is place, and sums what is placed: every row comes there once. Where it goes is part of its hash: rows that
// are dealt out must be dealt alike.
func (s *rowSum) placer(place Placer) Placer {
	if s == nil {
		return place
	}
	return func(rows codec.Rows, out []uint32) {
		place(rows, out)
		for from := 0; from < rows.Len; from += len(s.hashes) {
			hashes := s.hashes[:min(rows.Len-from, len(s.hashes))]
			for i, part := range out[from : from+len(hashes)] {
				hashes[i] = mixPart * uint64(part)
			}
			s.add(hashes, values{s.typ.At(rows, from), uintptr(s.typ.Size())})
		}
	}
}

// mixPart makes numbers of partitions differ in all bits.
const mixPart = 0xd6e8feb86659fd93

// add sums a batch of rows of which something is hashed already. It overwrites the hashes.
func (s *rowSum) add(hashes []uint64, rows values) {
	s.rows += uint64(len(hashes))
	if s.hasher == nil {
		return
	}
	sum, err := s.hasher.Sum(hashes, rows.first, rows.stride)
	s.sum += sum
	s.failed = s.failed || err != nil // values that are combined need not be encoded ever
}

// all is the sum of all rows so far.
func (s *rowSum) all() uint64 {
	if s == nil || s.failed {
		return 0
	}
	return mix(s.sum, s.rows) | 1 // 0 says that there is none
}
