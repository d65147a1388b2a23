package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"iter"
	"math/rand/v2"

	"github.com/gordd-project/gordd/typed"
)

const (
	keyLength = 10
	// recordLength is that of a record without its newline.
	recordLength = 99
)

// generate makes so many records, which are the same for a seed.
func generate(s *typed.Session, n int64, seed uint64) typed.RDD[string] {
	return s.Range(n).With(seed).Map(record)
}

// record has a key of printable characters, its number, and a filler.
func record(seed uint64, i int64) string {
	r := rand.NewPCG(seed, uint64(i))
	var b [recordLength]byte
	for j := range keyLength {
		b[j] = byte(' ' + r.Uint64()%95)
	}
	copy(b[keyLength:], fmt.Sprintf("  %032x  ", i))
	for j := keyLength + 36; j < recordLength; j++ {
		b[j] = byte('A' + (i+int64(j)/13)%26)
	}
	return string(b[:])
}

func sort(records typed.RDD[string], parts int) typed.RDD[string] {
	return records.SortBy(key, typed.Partitions(parts))
}

func key(record string) string { return record[:min(len(record), keyLength)] }

// stretch is what a partition, or several one after the other, looks like.
type stretch struct {
	Rows     int64
	Sum      uint64 // of the records' checksums, whatever their order
	From, To string
	Wrong    int64 // the first row that is not in order, counted from 1
}

// look walks through a partition.
func look(_ *typed.Task, records iter.Seq[string]) iter.Seq[stretch] {
	return func(yield func(stretch) bool) {
		var s stretch
		for r := range records {
			s.Rows++
			s.Sum += uint64(crc32.ChecksumIEEE([]byte(r)))
			switch k := key(r); {
			case s.Rows == 1:
				s.From, s.To = k, k
			case k < s.To:
				s.Wrong = cmp.Or(s.Wrong, s.Rows)
			default:
				s.To = k
			}
		}
		yield(s)
	}
}

// then puts another stretch behind.
func (s stretch) then(o stretch) stretch {
	switch {
	case s.Rows == 0:
		return o
	case o.Rows == 0:
		return s
	case s.Wrong == 0 && o.From < s.To:
		s.Wrong = s.Rows + 1
	case s.Wrong == 0 && o.Wrong > 0:
		s.Wrong = s.Rows + o.Wrong
	}
	return stretch{s.Rows + o.Rows, s.Sum + o.Sum, s.From, o.To, s.Wrong}
}

// walk looks at all partitions, in their order.
func walk(ctx context.Context, records typed.RDD[string]) (all stretch, err error) {
	parts, err := records.MapPartitions(look).Collect(ctx)
	for _, p := range parts {
		all = all.then(p)
	}
	return all, err
}

// validate compares what was sorted with what it was made of.
func validate(ctx context.Context, unsorted, sorted typed.RDD[string]) error {
	before, err := walk(ctx, unsorted)
	if err != nil {
		return err
	}
	after, err := walk(ctx, sorted)
	switch {
	case err != nil:
		return err
	case after.Wrong > 0:
		return fmt.Errorf("record %d is not in order", after.Wrong)
	case after.Rows != before.Rows || after.Sum != before.Sum:
		return fmt.Errorf("%d records with sum %x became %d with %x", before.Rows, before.Sum, after.Rows, after.Sum)
	}
	return nil
}
