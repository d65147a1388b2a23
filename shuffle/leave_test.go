package shuffle_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// cutFiles shortens what has been spilled to dir, so that it cannot be read to its end.
func cutFiles(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing was spilled: %v", err)
	}
	for _, name := range names {
		if err := os.Truncate(name, 1000); err != nil {
			t.Error(err)
		}
	}
}

// TestPartOfAGroupIsNotTheWhole: what ranges over the values of a group does not come to their end when they cannot be
// read to it.
func TestPartOfAGroupIsNotTheWhole(t *testing.T) {
	rows := make([]codec.Pair[int, int], 200_000)
	for i := range rows {
		rows[i] = codec.Pair[int, int]{Key: 7, Value: i}
	}
	few := rows[:3]
	type use func(ctx context.Context, cfg shuffle.Config, first, end func()) error
	groups := func(ctx context.Context, cfg shuffle.Config, first, end func()) error {
		return shuffle.Groups[int, int](ctx, cfg, raw(rows, 1000))(func(_ int, vs iter.Seq[int]) bool {
			visit(vs, first)
			end()
			return true
		})
	}
	left := func(ctx context.Context, cfg shuffle.Config, first, end func()) error {
		return shuffle.CoGroups[int, int, int](ctx, cfg, raw(rows, 1000), raw(few, 1))(func(_ int, vs, _ iter.Seq[int]) bool {
			visit(vs, first)
			end()
			return true
		})
	}
	right := func(ctx context.Context, cfg shuffle.Config, first, end func()) error {
		return shuffle.CoGroups[int, int, int](ctx, cfg, raw(few, 1), raw(rows, 1000))(func(_ int, vs, ws iter.Seq[int]) bool {
			visit(vs, first)
			visit(ws, func() {})
			end()
			return true
		})
	}
	again := func(ctx context.Context, cfg shuffle.Config, first, end func()) error {
		return shuffle.CoGroups[int, int, int](ctx, cfg, raw(few, 1), raw(rows, 1000))(func(_ int, _, ws iter.Seq[int]) bool {
			visit(ws, func() {})
			visit(ws, first)
			end()
			return true
		})
	}
	for name, run := range map[string]use{"groups": groups, "left": left, "right": right, "right again": again} {
		t.Run(name, func(t *testing.T) {
			bad := errors.New("no more of this")
			for _, spilled := range []bool{false, true} {
				ctx, cancel := context.WithCancelCause(t.Context())
				dir, ended := t.TempDir(), 0
				cfg := shuffle.Config{Dir: dir}
				first := func() { cancel(bad) }
				if spilled {
					cfg.Limit = 256 << 10
					first = func() { cutFiles(t, dir) }
				} else if name == "right again" {
					continue // in memory by then
				}
				var why error
				cfg.Leave = func(err error) { why = err; panic(err) }
				panicked, err := caught(func() error { return run(ctx, cfg, first, func() { ended++ }) })
				if ended != 0 || panicked == nil || why == nil || !spilled && !errors.Is(why, bad) {
					t.Errorf("spilled %v: %d ends, left by %v, returned %v", spilled, ended, why, err)
				}
				if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) > 0 {
					t.Errorf("spilled %v: left behind %v", spilled, names)
				}
			}
		})
	}
}

// visit ranges over values and calls first at the first.
func visit(values iter.Seq[int], first func()) {
	for range values {
		if first != nil {
			first()
		}
		first = nil
	}
}

// caught calls f and gives what it returned, or panicked with.
func caught(f func() error) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, f()
}

// TestValuesLeftUnread are not missed: leaving a group early is no failure.
func TestValuesLeftUnread(t *testing.T) {
	rows := make([]codec.Pair[int, int], 5000)
	for i := range rows {
		rows[i] = codec.Pair[int, int]{Key: i % 10, Value: i}
	}
	cfg := shuffle.Config{Dir: t.TempDir(), Leave: func(err error) { t.Error(err) }}
	n := 0
	err := shuffle.Groups[int, int](t.Context(), cfg, raw(rows, 100))(func(_ int, vs iter.Seq[int]) bool {
		for range vs {
			break
		}
		n++
		return true
	})
	if err != nil || n != 10 {
		t.Errorf("%d groups, %v", n, err)
	}
}
