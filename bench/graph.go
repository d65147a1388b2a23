package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

func parseEdge(line string) (src, dst uint32, err error) {
	from, to, _ := strings.Cut(line, "\t")
	a, err1 := strconv.ParseUint(from, 10, 32)
	b, err2 := strconv.ParseUint(to, 10, 32)
	return uint32(a), uint32(b), errors.Join(err1, err2)
}

// share is what a page gives to each page that it links to.
type share struct {
	To   []uint32
	Rank float64
}

func (s share) each() iter.Seq2[uint32, float64] {
	return func(yield func(uint32, float64) bool) {
		for _, to := range s.To {
			if !yield(to, s.Rank) {
				return
			}
		}
	}
}

type extent struct{ Sum, Max float64 }

// pagerank joins links with ranks that are placed alike, so that only shares move.
func pagerank(ctx context.Context, s *typed.Session) (result, error) {
	_, rounds, err := two("nodes", "iters")
	if err != nil {
		return result{}, err
	}
	t := time.Now()
	links := s.TextFile(filepath.Join(*in, "part-*")).TryMapToPair(parseEdge).
		GroupByKey(func(_ uint32, to iter.Seq[uint32]) []uint32 { return slices.Collect(to) }, typed.Partitions(graphParts)).
		Cache()
	if _, err := links.Count(ctx); err != nil {
		return result{}, err
	}
	load := time.Since(t).Seconds()
	t = time.Now()
	ranks := links.MapValues(func([]uint32) float64 { return 1 })
	for range rounds {
		ranks = links.Join(ranks, func(to []uint32, rank float64) share { return share{to, rank / float64(len(to))} }).
			Values().
			FlatMapToPair(share.each).
			ReduceByKey(func(a, b float64) float64 { return a + b }, typed.Partitions(graphParts)).
			MapValues(func(sum float64) float64 { return 0.15 + 0.85*sum })
	}
	e, err := ranks.Values().Map(func(r float64) extent { return extent{r, r} }).
		Reduce(ctx, func(a, b extent) extent { return extent{a.Sum + b.Sum, max(a.Max, b.Max)} })
	return result{load: load, run: time.Since(t).Seconds(), check: fmt.Sprintf("%.5e:%.5e", e.Sum, e.Max)}, err
}

// graphParts is how many partitions links and ranks have.
const graphParts = 8
