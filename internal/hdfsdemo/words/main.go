// Words counts the words of text in HDFS, or only its lines, as slowly as it is
// told.
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
	split := fs.Int64("split", 0, "`bytes` that a task reads (default a block)")
	pause := fs.Duration("pause", 0, "how long every task waits first")
	if err := fs.Parse(os.Args[1:]); err != nil {
		return err
	}
	lines := s.TextFile(*in, typed.SplitBytes(*split)).With(*pause).MapPartitions(slowly)
	if *out == "" {
		n, err := lines.Count(ctx)
		fmt.Println(n)
		return err
	}
	return lines.
		FlatMap(strings.FieldsSeq).
		MapToPair(func(word string) (string, int64) { return word, 1 }).
		ReduceByKey(func(a, b int64) int64 { return a + b }).
		SaveAsTextFile(ctx, *out)
}

// slowly passes lines on after a pause.
func slowly(pause time.Duration, t *typed.Task, lines iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		select {
		case <-time.After(pause):
			lines(yield)
		case <-t.Done():
		}
	}
}
