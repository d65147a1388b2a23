// Windows looks at what users do over time.
//
// Usage:
//
//	windows -in PATHS [-gap 30m] [-size 10m -slide 5m]
//
// A line has the time of an event in RFC 3339, a tab, and the user. It prints
// the longest visits: events of one user with no more than the gap between two
// of them. Then it prints for each window of time, which begin one slide after
// the other, how many events it has, and of how many users.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	in    = flag.String("in", "", "`paths` of the events")
	gap   = flag.Duration("gap", 30*time.Minute, "time without an event that ends a visit")
	size  = flag.Duration("size", 10*time.Minute, "length of a window")
	slide = flag.Duration("slide", 5*time.Minute, "time between the beginnings of two windows")
	top   = flag.Int("top", 5, "print the `n` longest visits")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *in == "" || *gap <= 0 || *slide <= 0 || *size < *slide {
		return typed.Usagef("give -in, a -gap, and a -slide up to the -size; windows -help says more")
	}
	events := s.TextFile(*in).TryMap(ParseEvent)
	longest, err := visits(events, *gap).Top(ctx, *top, byLength)
	if err != nil {
		return err
	}
	for _, v := range longest {
		fmt.Println(v)
	}
	counts, err := windows(events, Sliding{*size, *slide}).Collect(ctx)
	for _, c := range counts {
		fmt.Println(c.Key, c.Value.Events, c.Value.Users)
	}
	return err
}
