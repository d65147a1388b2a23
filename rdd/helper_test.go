package rdd

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world runs plans stage by stage, as simply as can be.
type world struct {
	t        testing.TB
	g        *Graph
	r        *Runner
	blobs    map[plan.Digest][]byte
	fetched  map[plan.Digest]int
	notices  []string
	dir      string
	attempts int
	counters map[string]plan.Counters // of the last run, by the stage's name
}

func newWorld(t testing.TB, options ...any) *world {
	w := &world{t: t, blobs: map[plan.Digest][]byte{}, fetched: map[plan.Digest]int{}, dir: t.TempDir()}
	w.mkdir("store")
	w.mkdir("scratch")
	w.mkdir("out")
	g := GraphOptions{Seed: 7, Notice: func(s string) { w.notices = append(w.notices, s) }}
	r := RunnerOptions{Memory: shuffle.NewMemory(64 << 20), Blob: w.fetch, BlobPart: w.fetchPart}
	for _, o := range options {
		switch o := o.(type) {
		case func(*GraphOptions):
			o(&g)
		case func(*RunnerOptions):
			o(&r)
		}
	}
	w.g = NewGraph(g)
	r.Local = w.g.Local
	w.r = NewRunner(r)
	return w
}

func (w *world) mkdir(name string) {
	if err := os.Mkdir(filepath.Join(w.dir, name), 0o700); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) fetch(d plan.Digest) ([]byte, error) {
	w.fetched[d]++
	b, ok := w.blobs[d]
	if !ok {
		return nil, fmt.Errorf("no blob %q", d)
	}
	return b, nil
}

func (w *world) fetchPart(d plan.Digest, from, to int64) (io.ReadCloser, error) {
	b, err := w.fetch(d)
	if err == nil && (from < 0 || to < from || to > int64(len(b))) {
		err = fmt.Errorf("bytes %d to %d of a blob of %d bytes", from, to, len(b))
	}
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b[from:to])), nil
}

func (w *world) blob(b []byte) plan.Digest {
	d := plan.DigestOf(b)
	w.blobs[d] = b
	return d
}

// here is the call of the function that calls it.
func here() Call { return CallSite(0) }

// numbers are 0, 1, … in n partitions.
func (w *world) numbers(count int64, n int) *Node {
	return w.g.Source(RangeOp(), here(), plan.Source{Range: &plan.Range{Step: 1, Count: count, N: n}})
}

// text is a file with the lines, in one partition.
func (w *world) text(lines ...string) *Node {
	w.t.Helper()
	path := filepath.Join(w.dir, fmt.Sprintf("in%d.txt", w.g.nextID.Add(1)))
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.g.Source(TextOp(), here(), plan.Source{Files: &plan.Files{Paths: path}})
}

// slice is a Data source.
func slice[T any](w *world, n int, rows ...T) *Node {
	w.t.Helper()
	var b bytes.Buffer
	ends, err := EncodeData(&b, codec.RowsOf(rows), must(codec.TypeOf[T]()), n)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.g.Source(DataOp[T](), here(), plan.Source{Data: &plan.Data{Blob: w.blob(b.Bytes()), Ends: ends}})
}

