// Words counts the words of text in HDFS, or only its lines, or copies them, as
// slowly as it is told.
package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	_ "github.com/gordd-project/gordd/hdfs"
	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

func main() { typed.Main(run) }

func run(ctx context.Context, s *typed.Session) error {
	fs := flag.NewFlagSet("words", flag.ContinueOnError)
	in := fs.String("in", "", "`paths` of the text")
	out := fs.String("out", "", "`directory` for the counts (default the lines are counted)")
	same := fs.Bool("copy", false, "write the lines themselves to -out")
	split := fs.Int64("split", 0, "`bytes` that a task reads (default a block)")
	block := fs.Int64("block", 0, "`bytes` of a block of the output (default the store's)")
	again := fs.Bool("overwrite", false, "replace what is there")
	var p pace
	fs.DurationVar(&p.Pause, "pause", 0, "how long every task waits first")
	fs.IntVar(&p.Every, "every", 0, "and again behind each so many `lines`")
	if err := fs.Parse(os.Args[1:]); err != nil {
		return err
	}
	save := []typed.SaveOption{typed.BlockSize(*block)}
	if *again {
		save = append(save, typed.Overwrite())
	}
	lines := s.TextFile(*in, typed.SplitBytes(*split)).With(p).MapPartitions(slowly)
	switch {
	case *out == "":
		n, err := lines.Count(ctx)
		fmt.Println(n)
		return err
	case *same:
		return lines.SaveAsTextFile(ctx, *out, save...)
	}
	return lines.
		FlatMap(strings.FieldsSeq).
		MapToPair(func(word string) (string, int64) { return word, 1 }).
		ReduceByKey(func(a, b int64) int64 { return a + b }).
		SaveAsTextFile(ctx, *out, save...)
}

// pace is how slowly a task goes.
type pace struct {
	Pause time.Duration
	Every int
}

// slowly passes lines on after a pause, or with many.
func slowly(p pace, t *typed.Task, lines iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !p.wait(t) {
			return
		}
		n := 0
		for line := range lines {
			if n++; p.Every > 0 && n%p.Every == 0 && !p.wait(t) || !yield(line) {
				return
			}
		}
	}
}

// wait says whether the task shall go on.
func (p pace) wait(t *typed.Task) bool {
	select {
	case <-time.After(p.Pause):
		return true
	case <-t.Done():
		return false
	}
}
