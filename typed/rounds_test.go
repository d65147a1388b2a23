package typed_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// place is a row of a k-means, centres what travels to all of its tasks.
type place [2]float64

type group struct {
	Sum place
	N   float64
}

const (
	placeRows   = 1000
	placeGroups = 8
)

func places(s *typed.Session) typed.RDD[place] {
	return s.Range(placeRows, typed.Partitions(2)).Map(func(x int64) place {
		return place{float64(x * 7919 % 1000), float64(x * 104729 % 1000)}
	})
}

func firstCentres() (c []place) {
	for i := range placeGroups {
		c = append(c, place{float64(i * 125), float64(i * 125)})
	}
	return c
}

func nearest(centres []place, p place) (best int) {
	least := math.Inf(1)
	for i, c := range centres {
		if d := (p[0]-c[0])*(p[0]-c[0]) + (p[1]-c[1])*(p[1]-c[1]); d < least {
			best, least = i, d
		}
	}
	return best
}

func addGroups(a, b group) group {
	return group{place{a.Sum[0] + b.Sum[0], a.Sum[1] + b.Sum[1]}, a.N + b.N}
}

// improve is a round: it gives the centres of the places that are nearest to each.
func improve(t testing.TB, points typed.RDD[place], centres []place) []place {
	t.Helper()
	groups, err := points.With(centres).MapToPair(func(centres []place, p place) (int, group) {
		return nearest(centres, p), group{p, 1}
	}).ReduceByKey(addGroups).CollectAsMap(ctx)
	if err != nil {
		t.Fatal(err)
	}
	next := make([]place, len(centres))
	for i, g := range groups {
		next[i] = place{g.Sum[0] / g.N, g.Sum[1] / g.N}
	}
	return next
}

// footprint is what a process has after some rounds.
type footprint struct {
	heap              int64
	goroutines, files int
}

// weigh collects what nobody needs, until there is no less, and weighs the rest.
func weigh(t *testing.T, dir string) (f footprint) {
	t.Helper()
	f.heap = math.MaxInt64
	for same := 0; same < 5; same++ {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if h := int64(m.HeapAlloc); h < f.heap-16<<10 {
			f.heap, same = h, 0
		}
	}
	f.goroutines, f.files = runtime.NumGoroutine(), len(files(t, dir))
	return f
}

// TestRoundsAreFlat runs a k-means whose rounds each have a With value, a shuffle, and
// rows that are kept for one round and for two: what they take is that of a round,
// however many there were.
func TestRoundsAreFlat(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 150
	}
	dir := t.TempDir()
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2, Scratch: dir, Closures: true, Notices: devNull{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	points := places(s).Cache()
	centres, old := firstCentres(), typed.RDD[place]{}
	var early footprint
	for round := 1; round <= rounds; round++ {
		moved := points.With(centres).Map(func(c []place, p place) place {
			to := c[nearest(c, p)]
			return place{p[0] - to[0], p[1] - to[1]}
		}).Persist(typed.StorageLevel(round % 5))
		for range 2 {
			if n := count(t, moved); n != placeRows {
				t.Fatalf("round %d: %d rows", round, n)
			}
		}
		centres = improve(t, points, centres)
		if round > 1 {
			old.Unpersist()
		}
		old = moved
		if round == 10 {
			early = weigh(t, dir)
		}
	}
	late := weigh(t, dir)
	t.Logf("after 10 rounds %+v, after %d %+v", early, rounds, late)
	if late.heap > early.heap+1<<20 || late.goroutines > early.goroutines+2 || late.files > early.files+8 {
		t.Errorf("after 10 rounds there was %+v, after %d %+v", early, rounds, late)
	}
	want := firstCentres()
	for range rounds {
		want = improveAlone(want)
	}
	for i, c := range centres {
		if math.Abs(c[0]-want[i][0]) > 1e-9 || math.Abs(c[1]-want[i][1]) > 1e-9 {
			t.Errorf("centre %d is %v, want %v", i, c, want[i])
		}
	}
}

// improveAlone is improve in a plain loop.
func improveAlone(centres []place) []place {
	groups := make([]group, len(centres))
	for x := range int64(placeRows) {
		p := place{float64(x * 7919 % 1000), float64(x * 104729 % 1000)}
		i := nearest(centres, p)
		groups[i] = addGroups(groups[i], group{p, 1})
	}
	next := make([]place, len(centres))
	for i, g := range groups {
		if g.N > 0 {
			next[i] = place{g.Sum[0] / g.N, g.Sum[1] / g.N}
		}
	}
	return next
}

type devNull struct{}

func (devNull) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkKMeansRound is one round over 1,000 rows that are cached: early ones, and
// those after a thousand.
func BenchmarkKMeansRound(b *testing.B) {
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2, Scratch: b.TempDir(), Closures: true, Notices: devNull{}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	points := places(s).Cache()
	centres, done := firstCentres(), 0
	for _, from := range []int{10, 1000} {
		for ; done < from; done++ {
			centres = improve(b, points, centres)
		}
		b.Run(fmt.Sprint("from=", from), func(b *testing.B) {
			for b.Loop() {
				centres = improve(b, points, centres)
			}
		})
	}
}

// BenchmarkCachedShare is a round over rows of which a part fits into the memory for
// what is cached, and nothing where there is no level.
func BenchmarkCachedShare(b *testing.B) {
	type row [12]float64
	const rows = 400_000
	const bytes = rows * 12 * 8
	var line strings.Builder
	for i := range 12 {
		line.WriteString(strconv.FormatFloat(math.Sqrt(float64(i+2)), 'g', -1, 64) + " ")
	}
	path := filepath.Join(b.TempDir(), "rows")
	if err := os.WriteFile(path, []byte(strings.Repeat(line.String()+"\n", rows)), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, level := range []typed.StorageLevel{typed.MemoryOnly, typed.MemoryOnlySer, typed.MemoryAndDisk, typed.MemoryAndDiskSer, typed.DiskOnly} {
		for _, percent := range []int64{110, 75, 50, 0} {
			b.Run(fmt.Sprintf("%s/%d%%", level, percent), func(b *testing.B) {
				s, err := typed.NewSession(ctx, typed.Options{Cores: 2, Scratch: b.TempDir(), Closures: true, Notices: devNull{},
					Memory: max(bytes*4/3*percent/100, 16<<20)})
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				points := s.TextFile(path, typed.Partitions(64)).TryMap(func(l string) (r row, err error) {
					for i, f := range strings.Fields(l) {
						if r[i], err = strconv.ParseFloat(f, 64); err != nil {
							return r, err
						}
					}
					return r, nil
				})
				if percent > 0 {
					points = points.Persist(level)
				}
				round := func() {
					sum, err := points.Map(func(r row) float64 { return r[0] + r[11] }).Reduce(ctx, func(a, b float64) float64 { return a + b })
					if err != nil || math.Abs(sum/rows-math.Sqrt(2)-math.Sqrt(13)) > 1e-6 {
						b.Fatal(sum, err)
					}
				}
				round()
				began := time.Now()
				for b.Loop() {
					round()
				}
				b.ReportMetric(float64(time.Since(began).Milliseconds())/float64(b.N), "ms/round")
			})
		}
	}
}