// plan is the action's plan as an engine gets it.
func (w *world) plan(n *Node, a Action) *plan.Plan {
	w.t.Helper()
	p, err := w.g.Plan(n, a)
	if err != nil {
		w.t.Fatal(err)
	}
	// The nodes and the plan that was made of them hold the closures.
	w.t.Cleanup(func() { runtime.KeepAlive(p); runtime.KeepAlive(n) })
	b, err := plan.Encode(p)
	if err != nil {
		w.t.Fatal(err)
	}
	decoded, err := plan.Decode[plan.Plan](b)
	if err != nil {
		w.t.Fatal(err)
	}
	err = decoded.Resolve(plan.Sizes{Slots: 2, Splits: func(f *plan.Files) (int, int64, error) {
		s := w.splits(f)
		return len(s), 0, nil
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return decoded
}

func (w *world) splits(f *plan.Files) []storage.Split {
	files, err := storage.Expand(w.t.Context(), f.Paths, storage.ExpandOptions{Recursive: f.Recursive})
	if err != nil {
		w.t.Fatal(err)
	}
	return storage.Splits(files, storage.SplitOptions{MinSplits: max(f.MinSplits, 1), MinBytes: 1, NoCut: f.Whole})
}

// task is an attempt with nothing to read yet.
func (w *world) task(s *plan.Stage, partition int) *plan.Task {
	w.attempts++
	t := &plan.Task{
		Action: plan.ActionID{Job: "job", N: 1}, Stage: s.Key, Partition: partition, Attempt: fmt.Sprintf("a%d", w.attempts),
		Store: filepath.Join(w.dir, "store"),
	}
	t.Scratch = filepath.Join(w.dir, "scratch", t.Attempt)
	if err := os.Mkdir(t.Scratch, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if s.Sink.Staged {
		t.Staged = filepath.Join(w.dir, "out", fmt.Sprintf("part-%05d.%s", partition, t.Attempt))
	}
	files := s.Pipe.FileSources()
	for _, r := range s.Pipe.Reads(partition) {
		b, err := msgpack.Marshal(&w.splits(files[r.At])[r.Partition])
		if err != nil {
			w.t.Fatal(err)
		}
		t.Splits = append(t.Splits, plan.PipeSplit{At: r.At, Partition: r.Partition, Split: b})
	}
	return t
}

// run runs all tasks of a plan, or those up to the first that fails, and gives
// the results of the target.
func (w *world) run(p *plan.Plan) ([]*plan.Result, *plan.Failure) {
	done := map[plan.StageKey][]*plan.Result{}
	w.counters = map[string]plan.Counters{}
	for i := range p.Stages {
		s := &p.Stages[i]
		for part := range s.N() {
			t := w.task(s, part)
			for _, parent := range s.Parents {
				in := plan.ShuffleInput{Stage: parent.Key}
				for _, r := range done[parent.Key] {
					in.Outputs = append(in.Outputs, r.Shuffle)
				}
				if parent.Kind == plan.Value {
					t.Values = append(t.Values, plan.StageValue{Stage: parent.Key, Value: done[parent.Key][0].Value})
				} else {
					t.Inputs = append(t.Inputs, in)
				}
			}
			res, fail := w.r.Run(w.t.Context(), p, s, t)
			if err := os.Remove(t.Scratch); err != nil {
				w.t.Errorf("scratch of %s: %v", s.Name, err)
			}
			if fail != nil {
				return nil, fail
			}
			c := w.counters[s.Name]
			c.Add(res.Counters)
			w.counters[s.Name] = c
			done[s.Key] = append(done[s.Key], res)
		}
	}
	if used := w.r.o.Memory.Used(); used != 0 {
		w.t.Errorf("%d bytes of memory are still accounted for", used)
	}
	return done[p.Target], nil
}

// act runs an action that must succeed.
func (w *world) act(n *Node, a Action) []*plan.Result {
	w.t.Helper()
	results, fail := w.run(w.plan(n, a))
	if fail != nil {
		w.t.Fatalf("%+v", fail)
	}
	return results
}

// fails runs an action that must fail, and leave nothing behind.
func (w *world) fails(n *Node, a Action) *plan.Failure {
	w.t.Helper()
	_, fail := w.run(w.plan(n, a))
	if fail == nil {
		w.t.Fatal("no failure")
	}
	return fail
}

// partitions are the rows of a collected result.
func partitions[T any](w *world, results []*plan.Result) [][]T {
	w.t.Helper()
	all := make([][]T, len(results))
	for i, r := range results {
		b := r.Value
		if r.ValuePath != "" {
			var err error
			if b, err = os.ReadFile(r.ValuePath); err != nil {
				w.t.Fatal(err)
			}
		}
		err := decodeRows(b, func(rows []T) bool {
			all[i] = append(all[i], rows...)
			return true
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if r.Rows != int64(len(all[i])) {
			w.t.Errorf("partition %d reports %d rows and has %d", i, r.Rows, len(all[i]))
		}
	}
	return all
}

func collect[T any](w *world, n *Node) []T {
	w.t.Helper()
	var all []T
	for _, rows := range partitions[T](w, w.act(n, Action{Op: CollectOp[T](), Call: here()})) {
		all = append(all, rows...)
	}
	return all
}

// files lists what is in one of the world's directories.
func (w *world) files(dir string) []string {
	entries, err := os.ReadDir(filepath.Join(w.dir, dir))
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// withRegistry gives the test a registry of its own.
func withRegistry(t *testing.T) {
	saved := registered
	registered = newRegistry()
	t.Cleanup(func() { registered = saved })
}

// register registers the operators of a file's calls and gives the package.
func register(sources map[string]string) *Package {
	p := Register()
	for _, name := range sorted(sources) {
		hash, _ := HashTokens(sources[name])
		p.Source(name, sources[name], HashBytes(sources[name]), hash)
	}
	return p
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// passOn is a whole-partition function that changes nothing.
func passOn[T any](_ *Task, rows iter.Seq[T]) iter.Seq[T] { return rows }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func decodeRows[T any](b []byte, yield func([]T) bool) error {
	return DecodeRows(bytes.NewReader(b), must(codec.TypeOf[T]()), func(rows codec.Rows) bool { return yield(codec.Slice[T](rows)) })
}

func decodeAcc[A any](b []byte) (acc Acc[A], err error) {
	p, err := DecodeAcc(b, must(codec.TypeOf[A]()))
	if p != nil {
		acc = Acc[A]{*(*A)(p), true}
	}
	return acc, err
}
