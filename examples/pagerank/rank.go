package main

import (
	"context"
	"iter"
	"math"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// damping is how likely it is that a reader follows a link rather than to begin
// anywhere: 0.85 in the paper.
const damping = 0.85

// pages gives each page with those that it links to, also pages that link to none.
func pages(links typed.PairRDD[string, string]) typed.PairRDD[string, []string] {
	return links.FlatMapToPair(ends).GroupByKey(targets)
}

// ends gives a link to the page that it begins at, and nothing to the other one.
func ends(from, to string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = yield(from, to) && yield(to, "")
	}
}

// targets are the pages that there are links to, each once.
func targets(_ string, to iter.Seq[string]) []string {
	all := slices.Sorted(to)
	return slices.DeleteFunc(slices.Compact(all), func(p string) bool { return p == "" })
}

// ranking is what is known of pages after so many rounds.
type ranking struct {
	links typed.PairRDD[string, []string]
	ranks typed.PairRDD[string, float64] // placed as links are, so that joining them moves nothing
	n     float64                        // pages
}

// begin gives every page the same rank.
func begin(ctx context.Context, links typed.PairRDD[string, []string]) (*ranking, error) {
	n, err := links.Count(ctx)
	ranks := links.MapValues(func([]string) float64 { return 1 })
	return &ranking{links, ranks, float64(n)}, err
}

// round lets every page share its rank among those that it links to. Pages without
// links share theirs among all. It tells how much all ranks moved together.
func (r *ranking) round(ctx context.Context) (moved float64, err error) {
	given := r.links.Join(r.ranks, func(to []string, rank float64) share { return share{to, rank} }).
		FlatMapToPair(func(page string, s share) iter.Seq2[string, float64] { return s.each(page) }).
		ReduceByKey(func(a, b float64) float64 { return a + b }).
		Cache()
	defer given.Unpersist()
	sum, err := typed.Sum(ctx, given.Values())
	if err != nil {
		return 0, err
	}
	everybody := 1 - damping + damping*(r.n-sum)/r.n
	next := given.With(everybody).
		MapValues(func(everybody, sum float64) float64 { return everybody + damping*sum }).
		Cache()
	moved, err = typed.Sum(ctx, next.Join(r.ranks, func(a, b float64) float64 { return math.Abs(a - b) }).Values())
	r.ranks.Unpersist()
	r.ranks = next
	return moved, err
}

// share is what a page has to give, and to which.
type share struct {
	To   []string
	Rank float64
}

// each gives the shares. The page itself gets nothing, so that it is there in the
// next round also if nobody links to it.
func (s share) each(page string) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		if !yield(page, 0) {
			return
		}
		for _, to := range s.To {
			if !yield(to, s.Rank/float64(len(s.To))) {
				return
			}
		}
	}
}
