package main

import (
	"iter"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// Sliding are windows of a size, one after each slide.
type Sliding struct{ Size, Slide time.Duration }

// Window is the beginning of a window, in nanoseconds since 1970.
type Window int64

func (w Window) String() string { return time.Unix(0, int64(w)).UTC().Format(time.DateTime) }

// of gives the windows that an event is in, the latest first.
func (s Sliding) of(e Event) iter.Seq2[Window, string] {
	return func(yield func(Window, string) bool) {
		last := e.At.UnixNano() / int64(s.Slide) * int64(s.Slide)
		for start := last; start > e.At.UnixNano()-int64(s.Size); start -= int64(s.Slide) {
			if !yield(Window(start), e.User) {
				return
			}
		}
	}
}

// Activity is what happened in a window.
type Activity struct{ Events, Users int }

func windows(events typed.RDD[Event], sliding Sliding) typed.PairRDD[Window, Activity] {
	return typed.SortByKey(events.With(sliding).
		FlatMapToPair(Sliding.of).
		AggregateByKey(
			func() map[string]int { return map[string]int{} },
			func(users *map[string]int, user string) { (*users)[user]++ },
			func(users, others *map[string]int) {
				for user, n := range *others {
					(*users)[user] += n
				}
			},
		).
		MapValues(func(users map[string]int) Activity {
			a := Activity{Users: len(users)}
			for _, n := range users {
				a.Events += n
			}
			return a
		}))
}
