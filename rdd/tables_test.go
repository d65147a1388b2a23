package rdd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// tabling makes tables of so many pairs, and counts that.
type tabling struct {
	t     *testing.T
	rows  int
	times atomic.Int32
	fails atomic.Int32
}

func (m *tabling) make(mem *shuffle.Account) (*shuffle.Lookup, error) {
	m.times.Add(1)
	if m.fails.Add(-1) >= 0 {
		return nil, errors.New("an output is lost")
	}
	keys, _ := codec.KeyTypeOf[int64]()
	pair, err := codec.PairTypeOf[int64, int64]()
	if err != nil {
		return nil, err
	}
	rows := make([]Pair[int64, int64], m.rows)
	for i := range rows {
		rows[i].Key = int64(i)
	}
	return shuffle.NewLookup(shuffle.Config{Mem: mem}, keys, pair, func(yield func(codec.Rows) bool) error {
		yield(codec.RowsOf(rows))
		return nil
	})
}

func TestTablesAreMadeOnce(t *testing.T) {
	memory := shuffle.NewMemory(64 << 20)
	ts, m := newTables(memory), &tabling{t: t, rows: 1000}
	m.fails.Store(2)
	key := tableKey{"s1.right", 0}
	var failed atomic.Int32
	var tasks sync.WaitGroup
	for range 30 {
		tasks.Go(func() {
			rows, done, err := ts.get(t.Context(), key, m.make)
			switch {
			case err != nil:
				failed.Add(1)
				return
			case rows == nil:
				t.Error("there is room for it")
			}
			done()
		})
	}
	tasks.Wait()
	if failed.Load() != 2 || m.times.Load() != 3 {
		t.Errorf("%d tasks failed, made %d times", failed.Load(), m.times.Load())
	}
	if _, _, err := ts.get(t.Context(), tableKey{"s1.right", 1}, m.make); err != nil || m.times.Load() != 4 {
		t.Errorf("another generation: %v, made %d times", err, m.times.Load())
	}
}

// TestTablesGo gives the memory of tables back: when that is wanted, when nobody needs
// the shuffle, and never while a task reads one.
func TestTablesGo(t *testing.T) {
	memory := shuffle.NewMemory(8 << 20)
	ts, m := newTables(memory), &tabling{t: t, rows: 10_000}
	memory.Reclaim(func(n int64) { ts.reclaim(n) })
	use := func(key tableKey) func() {
		rows, done, err := ts.get(t.Context(), key, m.make)
		if err != nil || rows == nil {
			t.Fatal(rows, err)
		}
		return done
	}
	a, b := tableKey{"s1.right", 0}, tableKey{"s2.left", 0}
	use(a)()
	one := memory.Used()
	done, last := use(b), use(b)
	if one == 0 || memory.Used() != 2*one {
		t.Errorf("a table takes %d bytes, two %d", one, memory.Used())
	}
	if freed := ts.reclaim(1); freed != one || memory.Used() != one {
		t.Errorf("%d bytes are given back, %d are left", freed, memory.Used())
	}
	if ts.reclaim(1) != 0 {
		t.Error("a table goes while a task reads it")
	}
	ts.drop(b.shuffle)
	if memory.Used() != one {
		t.Error("a table is dropped while a task reads it")
	}
	if done(); memory.Used() != one {
		t.Error("a table goes with the first of its readers")
	}
	if last(); memory.Used() != 0 {
		t.Errorf("%d bytes are left", memory.Used())
	}
	use(a)()
	task := memory.Open("task")
	if !task.Grow(8<<20) || memory.Used() != 8<<20 {
		t.Error("a task does not get the memory of a table that nobody reads")
	}
	task.Close()
	use(a)()
	ts.drop(a.shuffle)
	if memory.Used() != 0 || len(ts.kept) != 0 {
		t.Errorf("%d bytes of %d tables are left", memory.Used(), len(ts.kept))
	}
}

// TestTablesOfForgottenShuffles go when a runner is told that nobody reads the shuffle any
// more, and no others do.
func TestTablesOfForgottenShuffles(t *testing.T) {
	r := NewRunner(RunnerOptions{Memory: shuffle.NewMemory(8 << 20)})
	m := &tabling{t: t, rows: 1000}
	for _, key := range []tableKey{{"s1.right", 0}, {"s1.right", 1}, {"s2.right", 0}} {
		_, done, err := r.tables.get(t.Context(), key, m.make)
		if err != nil {
			t.Fatal(err)
		}
		done()
	}
	three := r.o.Memory.Used()
	if r.Forget("s1.right"); three == 0 || r.o.Memory.Used() != three/3 || len(r.tables.kept) != 1 {
		t.Errorf("%d tables of 3 are left, %d bytes of %d", len(r.tables.kept), r.o.Memory.Used(), three)
	}
	if r.Forget("s2.right"); r.o.Memory.Used() != 0 || len(r.tables.kept) != 0 {
		t.Errorf("%d tables and %d bytes are left", len(r.tables.kept), r.o.Memory.Used())
	}
}

