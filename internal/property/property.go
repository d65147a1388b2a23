// Package property holds every operator, source and action of typed against a
// naive interpreter: each [Case] runs a pipeline over random data and says what
// must come out, computed by loops over slices and maps that know nothing of
// partitions, shuffles or tasks.
//
// The tests run all cases as plain closures, operator by operator, as fused
// generated code, and within the least memory that a session takes. All of
// these must give the same rows in the same order, and the rows that the
// interpreter gives, in the order that the case promises.
//
// Pipelines are in files of their own, which are not tests, so that rddgen
// generates stage code for them. A failure prints the command that repeats it.
package property

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

// Order is what a case promises of the order of its rows.
type Order int

const (
	// Exact rows come in the very order of Want.
	Exact Order = iota
	// AnyOrder is for rows that a shuffle has placed.
	AnyOrder
	// ByKey rows begin with a key and a tab. Keys come in any order, the rows
	// of a key one after the other and in the order of Want.
	ByKey
)

// Case is a pipeline with what it must give.
type Case struct {
	Name  string
	Order Order
	// Run runs the pipeline and shows its rows as text.
	Run func(ctx context.Context, s *typed.Session, in Input) ([]string, error)
	// Want computes the same rows without gordd.
	Want func(in Input) []string
}

// Cases gives all cases.
func Cases() []Case {
	return slices.Concat(
		sourceCases(), narrowCases(), pairCases(), combineCases(), groupCases(), joinCases(), sortCases(), placeCases(),
		actionCases(), saveCases(), effectCases(), withCases(), withPairCases(), withActionCases(), keyCases(), chainCases(), placedCases(), broadcastCases(), skewCases(), drawCases(),
		numberCases(), indexCases(), barrierCases(), setCases(), cacheCases(), checkpointCases(), byKeyCases(), zipCases(), accumulatorCases(), partitionCases(), productCases(), sortedGroupCases(), partitionerCases(), pipeCases(),
	)
}

// Check compares rows with those wanted and describes the first difference.
func (c *Case) Check(got, want []string) error {
	switch c.Order {
	case AnyOrder:
		got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	case ByKey:
		var err error
		if got, err = byKey(got); err != nil {
			return err
		}
		if want, err = byKey(want); err != nil {
			return fmt.Errorf("interpreter: %w", err)
		}
	}
	return differ(got, want)
}

// differ describes the first difference of two lists of rows.
func differ(got, want []string) error {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("row %d of %d is %s, want %s", i, len(got), clip(got[i]), clip(want[i]))
		}
	}
	switch {
	case len(got) > len(want):
		return fmt.Errorf("%d rows, want %d; the first too many is %s", len(got), len(want), clip(got[len(want)]))
	case len(got) < len(want):
		return fmt.Errorf("%d rows, want %d; the first missing is %s", len(got), len(want), clip(want[len(got)]))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%q… (%d bytes)", s[:300], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// byKey sorts the runs of rows with equal keys by their key. A key that has two
// runs is an error.
func byKey(rows []string) ([]string, error) {
	var runs [][]string
	seen := map[string]bool{}
	last := ""
	for i, row := range rows {
		key, _, _ := strings.Cut(row, "\t")
		if i == 0 || key != last {
			if seen[key] {
				return nil, fmt.Errorf("rows of key %s are not together: row %d is of it again", clip(key), i)
			}
			seen[key], last = true, key
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], row)
	}
	slices.SortFunc(runs, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return slices.Concat(runs...), nil
}
