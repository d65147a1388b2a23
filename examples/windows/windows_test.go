package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

var begin = time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)

// events are some of each user, in no order.
func events() (all []Event) {
	r := rand.New(rand.NewPCG(9, 10))
	for i := range 600 {
		at := begin.Add(time.Duration(r.IntN(24*3600)) * time.Second)
		if i%5 == 0 {
			at = at.In(time.FixedZone("east", 3600))
		}
		all = append(all, Event{at, fmt.Sprint("user", r.IntN(9))})
	}
	return all
}

// TestVisits compares with a walk over each user's seconds.
func TestVisits(t *testing.T) {
	const gap = 20 * time.Minute
	perUser := map[string]map[int64]int{}
	for _, e := range events() {
		if perUser[e.User] == nil {
			perUser[e.User] = map[int64]int{}
		}
		perUser[e.User][e.At.Unix()]++
	}
	var want []Visit
	for user, seconds := range perUser {
		var visit *Visit
		for s := begin.Unix(); s < begin.Unix()+24*3600; s++ {
			if seconds[s] == 0 {
				continue
			}
			at := time.Unix(s, 0)
			if visit == nil || at.After(visit.End.Add(gap)) {
				want = append(want, Visit{User: user, Start: at})
				visit = &want[len(want)-1]
			}
			visit.End, visit.Events = at, visit.Events+seconds[s]
		}
	}
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[Visit] {
		return visits(s.Parallelize(events(), 4), gap)
	}, want, typedtest.AnyOrder())
}

// TestWindows compares with a look at all events for each window.
func TestWindows(t *testing.T) {
	for _, sliding := range []Sliding{{time.Hour, time.Hour}, {time.Hour, 25 * time.Minute}} {
		var want []typed.Pair[Window, Activity]
		first := begin.Add(-2 * sliding.Size).UnixNano()
		first -= first % int64(sliding.Slide)
		for start := time.Unix(0, first); start.Before(begin.Add(24 * time.Hour)); start = start.Add(sliding.Slide) {
			users := map[string]bool{}
			n := 0
			for _, e := range events() {
				if !e.At.Before(start) && e.At.Before(start.Add(sliding.Size)) {
					users[e.User] = true
					n++
				}
			}
			if n > 0 {
				want = append(want, typed.Pair[Window, Activity]{Key: Window(start.UnixNano()), Value: Activity{n, len(users)}})
			}
		}
		t.Run(sliding.Slide.String(), func(t *testing.T) {
			typedtest.Pairs(t, func(s *typed.Session) typed.PairRDD[Window, Activity] {
				return windows(s.Parallelize(events(), 4), sliding)
			}, want)
		})
	}
}

func TestLongestFirst(t *testing.T) {
	visits := []Visit{
		{User: "a", Start: begin, End: begin.Add(time.Minute)},
		{User: "b", Start: begin, End: begin.Add(time.Hour)},
		{User: "a", Start: begin.Add(time.Hour), End: begin.Add(2 * time.Hour)},
		{User: "b", Start: begin.Add(-time.Hour), End: begin},
	}
	slices.SortFunc(visits, func(a, b Visit) int { return byLength(b, a) })
	want := []string{
		"a 2026-03-29 01:00:00 1h0m0s 0", "b 2026-03-28 23:00:00 1h0m0s 0",
		"b 2026-03-29 00:00:00 1h0m0s 0", "a 2026-03-29 00:00:00 1m0s 0",
	}
	for i, v := range visits {
		if v.String() != want[i] {
			t.Errorf("%d: %v, want %s", i, v, want[i])
		}
	}
}

func TestParseEvent(t *testing.T) {
	e, err := ParseEvent("2026-03-29T01:00:00+01:00\tuser1")
	if err != nil || e.User != "user1" || !e.At.Equal(begin) {
		t.Error(e, err)
	}
	for _, bad := range []string{"", "user1", "yesterday\tuser1"} {
		if _, err := ParseEvent(bad); err == nil {
			t.Errorf("%q is an event", bad)
		}
	}
}
