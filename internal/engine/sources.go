package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// sources lists inputs, and remembers: within an engine the same file source is
// the same splits, or a shuffle that was made from it could not be used again.
// It remembers for the same reason how many partitions a shuffle got.
type sources struct {
	slots func() int

	mu     sync.Mutex
	splits map[plan.Files][]storage.Split
	parts  map[plan.StageKey]int
}

func newSources(slots func() int) *sources {
	return &sources{slots: slots, splits: map[plan.Files][]storage.Split{}, parts: map[plan.StageKey]int{}}
}

// plan resolves p and gives the size of each of the stages, and the splits of
// every file source of p.
func (s *sources) plan(ctx context.Context, p *plan.Plan) ([]model.StageSize, map[plan.Files][]storage.Split, error) {
	found := map[plan.Files][]storage.Split{}
	for i := range p.Stages {
		for _, f := range p.Stages[i].Pipe.FileSources() {
			if err := s.list(ctx, *f, found); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := s.resolve(p, found); err != nil {
		return nil, nil, err
	}
	sizes := make([]model.StageSize, len(p.Stages))
	for i := range p.Stages {
		st := &p.Stages[i]
		sizes[i] = model.StageSize{Key: st.Key, N: st.N()}
		sizes[i].Prefs, sizes[i].Racks = preferences(st, found)
		sizes[i].Blocks = blockReads(st)
		if st.Kind == plan.MapStage {
			sizes[i].Reduces = st.Sink.Part.N
		}
	}
	return sizes, found, nil
}

// remember takes in what an earlier engine found.
func (s *sources) remember(r *work.Resolved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.splits, r.Found)
	for i := range r.Plan.Stages {
		if st := &r.Plan.Stages[i]; st.Sink.Part != nil {
			s.parts[st.Key] = st.Sink.Part.N
		}
	}
}

// forget and forgetFiles let go of what no further action will ask for. Those
// that are under way have their own.
func (s *sources) forget(shuffle plan.StageKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parts, shuffle)
}

func (s *sources) forgetFiles(f plan.Files) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.splits, f)
}

// list finds the splits of one source. Two actions that list one at the same
// time both get what the first of them found.
func (s *sources) list(ctx context.Context, f plan.Files, found map[plan.Files][]storage.Split) error {
	if _, ok := found[f]; ok {
		return nil
	}
	s.mu.Lock()
	splits, ok := s.splits[f]
	s.mu.Unlock()
	if !ok {
		files, err := storage.Expand(ctx, f.Paths, storage.ExpandOptions{Recursive: f.Recursive})
		if err != nil {
			return err
		}
		o := s.options(f)
		if err := tooMany(files, o); err != nil {
			return err
		}
		if f.Parts > 0 {
			slices.SortFunc(files, byNumber)
		}
		splits = storage.Splits(files, o)
		if f.Parts > 0 && len(splits) != f.Parts {
			return fmt.Errorf("%s has %d files of %d: others were removed or added", f.Paths, len(splits), f.Parts)
		}
		s.mu.Lock()
		if first, ok := s.splits[f]; ok {
			splits = first
		}
		s.splits[f] = splits
		s.mu.Unlock()
	}
	found[f] = splits
	return nil
}

// byNumber orders the part files of a directory: the names of those from 100,000 on
// are longer.
func byNumber(a, b storage.Info) int {
	return cmp.Or(cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(a.Path, b.Path))
}

// options asks for two splits a slot, so that a slow one does not keep the
// others waiting for long. A user who names a number gets it however small the
// input is.
func (s *sources) options(f plan.Files) storage.SplitOptions {
	o := storage.SplitOptions{MinSplits: cmp.Or(f.MinSplits, 2*s.slots()), MaxBytes: f.MaxBytes, NoCut: f.Whole || f.Parts > 0, NoPack: f.Parts > 0}
	if f.MinSplits > 0 {
		o.MinBytes = 1
	}
	return o
}

