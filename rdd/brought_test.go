package rdd

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/keptfile"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// giver is a world that keeps an RDD, and other runners of the same program that read it.
type giver struct {
	*world
	plan  *plan.Plan
	key   plan.Block // of partition 1
	calls int        // of the function that makes its rows
	want  []string   // of that partition
}

// newGiver keeps text behind a shuffle, and adds to an accumulator meanwhile.
func newGiver(t *testing.T, level plan.StorageLevel) *giver {
	dir := t.TempDir()
	g := &giver{world: newWorld(t, func(o *RunnerOptions) { o.CacheDir = func() (string, error) { return dir, nil } })}
	pairs := g.numbers(6000, 2).Narrow(MapOp(func(n int64) Pair[int64, int64] { return Pair[int64, int64]{Key: n % 2000, Value: 1} }), here(), false)
	by := wide("map")
	by.N = 2
	sums := pairs.Wide(addUp(), here(), by)
	kept := sums.Narrow(MapOp(func(p Pair[int64, int64]) string {
		g.calls++
		return strings.Repeat("x", int(p.Key%50)) + string(rune('a'+p.Value))
	}), here(), false).Cached(CacheOp[string](), here(), level)
	g.key = plan.Block{RDD: kept.cacheKey(), Partition: 1}
	g.plan = g.world.plan(kept, Action{Op: CollectOp[string](), Call: here()})
	in := g.inputs()
	st, _ := g.plan.Stage(g.plan.Target)
	for part := range st.N() {
		task := g.task(st, part)
		task.Inputs = in
		res, fail := g.r.Run(t.Context(), g.plan, st, task)
		if fail != nil {
			t.Fatal(fail.Message)
		}
		if len(res.Kept) != 1 || res.Kept[0].Bytes <= 0 {
			t.Errorf("it keeps %+v", res.Kept)
		}
		if part == g.key.Partition {
			g.want = partitions[string](g.world, []*plan.Result{res})[0]
		}
	}
	if g.calls != 2000 || len(g.want) == 0 {
		t.Fatalf("%d calls, %d rows", g.calls, len(g.want))
	}
	k := g.r.blocks.kept[g.key]
	k.added = []blockAdded{{g.key, plan.Updates(nil).With(7, []byte("seven"))}}
	g.calls = 0
	return g
}

// give has the block written to a file, and spoils it.
func (g *giver) give(r *Runner, spoil func([]byte)) (string, error) {
	f, err := os.CreateTemp(g.t.TempDir(), "given")
	if err != nil {
		g.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		g.t.Fatal(err)
	}
	if err := r.Give(g.key, f.Name()); err != nil {
		return "", err
	}
	b, err := os.ReadFile(f.Name())
	if err == nil && spoil != nil {
		spoil(b)
		err = os.WriteFile(f.Name(), b, 0o600)
	}
	return f.Name(), err
}

// other is another runner of the program, with that much memory for rows that are kept.
func (g *giver) other(memory int64, block func(context.Context, string, plan.Block) (string, error)) *Runner {
	dir := g.t.TempDir()
	return NewRunner(RunnerOptions{Memory: shuffle.NewMemory(memory), Blob: g.fetch, BlobPart: g.fetchPart, Local: g.g.Local, Block: block,
		CacheDir: func() (string, error) { return dir, nil }})
}

// read runs the task of the block's partition without what it would take to make it.
func (g *giver) read(r *Runner, change func(*plan.Task)) (*plan.Result, *plan.Failure) {
	st, _ := g.plan.Stage(g.plan.Target)
	task := g.task(st, g.key.Partition)
	task.Held, task.Blocks = true, []plan.Block{g.key}
	if change != nil {
		change(task)
	}
	return r.Run(g.t.Context(), g.plan, st, task)
}

func (g *giver) same(t *testing.T, res *plan.Result, fail *plan.Failure) {
	t.Helper()
	if fail != nil {
		t.Fatalf("%+v", fail)
	}
	if got := partitions[string](g.world, []*plan.Result{res})[0]; !slices.Equal(got, g.want) {
		t.Errorf("%d rows, want %d", len(got), len(g.want))
	}
	var updates []plan.Added
	for a, err := range res.Updates.Parts() {
		if err != nil {
			t.Error(err)
		}
		updates = append(updates, a)
	}
	if len(updates) != 1 || !updates[0].Kept || updates[0].Block != g.key {
		t.Errorf("what was added is told as %+v", updates)
	}
	if g.calls > 0 {
		t.Errorf("%d rows were made again", g.calls)
	}
}

var everyLevel = []plan.StorageLevel{plan.MemoryOnly, plan.MemoryOnlySer, plan.MemoryAndDisk, plan.MemoryAndDiskSer, plan.DiskOnly}

