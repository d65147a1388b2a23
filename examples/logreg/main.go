// Logreg learns to tell tests from other Go files by the words in them: logistic
// regression by gradient descent, in a plain loop over rows that are kept in memory.
//
// Usage:
//
//	logreg -in PATHS [-rounds N] [-rate RATE] [-seed N]
//
// PATHS are Go files, directories or globs, several with commas. Four in five files
// are learned from, the others are judged at the end. It prints the loss of each
// round, which is the mean of the negative logarithm of how likely the truth was
// thought to be.
package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	in     = flag.String("in", "", "`paths` of Go files")
	rounds = flag.Int("rounds", 50, "rounds")
	rate   = flag.Float64("rate", 20, "how far weights move along the gradient")
	seed   = flag.Uint64("seed", 1, "draws the files to learn from")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *in == "" || *rounds < 1 || !(*rate > 0) {
		return typed.Usagef("give -in, and -rounds and -rate above zero")
	}
	examples := s.WholeTextFiles(*in, typed.Recursive()).FlatMap(example).Cache()
	sets := examples.RandomSplit([]float64{4, 1}, typed.Seed(*seed))
	w := make(Weights, dims)
	for round := 1; round <= *rounds; round++ {
		next, loss, err := w.descend(ctx, sets[0], *rate)
		if err != nil {
			return err
		}
		fmt.Printf("round %d: loss %.4f\n", round, loss)
		w = next
	}
	v, err := w.judge(ctx, sets[1])
	if err != nil {
		return err
	}
	fmt.Printf("%d of %d other files are judged rightly: %.1f %%\n", v.Right, v.All, 100*float64(v.Right)/float64(v.All))
	return nil
}
