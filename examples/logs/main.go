// Logs says what is in the access logs of a web server.
//
// Usage:
//
//	logs [-top N] PATHS...
//
// It prints the pages that are asked for most, with how long they take: half of
// the requests, 95 and 99 of a hundred are done in so many milliseconds. Then it
// prints for each minute that had any how many requests ended with an error of
// the server. Lines that are no entries of a log are left out.
package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var top = flag.Int("top", 10, "print the `n` pages that are asked for most")

func main() {
	flag.Parse()
	typed.Main(run, typed.Options{Policy: typed.Skip(0)})
}

func run(ctx context.Context, s *typed.Session) error {
	if flag.NArg() == 0 {
		return typed.Usagef("no logs: logs [-top N] PATHS...")
	}
	entries := s.TextFile(strings.Join(flag.Args(), ",")).TryMap(ParseEntry)
	pages, err := topPages(ctx, entries, *top)
	if err != nil {
		return err
	}
	for _, p := range pages {
		fmt.Printf("%8d %6d %6d %6d %s\n", p.Value.Requests,
			p.Value.Median.Milliseconds(), p.Value.P95.Milliseconds(), p.Value.P99.Milliseconds(), p.Key)
	}
	for minute, err := range errorsPerMinute(entries).All(ctx) {
		if err != nil {
			return err
		}
		fmt.Printf("%s %d\n", minute.Key, minute.Value)
	}
	return nil
}