// TestBlocksAreBrought: what another runner keeps is read, whatever it is kept as, and
// what was added to accumulators is told under its name.
func TestBlocksAreBrought(t *testing.T) {
	for _, level := range everyLevel {
		t.Run(level.String(), func(t *testing.T) {
			g := newGiver(t, level)
			r := g.other(64<<20, func(_ context.Context, _ string, b plan.Block) (string, error) { return g.give(g.r, nil) })
			res, fail := g.read(r, nil)
			g.same(t, res, fail)
			if len(res.Kept) > 0 {
				t.Errorf("it keeps %+v", res.Kept)
			}
		})
	}
}

// TestBlocksThatCannotBeBrought are made where there is something to make them of, and
// fail the task where there is not, by their name.
func TestBlocksThatCannotBeBrought(t *testing.T) {
	g := newGiver(t, plan.MemoryOnly)
	for name, c := range map[string]struct {
		spoil func([]byte)
		err   error
		task  func(*plan.Task)
		fails bool // in the midst, whatever there is
	}{
		"nobody has it":          {err: errors.New("nobody has it")},
		"its head is damaged":    {spoil: func(b []byte) { b[30] ^= 1 }},
		"it is of other rows":    {task: func(t *plan.Task) { t.Gens = []plan.StageGen{{Stage: g.plan.Stages[0].Key, Gen: 3}} }},
		"its blocks are damaged": {spoil: func(b []byte) { b[len(b)-1] ^= 1 }, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := g.other(64<<20, func(context.Context, string, plan.Block) (string, error) {
				if c.err != nil {
					return "", c.err
				}
				return g.give(g.r, c.spoil)
			})
			_, fail := g.read(r, c.task)
			if fail == nil || fail.Class != plan.FailFetch || fail.Fetch == nil || !fail.Fetch.Block || fail.Fetch.Stage != g.key.RDD || fail.Fetch.Map != g.key.Partition {
				t.Errorf("%+v", fail)
			}
			if c.err != nil && !strings.Contains(fail.Message, c.err.Error()) {
				t.Errorf("it does not say why: %s", fail.Message)
			}
			g.calls = 0
			res, fail := g.read(r, func(task *plan.Task) {
				task.Held = false
				task.Inputs = g.inputs()
				if c.task != nil {
					c.task(task)
				}
			})
			if c.fails {
				if fail == nil || fail.Class != plan.FailFetch {
					t.Errorf("%+v", fail)
				}
				return
			}
			if fail != nil {
				t.Fatalf("%+v", fail)
			}
			if got := partitions[string](g.world, []*plan.Result{res})[0]; !slices.Equal(got, g.want) || g.calls != len(got) {
				t.Errorf("%d rows, %d calls, want %d", len(got), g.calls, len(g.want))
			}
			if len(res.Kept) != 1 {
				t.Errorf("it keeps %+v", res.Kept)
			}
			g.calls = 0
		})
	}
}

// inputs makes the shuffle that the kept rows are made of.
func (g *giver) inputs() []plan.ShuffleInput {
	st := &g.plan.Stages[0]
	in := plan.ShuffleInput{Stage: st.Key}
	for part := range st.N() {
		res, fail := g.r.Run(g.t.Context(), g.plan, st, g.task(st, part))
		if fail != nil {
			g.t.Fatal(fail.Message)
		}
		in.Outputs = append(in.Outputs, res.Shuffle)
	}
	return []plan.ShuffleInput{in}
}

