package typedtest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/deep"
	"github.com/gordd-project/gordd/typed"
)

// AnyOrder compares rows as a multiset: which there are and how often. It is
// for what comes out of a shuffle, whose order only a sort promises.
func AnyOrder() Option { return func(c *config) { c.anyOrder = true } }

// Within takes two floating-point numbers for equal that are no further apart
// than tolerance; relative to the greater, where that is beyond 1. Without it
// they must be the same.
func Within(tolerance float64) Option { return func(c *config) { c.tolerance = tolerance } }

// Rows collects an RDD in each mode. The rows must be those wanted, as [Diff]
// compares them.
func Rows[T any](t *testing.T, pipeline func(*typed.Session) typed.RDD[T], want []T, opts ...Option) {
	t.Helper()
	Value(t, func(ctx context.Context, s *typed.Session) ([]T, error) { return pipeline(s).Collect(ctx) }, want, opts...)
}

// Pairs collects a PairRDD in each mode. The pairs must be those wanted, as
// [Diff] compares them.
func Pairs[K comparable, V any](t *testing.T, pipeline func(*typed.Session) typed.PairRDD[K, V], want []typed.Pair[K, V], opts ...Option) {
	t.Helper()
	Value(t, func(ctx context.Context, s *typed.Session) ([]typed.Pair[K, V], error) {
		return pipeline(s).Collect(ctx)
	}, want, opts...)
}

// Value runs a pipeline with its action in each mode. What it gives must be
// what is wanted; a slice is compared as [Diff] does it. The context ends with
// the test.
func Value[R any](t *testing.T, pipeline func(context.Context, *typed.Session) (R, error), want R, opts ...Option) {
	t.Helper()
	c := configOf(opts)
	Run(t, func(t *testing.T, s *typed.Session) {
		t.Helper()
		got, err := pipeline(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if d := c.differ(reflect.ValueOf(&got).Elem(), reflect.ValueOf(&want).Elem()); d != "" {
			t.Error(d)
		}
	}, opts...)
}

// Agree runs a pipeline with its action in each mode, where nobody knows what
// is to come out: all must give what the first does, which Agree returns.
func Agree[R any](t *testing.T, pipeline func(context.Context, *typed.Session) (R, error), opts ...Option) R {
	t.Helper()
	c := configOf(opts)
	var first R
	from := ""
	Run(t, func(t *testing.T, s *typed.Session) {
		t.Helper()
		got, err := pipeline(t.Context(), s)
		switch {
		case err != nil:
			t.Fatal(err)
		case from == "":
			first, from = got, t.Name()
		default:
			if d := c.differ(reflect.ValueOf(&got).Elem(), reflect.ValueOf(&first).Elem()); d != "" {
				t.Errorf("not what %s gives: %s", from, d)
			}
		}
	}, opts...)
	return first
}

// Diff describes how rows differ from those wanted: which are missing and which
// are too many. It is empty when they do not. NaN equals NaN, an empty slice or
// map equals nil, times are equal at the same instant, and pointers when they
// point to what is equal.
func Diff[T any](got, want []T, opts ...Option) string {
	return configOf(opts).differ(reflect.ValueOf(got), reflect.ValueOf(want))
}

func (c config) differ(got, want reflect.Value) string {
	if got.Kind() != reflect.Slice {
		if deep.Equal(got.Interface(), want.Interface(), c.tolerance) {
			return ""
		}
		return fmt.Sprintf("got  %s\nwant %s", clip(deep.Show(got.Interface())), clip(deep.Show(want.Interface())))
	}
	g, w := c.rows(got), c.rows(want)
	at := 0
	for at < len(g) && at < len(w) && c.equal(g[at], w[at]) {
		at++
	}
	if at == len(g) && at == len(w) {
		return ""
	}
	extra, missing := c.unmatched(g[at:], w[at:])
	if len(extra)+len(missing) > 0 {
		return fmt.Sprintf("%d rows, want %d%s%s", len(g), len(w), some("missing", missing), some("not wanted", extra))
	}
	if c.anyOrder {
		return ""
	}
	return fmt.Sprintf("the rows wanted in another order: row %d is\n\t%s\nwant\n\t%s\nwhere order does not matter, give AnyOrder()", at, clip(g[at].text), clip(w[at].text))
}

// row is a row with what it shows.
type row struct {
	value any
	text  string
}

func (c config) rows(v reflect.Value) []row {
	out := make([]row, v.Len())
	for i := range out {
		x := v.Index(i).Interface()
		out[i] = row{x, deep.Show(x)}
	}
	return out
}

func (c config) equal(a, b row) bool {
	return a.text == b.text || deep.Equal(a.value, b.value, c.tolerance)
}

// mostPairs bounds how many rows that show differently are compared each with
// each.
const mostPairs = 4 << 20

// unmatched gives the rows that only one side has. Those that show the same go
// first, so that tolerance is for the rest.
func (c config) unmatched(got, want []row) (extra, missing []row) {
	left := map[string]int{}
	for _, w := range want {
		left[w.text]++
	}
	for _, g := range got {
		if left[g.text] > 0 {
			left[g.text]--
		} else {
			extra = append(extra, g)
		}
	}
	for _, w := range want {
		if left[w.text] > 0 {
			left[w.text]--
			missing = append(missing, w)
		}
	}
	if len(extra)*len(missing) > mostPairs {
		return extra, missing
	}
	extra = slices.DeleteFunc(extra, func(g row) bool {
		i := slices.IndexFunc(missing, func(w row) bool { return c.equal(g, w) })
		if i < 0 {
			return false
		}
		missing = slices.Delete(missing, i, i+1)
		return true
	})
	return extra, missing
}

const (
	mostRows  = 10
	mostBytes = 300
)

// some lists the first of some rows.
func some(what string, rows []row) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d %s:", len(rows), what)
	for _, r := range rows[:min(len(rows), mostRows)] {
		b.WriteString("\n\t" + clip(r.text))
	}
	if more := len(rows) - mostRows; more > 0 {
		fmt.Fprintf(&b, "\n\tand %d more", more)
	}
	return b.String()
}

func clip(s string) string {
	if len(s) <= mostBytes {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:mostBytes], ""), len(s))
}
