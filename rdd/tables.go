package rdd

import (
	"context"
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// tables keeps the small sides of joins by broadcast: one table of each in a process,
// which all tasks read. One that no task reads goes when memory is wanted, or when no
// RDD needs its shuffle any more.
type tables struct {
	memory *shuffle.Memory

	mu    sync.Mutex
	kept  map[tableKey]*sideTable
	reads int64 // so far, by which it is known which was read last
}

// tableKey names the rows of a table: a shuffle, and which generation of it.
type tableKey struct {
	shuffle plan.StageKey
	gen     int
}

// sideTable is one table. Its fields are guarded by the mutex of tables, but for those
// that do not change when it is ready.
type sideTable struct {
	ready  chan struct{} // closed when it is made
	rows   *shuffle.Lookup
	mem    *shuffle.Account
	failed bool // to be made: whoever waits for it tries for itself
	users  int
	read   int64
	gone   bool // the last user lets go of it
}

func newTables(m *shuffle.Memory) *tables { return &tables{memory: m, kept: map[tableKey]*sideTable{}} }

// get gives the table of a shuffle, which make makes if nobody has; nil where it has no
// room in memory. done must follow.
func (ts *tables) get(ctx context.Context, key tableKey, make func(*shuffle.Account) (*shuffle.Lookup, error)) (rows *shuffle.Lookup, done func(), err error) {
	for {
		t, mine := ts.use(key)
		done := func() { ts.leave(key, t) }
		if mine {
			if err := ts.make(key, t, make); err != nil {
				return nil, nil, err
			}
			return t.rows, done, nil
		}
		select {
		case <-t.ready:
		case <-ctx.Done():
			done()
			return nil, nil, context.Cause(ctx)
		}
		if !t.failed {
			return t.rows, done, nil
		}
		done()
	}
}

// use finds a table, or says that the caller is to make it.
func (ts *tables) use(key tableKey) (t *sideTable, mine bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t = ts.kept[key]
	if t == nil {
		t, mine = &sideTable{ready: make(chan struct{})}, true
		ts.kept[key] = t
	}
	ts.reads++
	t.read = ts.reads
	t.users++
	return t, mine
}

// make makes a table. Where it is not made in the end, whatever ended that, the next who
// wants it tries again.
func (ts *tables) make(key tableKey, t *sideTable, make func(*shuffle.Account) (*shuffle.Lookup, error)) (err error) {
	t.failed, t.mem = true, ts.memory.OpenShared("the small side of a join")
	defer func() {
		if t.failed {
			ts.forget(key, t)
			defer ts.leave(key, t)
		}
		close(t.ready)
	}()
	t.rows, err = make(t.mem)
	t.failed = err != nil
	return err
}

// forget has nobody find a table any more.
func (ts *tables) forget(key tableKey, t *sideTable) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.kept[key] == t {
		delete(ts.kept, key)
	}
}

// leave says that a task does not read a table any more. One that had no room is tried
// again.
func (ts *tables) leave(key tableKey, t *sideTable) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.users--; t.users > 0 {
		return
	}
	if t.rows == nil || t.gone {
		ts.free(key, t)
	}
}

// free lets go of a table that nobody reads. The mutex is held.
func (ts *tables) free(key tableKey, t *sideTable) {
	if ts.kept[key] == t {
		delete(ts.kept, key)
	}
	if t.rows != nil {
		t.rows.Close()
		t.rows = nil
	}
	t.mem.Close()
}

// drop lets go of the tables of a shuffle.
func (ts *tables) drop(of plan.StageKey) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for key, t := range ts.kept {
		switch {
		case key.shuffle != of:
		case t.users == 0:
			ts.free(key, t)
		default:
			t.gone = true
			delete(ts.kept, key)
		}
	}
}

// reclaim takes memory of the tables that nobody reads, those first that were not read
// for the longest time, and gives how much there was.
func (ts *tables) reclaim(bytes int64) (freed int64) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for freed < bytes {
		var oldest *sideTable
		var at tableKey
		for key, t := range ts.kept {
			if t.users == 0 && (oldest == nil || t.read < oldest.read) {
				oldest, at = t, key
			}
		}
		if oldest == nil {
			break
		}
		freed += oldest.mem.Used()
		ts.free(at, oldest)
	}
	return freed
}
