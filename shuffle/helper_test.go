package shuffle_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// typeOf returns the type of rows of T.
func typeOf[T any]() *codec.Type { return must(codec.TypeOf[T]()) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// batches streams rows n at a time, from a buffer that is overwritten as a stream's may be.
func batches[T any](rows []T, n int) shuffle.Stream[T] {
	return func(yield func([]T) bool) error {
		var buf []T
		for part := range slices.Chunk(rows, n) {
			buf = append(buf[:0], part...)
			more := yield(buf)
			clear(buf)
			if !more {
				return nil
			}
		}
		return nil
	}
}

// raw is batches of a stream without a type.
func raw[T any](rows []T, n int) shuffle.RawStream { return shuffle.Raw(batches(rows, n)) }

func collect[T any](s shuffle.Stream[T]) ([]T, error) {
	var out []T
	err := s(func(rows []T) bool {
		out = append(out, rows...)
		return true
	})
	return out, err
}

// read reads rows of T from the inputs.
func read[T any](t testing.TB, in ...shuffle.Input) ([]T, error) {
	return collect(shuffle.Typed[T](shuffle.Read(t.Context(), in, typeOf[T]())))
}

// sorted sorts rows of T by functions that know T.
func sorted[T any](
	t testing.TB, cfg shuffle.Config, prefix func([]T, []uint64), cmp func(a, b *T) int, in shuffle.Stream[T],
) shuffle.Stream[T] {
	var compare func(a, b unsafe.Pointer) int
	if cmp != nil {
		compare = func(a, b unsafe.Pointer) int { return cmp((*T)(a), (*T)(b)) }
	}
	return shuffle.Typed[T](shuffle.Sort(t.Context(), cfg, typeOf[T](), func(rows codec.Rows, out []uint64) {
		prefix(codec.Slice[T](rows), out)
	}, compare, shuffle.Raw(in)))
}

// newCombiner returns a combiner of pairs of K and V.
func newCombiner[K comparable, V, C any](cfg shuffle.Config, f shuffle.Combine[V, C]) *shuffle.Combiner[K, V, C] {
	return shuffle.NewCombiner[K, V, C](cfg, must(shuffle.NewCombining[K](f)))
}

// aggregate combines rows by functions that know their types.
func aggregate[K comparable, V, C any](
	ctx context.Context, cfg shuffle.Config, f shuffle.Combine[V, C], in shuffle.Stream[codec.Pair[K, V]],
) shuffle.Stream[codec.Pair[K, C]] {
	return shuffle.Typed[codec.Pair[K, C]](shuffle.Aggregate(ctx, cfg, must(shuffle.NewCombining[K](f)), shuffle.Raw(in)))
}

// merge is aggregate of accumulators.
func merge[K comparable, V, C any](
	ctx context.Context, cfg shuffle.Config, f shuffle.Combine[V, C], in shuffle.Stream[codec.Pair[K, C]],
) shuffle.Stream[codec.Pair[K, C]] {
	return shuffle.Typed[codec.Pair[K, C]](shuffle.Merge(ctx, cfg, must(shuffle.NewCombining[K](f)), shuffle.Raw(in)))
}

// budget is an account that must be empty when the test ends.
func budget(t testing.TB, limit int64) (*shuffle.Memory, *shuffle.Account) {
	t.Helper()
	m := shuffle.NewMemory(limit)
	a := m.Open(t.Name())
	t.Cleanup(func() {
		if a.Used() != 0 {
			t.Errorf("%d bytes of memory are still held", a.Used())
		}
		a.Close()
	})
	return m, a
}

// emptyDir is a scratch directory that must be empty, but for output files, when the test ends.
func emptyDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		left, _ := filepath.Glob(filepath.Join(dir, "*.tmp"))
		if len(left) > 0 {
			t.Errorf("temporary files left: %v", left)
		}
	})
	return dir
}

// unsafeString shares b's memory, as rows cut from a reused buffer do.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// keys is a KeyType with methods that take values.
type keys[K comparable] struct{ *codec.KeyType }

func keysOf[K comparable]() keys[K] { return keys[K]{must(codec.KeyTypeOf[K]())} }

func (k keys[K]) Hash1(key K, seed uint64) uint64 {
	return k.KeyType.Hash1(unsafe.Pointer(&key), seed)
}

func (k keys[K]) Equal(a, b K) bool { return k.KeyType.Equal(unsafe.Pointer(&a), unsafe.Pointer(&b)) }

// partitionOf is where HashKeys places a key.
func partitionOf[K comparable](k keys[K], key K, seed uint64, reduces int) uint32 {
	out := []uint32{0}
	shuffle.HashKeys(k.KeyType, typeOf[K](), seed, reduces)(codec.RowsOf([]K{key}), out)
	return out[0]
}