// TestCopiesAreKept: a copy is read as the block is, given on, and let go of, at every
// level; where memory has no room it is in a file or is not kept.
func TestCopiesAreKept(t *testing.T) {
	for _, level := range everyLevel {
		for _, memory := range []int64{64 << 20, 2 << 10} {
			g := newGiver(t, level)
			r := g.other(memory, nil)
			path, err := g.give(g.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			n, err := r.Keep(g.key, path)
			if memory < 1<<20 && !level.Disk() {
				if err == nil || r.o.Memory.Used() != 0 || len(r.blocks.kept)+len(r.blocks.making) > 0 {
					t.Errorf("%s: kept without room: %v", level, err)
				}
				continue
			}
			if err != nil || n <= 0 {
				t.Fatalf("%s: %d bytes, %v", level, n, err)
			}
			for range 2 * int(memory>>20) / 64 { // as far as there is room for a task
				res, fail := g.read(r, nil)
				g.same(t, res, fail)
				if len(res.Kept) != 1 {
					t.Errorf("%s: it keeps %+v", level, res.Kept)
				}
			}
			if again, err := r.Keep(g.key, path); err != nil || again <= 0 {
				t.Errorf("%s: once more: %d bytes, %v", level, again, err)
			}
			if path, err = g.give(r, nil); err != nil {
				t.Errorf("%s: not given on: %v", level, err)
			}
			third := g.other(64<<20, func(context.Context, string, plan.Block) (string, error) { return path, nil })
			res, fail := g.read(third, nil)
			g.same(t, res, fail)
			if r.blocks.drop(g.key.RDD); r.o.Memory.Used() != 0 || len(r.blocks.kept) > 0 || r.blocks.files.order.Len() > 0 {
				t.Errorf("%s: %d bytes are left", level, r.o.Memory.Used())
			}
		}
	}
}

// TestCopiesThatComeAgain are dropped, one after the other or at once: what is kept is the
// first, and takes no more than it did.
func TestCopiesThatComeAgain(t *testing.T) {
	for _, level := range everyLevel {
		g := newGiver(t, level)
		path, err := g.give(g.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := g.other(64<<20, nil)
		held := func() (files int, bytes int64) {
			dir, err := r.o.CacheDir()
			if err != nil {
				t.Fatal(err)
			}
			left, _ := filepath.Glob(filepath.Join(dir, "*"))
			return len(left), r.o.Memory.Used()
		}
		n, err := r.Keep(g.key, path)
		if err != nil {
			t.Fatalf("%s: %v", level, err)
		}
		first := r.blocks.kept[g.key]
		files, bytes := held()
		if again, err := r.Keep(g.key, path); again != n || err != nil || r.blocks.kept[g.key] != first {
			t.Errorf("%s: %d bytes, and %d when it comes again: %v", level, n, again, err)
		}
		if f, b := held(); f != files || b != bytes || r.blocks.order.Len()+r.blocks.files.order.Len() != 1 {
			t.Errorf("%s: %d files and %d bytes, and %d and %d when it has come again", level, files, bytes, f, b)
		}
		r.blocks.drop(g.key.RDD)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := r.Keep(g.key, path); err != nil && !errors.Is(err, errNotKept) {
					t.Errorf("%s: %v", level, err)
				}
			})
		}
		all.Wait()
		if f, b := held(); f != files || b != bytes || len(r.blocks.kept) != 1 || len(r.blocks.making) > 0 {
			t.Errorf("%s: %d files and %d bytes, and %d and %d of many at once", level, files, bytes, f, b)
		}
		r.blocks.drop(g.key.RDD)
		if f, b := held(); f != 0 || b != 0 {
			t.Errorf("%s: %d files and %d bytes are left", level, f, b)
		}
	}
}

// TestCopiesOfWhatIsForgotten: what nobody wants any more when it has come is not kept, and
// leaves nothing.
func TestCopiesOfWhatIsForgotten(t *testing.T) {
	for _, level := range everyLevel {
		g := newGiver(t, level)
		path, err := g.give(g.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, at, err := keptfile.Read(bytes.NewReader(b), int64(len(b)), g.key)
		if err != nil {
			t.Fatal(err)
		}
		r := g.other(64<<20, nil)
		k := &kept{key: g.key, level: head.Level.Single(), of: head.Of, id: keptfile.First(g.key), rows: head.Rows}
		rows := bytes.NewReader(b[at:])
		_, err = r.blocks.copy(k, readFunc(func(b []byte) (int, error) {
			r.Forget(g.key.RDD)
			return rows.Read(b)
		}))
		if !errors.Is(err, errNotKept) || r.o.Memory.Used() != 0 || len(r.blocks.kept)+len(r.blocks.making)+len(r.blocks.gone) > 0 {
			t.Errorf("%s: %v, %d bytes are left", level, err, r.o.Memory.Used())
		}
		dir, err := r.o.CacheDir()
		if err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("%s: left %v", level, left)
		}
	}
}

// readFunc is a reader that is a function.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// TestDamagedCopiesAreNotKept at all, and leave nothing.
func TestDamagedCopiesAreNotKept(t *testing.T) {
	g := newGiver(t, plan.DiskOnly)
	for name, spoil := range map[string]func([]byte) []byte{
		"head":        func(b []byte) []byte { b[20] ^= 1; return b },
		"cut":         func(b []byte) []byte { return b[:len(b)-1] },
		"none at all": func([]byte) []byte { return nil },
	} {
		path, err := g.give(g.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, spoil(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		r := g.other(64<<20, nil)
		if _, err := r.Keep(g.key, path); err == nil || len(r.blocks.kept)+len(r.blocks.making) > 0 {
			t.Errorf("%s: %v", name, err)
		}
		dir, err := r.o.CacheDir()
		if err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	if err := g.r.Give(plan.Block{RDD: "c99"}, filepath.Join(t.TempDir(), "x")); !errors.Is(err, errNotKept) {
		t.Errorf("a block of nobody: %v", err)
	}
}
