package typed_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// onDisk are the levels that have disk.
var onDisk = []typed.StorageLevel{typed.MemoryAndDisk, typed.MemoryAndDiskSer, typed.DiskOnly}

// little is a session with as little memory as there may be, and its scratch
// directory. What it has to say goes to notices.
func little(t *testing.T, scratch string) (s *typed.Session, dir string, notices *bytes.Buffer) {
	t.Helper()
	notices = &bytes.Buffer{}
	s, err := typed.NewSession(t.Context(), typed.Options{Memory: 16 << 20, Cores: 2, Seed: 1, Scratch: scratch, Notices: notices, Closures: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left := files(t, scratch); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
	return s, scratch, notices
}

// cachedFiles are those with cached rows.
func cachedFiles(t *testing.T, dir string) []string {
	t.Helper()
	some, err := filepath.Glob(filepath.Join(dir, "*", "cached", "*.block"))
	if err != nil {
		t.Error(err)
	}
	return some
}

// same says whether an RDD has the rows that counted gives.
func same(t *testing.T, r typed.RDD[string], n int) {
	t.Helper()
	got, err := r.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != n {
		t.Fatalf("%d rows, want %d", len(got), n)
	}
	for i, row := range got {
		if want := strings.Repeat("x", 100) + fmt.Sprint(i); row != want {
			t.Fatalf("row %d is %q", i, row)
		}
	}
}

// TestCacheOnDiskComputesOnce has more rows than memory, and tasks that want memory.
func TestCacheOnDiskComputesOnce(t *testing.T) {
	const n = 120_000
	for _, level := range onDisk {
		t.Run(level.String(), func(t *testing.T) {
			s, dir, notices := little(t, t.TempDir())
			r, ran := counted(t, s, n, 40)
			kept := r.Persist(level)
			for round, want := range []int64{n, 0, 0} {
				if round == 2 { // one task that wants all memory pushes out what is there
					groups := kept.KeyBy(strings.Clone).ReduceByKey(func(a, _ string) string { return a }, typed.Partitions(1))
					if got := count(t, groups.Values()); got != n {
						t.Errorf("%d groups", got)
					}
				}
				if same(t, kept, n); ran() != want {
					t.Errorf("round %d does not compute %d rows", round, want)
				}
			}
			if some := cachedFiles(t, dir); len(some) == 0 || level == typed.DiskOnly && len(some) != 40 {
				t.Errorf("%d files", len(some))
			}
			kept.Unpersist()
			if same(t, kept, n); ran() != n {
				t.Error("it is kept after Unpersist")
			}
			if some := cachedFiles(t, dir); len(some) > 0 {
				t.Errorf("%d files after Unpersist", len(some))
			}
			if notices.Len() > 0 {
				t.Errorf("it said %q", notices)
			}
		})
	}
}

// TestCacheGoesBackToMemory pushes rows out by those of another RDD: when that is gone
// they are in memory again, where nobody notices that their files are gone.
func TestCacheGoesBackToMemory(t *testing.T) {
	s, dir, _ := little(t, t.TempDir())
	r, ran := counted(t, s, 20_000, 4)
	kept := r.Persist(typed.MemoryAndDisk)
	count(t, kept)
	if some := cachedFiles(t, dir); len(some) > 0 {
		t.Fatalf("%d files though there is room", len(some))
	}
	other, _ := counted(t, s, 120_000, 40)
	large := other.Cache()
	count(t, large)
	if len(cachedFiles(t, dir)) == 0 {
		t.Fatal("nothing was pushed out")
	}
	large.Unpersist()
	same(t, kept, 20_000)
	for _, path := range cachedFiles(t, dir) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if same(t, kept, 20_000); ran() != 20_000 {
		t.Error("some rows were computed again")
	}
}

// TestDamagedCacheIsComputedAgain damages files in every way there is. What is read
// of them is right all the same, by itself and as the side of a join.
func TestDamagedCacheIsComputedAgain(t *testing.T) {
	const n, parts = 30_000, 3
	damages := map[string]func(t *testing.T, paths []string){
		"a flipped bit": func(t *testing.T, paths []string) {
			b := read(t, paths[0])
			b[len(b)*3/4] ^= 8
			put(t, paths[0], b)
		},
		"cut short":      func(t *testing.T, paths []string) { put(t, paths[1], read(t, paths[1])[:1000]) },
		"longer":         func(t *testing.T, paths []string) { put(t, paths[1], append(read(t, paths[1]), 0)) },
		"empty":          func(t *testing.T, paths []string) { put(t, paths[2], nil) },
		"gone":           func(t *testing.T, paths []string) { remove(t, paths[0]) },
		"all are gone":   func(t *testing.T, paths []string) { remove(t, paths...) },
		"another's rows": func(t *testing.T, paths []string) { put(t, paths[0], read(t, paths[1])) },
	}
	for name, damage := range damages {
		for _, joined := range []bool{false, true} {
			t.Run(fmt.Sprint(name, "/joined=", joined), func(t *testing.T) {
				s, dir, _ := little(t, t.TempDir())
				r, ran := counted(t, s, n, parts)
				kept := r.Persist(typed.DiskOnly)
				rows := kept
				if joined {
					rows = kept.Zip(kept.Map(strings.Clone), func(a, _ string) string { return a })
				}
				if same(t, rows, n); ran() == 0 {
					t.Fatal("nothing was computed")
				}
				paths := cachedFiles(t, dir)
				if len(paths) != parts {
					t.Fatalf("files: %v", paths)
				}
				damage(t, paths)
				if same(t, rows, n); ran() == 0 {
					t.Error("nothing was computed again")
				}
				if same(t, rows, n); ran() != 0 {
					t.Error("what was computed again is not kept")
				}
			})
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoPartIsOnDisk reads parts of partitions: nothing of them stays.
func TestNoPartIsOnDisk(t *testing.T) {
	for _, level := range onDisk {
		s, dir, _ := little(t, t.TempDir())
		r, ran := counted(t, s, 100_000, 2)
		kept := r.Persist(level)
		if _, err := kept.Take(t.Context(), 30_000); err != nil {
			t.Fatal(err)
		}
		_, err := kept.Map(func(x string) string {
			if strings.HasSuffix(x, "x49000") {
				panic("no")
			}
			return x
		}).Count(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no") {
			t.Fatal(err)
		}
		// The second partition may have been read whole by then.
		if some := cachedFiles(t, dir); len(some) > 1 {
			t.Errorf("%v: %d files", level, len(some))
		}
		if ran(); count(t, kept) != 100_000 || ran() < 50_000 {
			t.Errorf("%v: a part of a partition is kept", level)
		}
	}
}

// TestCacheWithoutRoomOnDisk cannot write files: rows are computed again, which is
// said once.
func TestCacheWithoutRoomOnDisk(t *testing.T) {
	s, dir, notices := little(t, t.TempDir())
	if n := count(t, s.Range(10)); n != 10 { // makes the directory
		t.Fatal(n)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	put(t, filepath.Join(dir, entries[0].Name(), "cached"), nil) // where a directory is to be
	r, ran := counted(t, s, 30_000, 3)
	for _, level := range onDisk {
		kept := r.Persist(level)
		same(t, kept, 30_000)
		if same(t, kept, 30_000); ran() == 0 {
			t.Error("nothing was computed")
		}
	}
	if got := notices.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "cached rows cannot be kept on disk, and are computed again: ") {
		t.Errorf("it said %q", got)
	}
}

// TestCachesOfMany have several RDDs of all levels be read, pushed out, damaged and let
// go of at once.
func TestCachesOfMany(t *testing.T) {
	s, dir, _ := little(t, t.TempDir())
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			for round := range 3 {
				r, _ := counted(t, s, 30_000, 5)
				kept := r.Persist(typed.StorageLevel(i % 5))
				for range 3 {
					if n, err := kept.Filter(func(x string) bool { return strings.HasPrefix(x, "xxx") }).Count(t.Context()); n != 30_000 || err != nil {
						t.Errorf("%d rows, %v", n, err)
					}
				}
				if round > 0 {
					var reads sync.WaitGroup
					reads.Go(func() {
						if n, err := kept.Count(t.Context()); n != 30_000 || err != nil {
							t.Errorf("while it is let go of: %d rows, %v", n, err)
						}
					})
					kept.Unpersist()
					reads.Wait()
				}
			}
		})
	}
	damaged := make(chan struct{})
	go func() {
		defer close(damaged)
		for range 50 {
			some := cachedFiles(t, dir)
			if len(some) == 0 {
				continue
			}
			if err := os.Truncate(some[0], 100); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
	}()
	all.Wait()
	<-damaged
}

func ExamplePairRDD_Persist_disk() {
	byKey := session().Range(3).KeyBy(func(x int64) int64 { return x }).Persist(typed.MemoryAndDisk)
	defer byKey.Unpersist()
	fmt.Println(byKey.Collect(ctx))
	// Output: [{0 0} {1 1} {2 2}] <nil>
}
