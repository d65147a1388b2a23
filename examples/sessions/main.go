// Sessions finds the visits in the access logs of a web server: what a visitor asks for
// without a pause of more than half an hour is one session.
//
// Usage:
//
//	sessions -out DIR [-in PATHS] [-top N] [-rows N] [-seed N]
//
// PATHS are logs in the combined format; without them the program makes a log of its
// own, of so many rows. DIR, which must not be there yet, gets a line for each session:
// the visitor's address, the start, the length, how many pages, the first page and the
// last one, and the visitor's program. The sessions of one network are in one file. The
// program prints how many sessions there are, how many pages one has, and the pages that
// most sessions begin with. Lines that are no entries of a log are left out.
package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	in   = flag.String("in", "", "`paths` of logs, with commas between them; none: a log is made")
	out  = flag.String("out", "", "`directory` for the sessions, which must not be there yet")
	top  = flag.Int("top", 10, "print the `n` pages that most sessions begin with")
	rows = flag.Int64("rows", 100_000, "of the log that is made")
	seed = flag.Uint64("seed", 1, "draws the log that is made")
)

func main() {
	flag.Parse()
	typed.Main(run, typed.Options{Policy: typed.Skip(0)})
}

func run(ctx context.Context, s *typed.Session) error {
	if *out == "" || *top < 0 || *rows < 1 {
		return typed.Usagef("give -out, -top not below zero, and -rows above it")
	}
	var lines typed.RDD[string]
	if *in == "" {
		lines = generate(s, *rows, *seed)
	} else {
		lines = s.TextFile(*in)
	}
	found := sessions(lines).Cache()
	if err := found.Map(Session.Line).SaveAsTextFile(ctx, *out); err != nil {
		return err
	}
	return summarise(ctx, found, *top)
}

func summarise(ctx context.Context, found typed.RDD[Session], n int) error {
	all, err := total(ctx, found)
	if err != nil {
		return err
	}
	fmt.Printf("%d sessions, %.2f pages in each\n", all.Sessions, all.PerSession())
	pages, err := entryPages(ctx, found, n)
	for _, p := range pages {
		fmt.Printf("%8d %6.2f %s\n", p.Value.Sessions, p.Value.PerSession(), p.Key)
	}
	return err
}
