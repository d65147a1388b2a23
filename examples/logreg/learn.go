package main

import (
	"context"
	"errors"
	"hash/fnv"
	"iter"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/gordd-project/gordd/typed"
)

// dims is how many features there are: words are told apart by their hashes
// (Weinberger et al., 2009), and the last is always 1.
const dims = 1 << 12

// Example is what is known of a file: of each feature that it has, how much.
type Example struct {
	Test    bool
	Feature []uint32
	Value   []float64
}

// example makes one of a Go file, and none of others. A file is as long as 1, however
// many words it has.
func example(file, text string) iter.Seq[Example] {
	return func(yield func(Example) bool) {
		if path.Ext(file) != ".go" {
			return
		}
		counts := map[uint32]float64{}
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
			h := fnv.New32a()
			_, _ = h.Write([]byte(word))
			counts[h.Sum32()%(dims-1)]++
		}
		square := 0.0
		for _, n := range counts {
			square += n * n
		}
		e := Example{Test: strings.HasSuffix(file, "_test.go"), Feature: slices.Sorted(maps.Keys(counts))}
		for _, f := range e.Feature {
			e.Value = append(e.Value, counts[f]/math.Sqrt(square))
		}
		e.Feature, e.Value = append(e.Feature, dims-1), append(e.Value, 1)
		yield(e)
	}
}

// Weights say how much each feature tells for a test.
type Weights []float64

// likely is how likely it is that an example is a test.
func (w Weights) likely(e Example) float64 {
	sum := 0.0
	for i, f := range e.Feature {
		sum += w[f] * e.Value[i]
	}
	return 1 / (1 + math.Exp(-sum))
}

// Slope is which way the loss falls, summed over examples.
type Slope struct {
	Gradient []float64
	Loss     float64
	N        int64
}

func flat(Weights) Slope { return Slope{Gradient: make([]float64, dims)} }

func addExample(w Weights, s *Slope, e Example) {
	p, truth := w.likely(e), 0.0
	thought := 1 - p // how likely the truth was thought to be
	if e.Test {
		truth, thought = 1, p
	}
	s.Loss -= math.Log(max(thought, math.SmallestNonzeroFloat64))
	for i, f := range e.Feature {
		s.Gradient[f] += (p - truth) * e.Value[i]
	}
	s.N++
}

func addSlope(_ Weights, s, o *Slope) {
	for i, g := range o.Gradient {
		s.Gradient[i] += g
	}
	s.Loss += o.Loss
	s.N += o.N
}

// descend moves the weights down the slope, and gives the mean loss where they were.
func (w Weights) descend(ctx context.Context, examples typed.RDD[Example], rate float64) (next Weights, loss float64, err error) {
	s, err := examples.With(w).Aggregate(ctx, flat, addExample, addSlope)
	if err == nil && s.N == 0 {
		err = errors.New("there are no Go files to learn from")
	}
	if err != nil {
		return nil, 0, err
	}
	next = slices.Clone(w)
	for i, g := range s.Gradient {
		next[i] -= rate * g / float64(s.N)
	}
	return next, s.Loss / float64(s.N), nil
}

// Verdicts counts how many were right.
type Verdicts struct{ Right, All int64 }

// judge compares what the weights say with the truth.
func (w Weights) judge(ctx context.Context, examples typed.RDD[Example]) (Verdicts, error) {
	return examples.With(w).
		Map(func(w Weights, e Example) Verdicts {
			if (w.likely(e) > 0.5) == e.Test {
				return Verdicts{1, 1}
			}
			return Verdicts{0, 1}
		}).
		Fold(ctx, Verdicts{}, func(a, b Verdicts) Verdicts { return Verdicts{a.Right + b.Right, a.All + b.All} })
}