// TestTablesWithoutRoom are tried again by later tasks, and are no error.
func TestTablesWithoutRoom(t *testing.T) {
	memory := shuffle.NewMemory(1 << 20)
	ts, m := newTables(memory), &tabling{t: t, rows: 100_000}
	for range 2 {
		rows, done, err := ts.get(t.Context(), tableKey{"s1.right", 0}, m.make)
		if rows != nil || err != nil {
			t.Fatal(rows, err)
		}
		done()
	}
	if m.times.Load() != 2 || memory.Used() != 0 || len(ts.kept) != 0 {
		t.Errorf("tried %d times, %d bytes are left", m.times.Load(), memory.Used())
	}
}

// TestTablesOfTasksThatEnd are made by whoever comes next: whatever ended a task that
// began, and nobody waits for longer than it lives.
func TestTablesOfTasksThatEnd(t *testing.T) {
	ts, m := newTables(shuffle.NewMemory(64<<20)), &tabling{t: t, rows: 10}
	key := tableKey{"s1.right", 0}
	begun, proceed, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		defer func() { _ = recover() }()
		_, _, _ = ts.get(t.Context(), key, func(*shuffle.Account) (*shuffle.Lookup, error) {
			close(begun)
			<-proceed
			panic("a marshaler")
		})
	}()
	<-begun
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := ts.get(ended, key, m.make); !errors.Is(err, context.Canceled) {
		t.Errorf("a task that ended waits: %v", err)
	}
	close(proceed)
	<-over
	rows, done, err := ts.get(t.Context(), key, m.make)
	if rows == nil || err != nil {
		t.Fatal(rows, err)
	}
	done()
	if len(ts.kept) != 1 {
		t.Errorf("%d tables", len(ts.kept))
	}
}

// TestTablesThatFailed are found by nobody any more, though some have not seen yet that
// they did: who comes next makes another, which stays when those have left.
func TestTablesThatFailed(t *testing.T) {
	ts, m := newTables(shuffle.NewMemory(64<<20)), &tabling{t: t, rows: 10}
	m.fails.Store(1)
	key := tableKey{"s1.right", 0}
	var slow *sideTable
	_, _, err := ts.get(t.Context(), key, func(mem *shuffle.Account) (*shuffle.Lookup, error) {
		var mine bool
		if slow, mine = ts.use(key); mine {
			t.Error("it is made twice at a time")
		}
		return m.make(mem)
	})
	if err == nil {
		t.Fatal("it did not fail")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	rows, done, err := ts.get(ctx, key, m.make)
	if rows == nil || err != nil || m.times.Load() != 2 {
		t.Fatalf("%v, made %d times", err, m.times.Load())
	}
	made := ts.kept[key]
	ts.leave(key, slow)
	if done(); ts.kept[key] != made || made.rows == nil || ts.memory.Used() == 0 {
		t.Error("the table went with the one that failed")
	}
	if ts.reclaim(1); ts.memory.Used() != 0 {
		t.Errorf("%d bytes are left", ts.memory.Used())
	}
}

// TestBroadcastsThatCannotBe are refused where a plan from elsewhere has them: no task
// knows which rows of what it reads whole have a partner in none.
func TestBroadcastsThatCannotBe(t *testing.T) {
	stays, whole := side{run: func(Feed) error { return nil }}, side{}
	left, right := shuffle.Outer{Left: true}, shuffle.Outer{Right: true}
	for _, c := range []struct {
		sides []side
		outer shuffle.Outer
		ok    bool
	}{
		{[]side{stays, whole}, shuffle.Outer{}, true}, {[]side{whole, stays}, shuffle.Outer{}, true},
		{[]side{stays, whole}, left, true}, {[]side{whole, stays}, left, false},
		{[]side{stays, whole}, right, false}, {[]side{whole, stays}, right, true},
		{[]side{stays, whole}, shuffle.Outer{Left: true, Right: true}, false},
		{[]side{stays, stays}, shuffle.Outer{}, false}, {[]side{whole, whole}, shuffle.Outer{}, false}, {[]side{stays}, shuffle.Outer{}, false}, {nil, shuffle.Outer{}, false},
	} {
		f, err := foundOf[int64, string, int64](&Input{sides: c.sides}, c.outer)
		if (err == nil) != c.ok || c.ok && (c.sides[1-f.small].run == nil || f.Outer != (c.outer != shuffle.Outer{})) {
			t.Errorf("%d sides, the first %t, %v: %+v, %v", len(c.sides), len(c.sides) > 0 && c.sides[0].run != nil, c.outer, f, err)
		}
	}
}
