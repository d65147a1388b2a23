package main

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// files are some whose words tell which of them are tests, more or less.
func files() (all []typed.Pair[string, string]) {
	for i := range 30 {
		f := typed.Pair[string, string]{Key: fmt.Sprintf("/a/f%d.go", i), Value: "package a " + strings.Repeat("func ", i%4+1)}
		if i%3 == 0 {
			f = typed.Pair[string, string]{Key: fmt.Sprintf("/a/f%d_test.go", i), Value: "package a testing func " + strings.Repeat("t ", i%5+1)}
		}
		all = append(all, f)
	}
	return append(all, typed.Pair[string, string]{Key: "/a/README", Value: "no Go"})
}

// TestDescend compares with slopes that are found by a small step of each weight.
func TestDescend(t *testing.T) {
	var all []Example
	for _, f := range files() {
		for e := range example(f.Key, f.Value) {
			all = append(all, e)
		}
	}
	if len(all) != 30 {
		t.Fatalf("%d examples", len(all))
	}
	loss := func(w Weights) float64 {
		sum := 0.0
		for _, e := range all {
			z := 0.0
			for i, f := range e.Feature {
				z += w[f] * e.Value[i]
			}
			if e.Test {
				z = -z
			}
			sum += math.Log1p(math.Exp(z))
		}
		return sum / float64(len(all))
	}
	const rounds, rate, step = 3, 2.0, 1e-5
	w := make(Weights, dims)
	var losses []float64
	for range rounds {
		losses = append(losses, loss(w))
		next := append(Weights(nil), w...)
		for _, f := range used(all) {
			w[f] += step
			up := loss(w)
			w[f] -= 2 * step
			down := loss(w)
			w[f] += step
			next[f] -= rate * (up - down) / (2 * step)
		}
		w = next
	}
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) ([]float64, error) {
		examples := s.Parallelize(files(), 4).
			FlatMap(func(f typed.Pair[string, string]) iter.Seq[Example] { return example(f.Key, f.Value) }).
			Cache()
		w, got := make(Weights, dims), []float64(nil)
		for range rounds {
			next, loss, err := w.descend(ctx, examples, rate)
			if err != nil {
				return nil, err
			}
			w, got = next, append(got, loss)
		}
		return got, nil
	}, losses, typedtest.Within(1e-6))
}

// used are the features that there are.
func used(all []Example) (fs []uint32) {
	seen := map[uint32]bool{}
	for _, e := range all {
		for _, f := range e.Feature {
			if !seen[f] {
				seen[f] = true
				fs = append(fs, f)
			}
		}
	}
	return fs
}

func TestJudge(t *testing.T) {
	w := make(Weights, dims)
	w[1], w[dims-1] = 2, -1
	all := []Example{
		{true, []uint32{1, dims - 1}, []float64{0.6, 1}},
		{true, []uint32{1, dims - 1}, []float64{0.4, 1}}, // taken for no test
		{false, []uint32{dims - 1}, []float64{1}},
	}
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) (Verdicts, error) {
		return w.judge(ctx, s.Parallelize(all, 2))
	}, Verdicts{2, 3})
}

func TestNothingToLearnFrom(t *testing.T) {
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		if _, _, err := make(Weights, dims).descend(t.Context(), s.Empty[Example](), 1); err == nil || !strings.Contains(err.Error(), "no Go files") {
			t.Error(err)
		}
	})
}
