package main

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// Times says how long the requests of a page took.
type Times struct {
	Requests         int
	Median, P95, P99 time.Duration
}

// timesOf sorts the times of a page's requests.
func timesOf(_ string, took iter.Seq[time.Duration]) Times {
	sorted := slices.Sorted(took)
	return Times{
		Requests: len(sorted),
		Median:   percentile(sorted, 50),
		P95:      percentile(sorted, 95),
		P99:      percentile(sorted, 99),
	}
}

// percentile is the least of sorted that p of a hundred are not above.
func percentile[T any](sorted []T, p int) T {
	return sorted[(len(sorted)*p+99)/100-1]
}

func topPages(ctx context.Context, entries typed.RDD[Entry], n int) ([]typed.Pair[string, Times], error) {
	return entries.
		MapToPair(func(e Entry) (string, time.Duration) { return e.Page, e.Took }).
		GroupByKey(timesOf).
		Top(ctx, n, byRequests)
}

// byRequests orders pages by requests, and equals by name, the first one
// greatest.
func byRequests(a, b typed.Pair[string, Times]) int {
	return cmp.Or(cmp.Compare(a.Value.Requests, b.Value.Requests), strings.Compare(b.Key, a.Key))
}

// Minute is a minute, counted from 1970 on: a key, which a time.Time is not.
type Minute int64

func minuteOf(t time.Time) Minute { return Minute(t.Unix() / 60) }

func (m Minute) String() string {
	return time.Unix(int64(m)*60, 0).UTC().Format("2006-01-02 15:04")
}

func errorsPerMinute(entries typed.RDD[Entry]) typed.PairRDD[Minute, int] {
	return typed.SortByKey(entries.
		Filter(Entry.Failed).
		MapToPair(func(e Entry) (Minute, int) { return minuteOf(e.Time), 1 }).
		ReduceByKey(func(a, b int) int { return a + b }))
}
