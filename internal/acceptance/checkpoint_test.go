package acceptance_test

import (
	"cmp"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/typed"
)

// TestCheckpointOfEachKind checkpoints what operators of each kind give: the rows, and
// the partitions they are in, are the same, and what they came of is computed no more.
func TestCheckpointOfEachKind(t *testing.T) {
	for name, make := range map[string]func(s *typed.Session, r typed.RDD[int64]) typed.RDD[int64]{
		"map": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.Map(func(x int64) int64 { return -x })
		},
		"filter": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.Filter(func(x int64) bool { return x > 70 })
		},
		"nothing left": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.Filter(func(int64) bool { return false })
		},
		"union": func(s *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.Union(s.Range(7, typed.Partitions(2)), r)
		},
		"product": func(s *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.Cartesian(s.Range(5, typed.Partitions(2)), add)
		},
		"coalesce": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] { return r.Coalesce(2) },
		"sort": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.SortFunc(func(a, b int64) int { return cmp.Compare(b, a) })
		},
		"zip": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] { return r.Zip(r, add) },
		"distinct": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return typed.Distinct(r, typed.Partitions(3))
		},
		"sample":        func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] { return r.Sample(0.5, typed.Seed(3)) },
		"zipPartitions": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] { return r.ZipPartitions(r, firstOf) },
		"cache":         func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] { return r.Cache() },
		"cogroup": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			p := r.KeyBy(func(x int64) int64 { return x % 9 })
			return p.CoGroup(p, func(k int64, vs, ws iter.Seq[int64]) iter.Seq[int64] {
				return slices.Values([]int64{k + int64(len(slices.Collect(vs))*len(slices.Collect(ws)))})
			}).Values()
		},
		"group": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.KeyBy(func(x int64) int64 { return x % 9 }).GroupByKey(func(_ int64, vs iter.Seq[int64]) int64 { return int64(len(slices.Collect(vs))) }).Values()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(ctx, t, typed.Options{CheckpointDir: t.TempDir()})
			source, ran := counting(s, 100, 4)
			r := make(s, source)
			want, err := typed.Glom(r).Collect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			ran()
			cut, err := r.Checkpoint(ctx)
			if err != nil {
				t.Fatal(err)
			}
			ran()
			for range 2 {
				got, err := typed.Glom(cut).Collect(ctx)
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("got  %v, %v\nwant %v", got, err, want)
				}
			}
			if n := ran(); n != 0 {
				t.Errorf("%d rows of the source were computed again", n)
			}
		})
	}
}

func firstOf(_ *typed.Task, a, _ iter.Seq[int64]) iter.Seq[int64] { return a }

// TestCheckpointOfPairs keeps where they are, so that a join with what is placed alike
// moves nothing.
func TestCheckpointOfPairs(t *testing.T) {
	w := &watch{}
	s := open(ctx, t, typed.Options{CheckpointDir: t.TempDir(), Observe: w.see})
	four := typed.Partitions(4)
	for name, p := range map[string]typed.PairRDD[int64, int64]{
		"reduceByKey": s.Range(100).KeyBy(func(x int64) int64 { return x % 10 }).ReduceByKey(add, four),
		"partitionBy": s.Range(10).KeyBy(func(x int64) int64 { return x }).PartitionBy(four),
	} {
		cut, err := p.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cut.MapValues(func(v int64) int64 { return 2 * v }).Join(cut, func(a, b int64) int64 { return a - b }).CollectAsMap(ctx)
		if err != nil || w.stages() != 1 {
			t.Errorf("%s: %d stages, %v", name, w.stages(), err)
		}
		want, err := p.CollectAsMap(ctx)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v, %v", name, got, want, err)
		}
	}
}

