package main

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// Event is something that a user did.
type Event struct {
	At   time.Time
	User string
}

// ParseEvent reads a line.
func ParseEvent(line string) (Event, error) {
	at, user, _ := strings.Cut(line, "\t")
	t, err := time.Parse(time.RFC3339, at)
	return Event{t, user}, err
}

// Visit is events of one user with little time between.
type Visit struct {
	User       string
	Start, End time.Time
	Events     int
}

// Length is the time from the first event to the last.
func (v Visit) Length() time.Duration { return v.End.Sub(v.Start) }

func (v Visit) String() string {
	return fmt.Sprintf("%s %s %v %d", v.User, v.Start.UTC().Format(time.DateTime), v.Length(), v.Events)
}

// byLength orders visits by length, and equals by user and start, the first one
// greatest.
func byLength(a, b Visit) int {
	return cmp.Or(cmp.Compare(a.Length(), b.Length()), strings.Compare(b.User, a.User), b.Start.Compare(a.Start))
}

func visits(events typed.RDD[Event], gap time.Duration) typed.RDD[Visit] {
	return events.
		MapToPair(func(e Event) (string, time.Time) { return e.User, e.At }).
		With(gap).
		FlatMapGroups(split)
}

// split cuts the times of a user's events where there is a gap.
func split(gap time.Duration, user string, times iter.Seq[time.Time]) iter.Seq[Visit] {
	sorted := slices.SortedFunc(times, time.Time.Compare)
	return func(yield func(Visit) bool) {
		visit := Visit{User: user, Start: sorted[0], End: sorted[0]}
		for _, t := range sorted {
			if t.Sub(visit.End) > gap {
				if !yield(visit) {
					return
				}
				visit = Visit{User: user, Start: t}
			}
			visit.End = t
			visit.Events++
		}
		yield(visit)
	}
}
