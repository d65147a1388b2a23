package engine

import (
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// stage is a stage as one action knows it.
type stage struct {
	action *action
	plan   *plan.Stage
	files  []*plan.Files // of its pipe, once the plan is resolved
	made   dirs
	total  int // partitions, once the plan is resolved
	// What follows is for pictures; the last word is the scheduler's.
	n             int // tasks that the action wants
	done          int
	running       int
	failed        int
	skipped       bool
	counters      plan.Counters
	first, latest model.Instant // of its attempts
}

// dirs are directories that are there. It is safe for concurrent use.
type dirs struct {
	mu   sync.Mutex
	made map[string]bool
}

func (d *dirs) has(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made[dir]
}

func (d *dirs) add(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made == nil {
		d.made = map[string]bool{}
	}
	d.made[dir] = true
}

func (s *stage) spec() model.StageSpec {
	p := s.plan
	spec := model.StageSpec{Key: p.Key, Kind: kinds[p.Kind], Class: classes[p.Class], Inexact: p.Inexact,
		Name: p.Name, Site: s.site()}
	for _, parent := range p.Parents {
		edge := model.Wide
		if parent.Kind == plan.Value {
			edge = model.ValueDep
		}
		spec.Parents = append(spec.Parents, model.Parent{Key: parent.Key, Edge: edge})
	}
	return spec
}

// site is the user's line that ends the stage.
func (s *stage) site() string {
	if s.plan.Sink.Op.Site.File == "" {
		return ""
	}
	return s.plan.Sink.Op.Site.String()
}

var (
	kinds = [...]model.Kind{plan.MapStage: model.MapStage, plan.ResultStage: model.ResultStage,
		plan.ValueStage: model.ValueStage}
	classes = [...]model.Class{plan.Determinate: model.Determinate, plan.Unordered: model.Unordered,
		plan.Indeterminate: model.Indeterminate}
)

// sized takes note of the numbers that the resolved plan has.
func (a *action) sized(found map[plan.Files][]storage.Split) {
	a.found = found
	for _, s := range a.stages {
		s.total, s.files = s.plan.N(), s.plan.Pipe.FileSources()
		s.n = s.total
	}
	target := a.stages[a.plan.Target]
	a.got = make([]bool, target.total)
	if a.want.Partitions != nil {
		target.n, _ = slices.BinarySearch(a.want.Partitions, target.total)
	}
	a.e.worker.join(a)
}

// status is a picture of the action.
func (a *action) status(now model.Instant) plan.ActionStatus {
	st := plan.ActionStatus{ID: a.id, Name: a.plan.Action, Site: a.plan.Site, State: a.state, Started: a.begun,
		Elapsed: now.Sub(a.started), Stages: make([]plan.StageStatus, len(a.plan.Stages)),
		Partitions: a.stages[a.plan.Target].total}
	if a.state.Ended() {
		st.Elapsed = a.elapsed
	}
	for i := range a.plan.Stages {
		st.Stages[i] = a.stages[a.plan.Stages[i].Key].status(now)
	}
	return st
}

func (s *stage) status(now model.Instant) plan.StageStatus {
	st := plan.StageStatus{Key: s.plan.Key, Name: s.plan.Name, Kind: s.plan.Kind, Tasks: s.n, Done: s.done,
		Running: s.running, Failed: s.failed, Skipped: s.skipped, Counters: s.counters}
	until := s.latest
	if s.running > 0 || until < s.first {
		until = now
	}
	if s.first > 0 {
		st.Elapsed = until.Sub(s.first)
	}
	return st
}

// started and the like follow a stage's attempts.
func (s *stage) started(now model.Instant) {
	if s.first == 0 {
		s.first = max(now, 1)
	}
	s.running++
	s.changed()
}

func (s *stage) stopped(now model.Instant, failed bool) {
	if s.action.state.Ended() {
		return
	}
	s.latest = now
	s.running--
	if failed {
		s.failed++
	}
	s.changed()
}

func (s *stage) won(c plan.Counters) {
	s.done++
	s.counters.Add(c)
	s.changed()
}

func (s *stage) changed() { s.action.dirty = true }

// summed takes over what the scheduler says at the action's end. A stage that
// was skipped did nothing for this action, so it has no counters here.
func (s *stage) summed(sum model.StageSummary) {
	s.done, s.running = sum.Done, 0
	s.skipped = sum.Skipped || sum.Ran == 0 && sum.Done == sum.N
	s.counters = plan.Counters{}
	if !s.skipped {
		s.counters = countersOf(sum.Counters)
	}
}

// counterNames name the counters in the scheduler's messages.
var counterNames = []string{"rowsIn", "rowsOut", "bytesRead", "shuffleRead", "shuffleWrite", "spilled", "output", "rejected"}

// fields lists the counters in the order of their names.
func fields(c *plan.Counters) [8]*int64 {
	return [8]*int64{&c.RowsIn, &c.RowsOut, &c.BytesRead, &c.ShuffleRead, &c.ShuffleWrite, &c.Spilled, &c.Output, &c.Rejected}
}

// countersFor gives those that are not zero.
func countersFor(c plan.Counters) []model.Counter {
	var list []model.Counter
	for i, v := range fields(&c) {
		if *v != 0 {
			list = append(list, model.Counter{Name: counterNames[i], Value: *v})
		}
	}
	return list
}

func countersOf(list []model.Counter) (c plan.Counters) {
	f := fields(&c)
	for _, l := range list {
		for i, name := range counterNames {
			if name == l.Name {
				*f[i] += l.Value
			}
		}
	}
	return c
}
