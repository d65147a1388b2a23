package shuffle_test

import (
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/shuffle"
)

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

func collect[T any](s shuffle.Stream[T]) ([]T, error) {
	var out []T
	err := s(func(rows []T) bool {
		out = append(out, rows...)
		return true
	})
	return out, err
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