// tooMany refuses splits that are so small that there were too many, before any is
// made.
func tooMany(files []storage.Info, o storage.SplitOptions) error {
	if o.MaxBytes == 0 || o.NoCut {
		return nil
	}
	var bytes int64
	for _, f := range files {
		bytes += f.Size
	}
	if n := bytes / o.MaxBytes; n > plan.MaxPartitions {
		return fmt.Errorf("%d bytes of input in splits of at most %d: %d partitions: %w: the most is %d", bytes, o.MaxBytes, n,
			plan.ErrTooManyPartitions, plan.MaxPartitions)
	}
	return nil
}

// resolve fixes the plan's numbers. Shuffles that were planned before keep
// theirs, whatever else this plan reads together with them.
func (s *sources) resolve(p *plan.Plan, found map[plan.Files][]storage.Split) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range p.Stages {
		if st := &p.Stages[i]; st.Sink.Part != nil && st.Sink.Part.N == 0 {
			st.Sink.Part.N = s.parts[st.Key]
		}
	}
	err := p.Resolve(plan.Sizes{Slots: s.slots(), Splits: func(f *plan.Files) (int, int64, error) {
		var bytes int64
		for _, sp := range found[*f] {
			bytes += sp.Bytes()
		}
		return len(found[*f]), bytes, nil
	}, Hosts: func(f *plan.Files, split int) []string {
		if of := found[*f]; split < len(of) {
			return of[split].Hosts
		}
		return nil // the launch says what is wrong
	}})
	if err != nil {
		return err
	}
	for i := range p.Stages {
		st := &p.Stages[i]
		if st.Sink.Part != nil {
			s.parts[st.Key] = st.Sink.Part.N
		}
	}
	return nil
}

// preferences lists for each task the hosts of its splits, and the racks of those
// hosts; nil where none is known, as with local files.
func preferences(st *plan.Stage, found map[plan.Files][]storage.Split) (prefs [][]string, racks map[string]string) {
	files := st.Pipe.FileSources()
	known := false
	for _, f := range files {
		for _, sp := range found[*f] {
			known = known || len(sp.Hosts) > 0
		}
	}
	if !known {
		return nil, nil
	}
	prefs = make([][]string, st.N())
	racks = map[string]string{}
	for i := range prefs {
		var hosts []string
		for _, r := range st.Pipe.Reads(i) {
			of := found[*files[r.At]]
			if r.Partition >= len(of) {
				continue // its launch says what is wrong
			}
			sp := &of[r.Partition]
			hosts = append(hosts, sp.Hosts...)
			for k, rack := range sp.Racks {
				racks[sp.Hosts[k]] = rack
			}
		}
		prefs[i] = most(hosts)
	}
	return prefs, racks
}

// mostBlocks is how many blocks of a stage the scheduler is told of in all: tasks
// beyond run anywhere.
const mostBlocks = 1 << 18

// blockReads lists for each task which blocks it reads of the stage's cached RDDs; nil
// where that is the one of its number, of the only one.
func blockReads(st *plan.Stage) (all [][]model.BlockRead) {
	caches := cachedSources(st)
	if len(caches) == 0 || len(caches) == 1 && st.Pipe.Source.Cached == caches[0] {
		return nil
	}
	at := make(map[plan.StageKey]int, len(caches))
	for k, c := range caches {
		at[c.Key] = k
	}
	for i, n := 0, 0; i < st.N() && n < mostBlocks; i++ {
		var reads []model.BlockRead
		for _, b := range st.Pipe.BlockReads(i, mostCaches) {
			k, ok := at[b.RDD]
			if !ok {
				break // of what is beyond
			}
			reads = append(reads, model.BlockRead{Cache: k, Partition: b.Partition, Under: b.Under})
		}
		for k := range reads {
			reads[k].Under = min(reads[k].Under, len(reads)-k-1)
		}
		n += len(reads)
		all = append(all, reads)
	}
	return all
}

// most gives the hosts that are listed the most often: those that hold the most of
// the splits of a task.
func most(hosts []string) []string {
	times, top := make(map[string]int, len(hosts)), 0
	for _, h := range hosts {
		times[h]++
		top = max(top, times[h])
	}
	var all []string
	for _, h := range hosts {
		if times[h] == top {
			all = append(all, h)
			times[h] = 0
		}
	}
	return all
}