// TestCheckpointCutsTheLineage lets go of all that a loop made: its source is not
// computed again, and an action has as many stages after round 30 as after the first.
func TestCheckpointCutsTheLineage(t *testing.T) {
	w := &watch{}
	s := open(ctx, t, typed.Options{CheckpointDir: t.TempDir(), Observe: w.see})
	r, ran := counting(s, 40, 2)
	p := r.KeyBy(func(x int64) int64 { return x % 5 })
	sum := int64(40 * 39 / 2)
	for round := range 30 {
		p = p.MapToPair(func(k, v int64) (int64, int64) { return (k + 1) % 5, v + 1 }).ReduceByKey(add)
		if sum += 5; round == 0 {
			sum += 35 // it had all rows then
		}
		var err error
		if p, err = p.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		got, err := p.Values().Reduce(ctx, add)
		if err != nil || got != sum || w.stages() != 1 {
			t.Fatalf("round %d: sum %d, want %d, in %d stages, %v", round, got, sum, w.stages(), err)
		}
	}
	if n := ran(); n != 40 {
		t.Errorf("the source was computed for %d rows", n)
	}
}

func TestCheckpoints(t *testing.T) {
	dir := t.TempDir()
	s := open(ctx, t, typed.Options{CheckpointDir: dir})
	promises := []promise{
		{does: "a checkpoint of a checkpoint", run: func(s *typed.Session) (any, error) {
			cut, err := s.Range(9, typed.Partitions(2)).Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			again, err := cut.Filter(func(x int64) bool { return x > 5 }).Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			return rows(again)
		}, want: []int64{6, 7, 8}},
		{does: "no partitions", run: func(s *typed.Session) (any, error) {
			cut, err := s.Empty[string]().Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			return rows(cut)
		}, want: []string{}},
		{does: "what is kept is written as it is kept", run: func(s *typed.Session) (any, error) {
			r, ran := counting(s, 60, 3)
			kept := r.Cache()
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			cut, err := kept.Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			kept.Unpersist()
			n, err := cut.Count(ctx)
			return []int64{n, ran()}, err
		}, want: []int64{60, 60}},
		{does: "a checkpoint that is kept", run: func(s *typed.Session) (any, error) {
			cut, err := s.Range(6, typed.Partitions(2)).Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			kept := cut.Cache()
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			return rows(kept)
		}, want: numbers(0, 6)},
		{does: "a row that fails", run: func(s *typed.Session) (any, error) {
			cut, err := s.Range(9, typed.Partitions(3)).Map(func(x int64) int64 { return 10 / (x - 5) }).Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			return rows(cut)
		}, fails: `^Map \(checkpoint_test.go:\d+\): .*divide by zero`},
	}
	for _, p := range promises {
		run := p.run
		p.run = func(*typed.Session) (any, error) { return run(s) }
		check(t, []promise{p})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the session left %v, %v", left, err)
	}
}

func TestCheckpointWantsADirectory(t *testing.T) {
	check(t, []promise{{does: "no directory", run: func(s *typed.Session) (any, error) {
		_, err := s.Range(3).Checkpoint(ctx)
		return nil, err
	}, fails: `^Checkpoint \(checkpoint_test.go:\d+\): .*CheckpointDir`}})
}

// TestCheckpointFilesThatAreGone cannot be computed again: that is an error, which names
// what is missing.
func TestCheckpointFilesThatAreGone(t *testing.T) {
	dir := t.TempDir()
	s := open(ctx, t, typed.Options{CheckpointDir: dir})
	cut, err := s.Range(50, typed.Partitions(2)).Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "part-*"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := cut.Collect(ctx); err == nil {
		t.Errorf("%d rows of files that are gone", len(got))
	}
}

// TestCheckpointIsWrittenOnce fails each task once: what the first attempts wrote is not
// in it.
func TestCheckpointIsWrittenOnce(t *testing.T) {
	s := open(embedded.WithTrial(ctx, embedded.Trial{Attempts: 2}), t, typed.Options{CheckpointDir: t.TempDir()})
	cut, err := failOnce(s.Range(400, typed.Partitions(4)), 30).Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cut.Collect(ctx); err != nil || !slices.Equal(got, numbers(0, 400)) {
		t.Errorf("%d rows, %v", len(got), err)
	}
}
