package codec

import (
	"fmt"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

type trade struct {
	ID       int64
	Price    float64
	Quantity int32
	Buy      bool
}

const benchRows = 1024

func trades() []trade {
	rows := make([]trade, benchRows)
	for i := range rows {
		rows[i] = trade{int64(i), float64(i) / 3, int32(i), i%2 == 0}
	}
	return rows
}

func counts() []Pair[string, int64] {
	rows := make([]Pair[string, int64], benchRows)
	for i := range rows {
		rows[i] = Pair[string, int64]{fmt.Sprintf("word%d", i*7919), int64(i)}
	}
	return rows
}

func BenchmarkTrades(b *testing.B)  { bench(b, trades()) }
func BenchmarkCounts(b *testing.B)  { bench(b, counts()) }
func BenchmarkInts(b *testing.B)    { bench(b, make([]int64, benchRows)) }
func BenchmarkMsgpack(b *testing.B) { b.Run("trades", pack(trades())); b.Run("counts", pack(counts())) }

// bench reports the time for a batch of benchRows rows, and bytes per second.
func bench[T any](b *testing.B, rows []T) {
	c := mustFor[T](b)
	code, err := c.Append(nil, rows)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(code)))
		b.ReportAllocs()
		for b.Loop() {
			if code, err = c.Append(code[:0], rows); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(code)))
		b.ReportAllocs()
		var out []T
		for b.Loop() {
			if out, _, err = c.Decode(out[:0], code, len(rows)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func pack[T any](rows []T) func(*testing.B) {
	return func(b *testing.B) {
		code, err := msgpack.Marshal(rows)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("encode", func(b *testing.B) {
			b.SetBytes(int64(len(code)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := msgpack.Marshal(rows); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("decode", func(b *testing.B) {
			b.SetBytes(int64(len(code)))
			b.ReportAllocs()
			for b.Loop() {
				var out []T
				if err := msgpack.Unmarshal(code, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	b.Run("string", benchHash(func(i int) string { return fmt.Sprintf("word%d", i*7919) }))
	b.Run("long string", benchHash(func(i int) string { return fmt.Sprintf("%040d", i) }))
	b.Run("int64", benchHash(func(i int) int64 { return int64(i) }))
	b.Run("pair", benchHash(func(i int) Pair[int32, int32] { return Pair[int32, int32]{int32(i), 1} }))
}

func benchHash[K comparable](key func(int) K) func(*testing.B) {
	return func(b *testing.B) {
		keys, out := make([]K, benchRows), make([]uint64, benchRows)
		for i := range keys {
			keys[i] = key(i)
		}
		k := mustKeys[K](b)
		for b.Loop() {
			k.Hash(out, keys, 1)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/key")
	}
}
