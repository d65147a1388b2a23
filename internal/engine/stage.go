package engine

import (
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// stage is a stage as one action knows it.
type stage struct {
	action *action
	plan   *plan.Stage
	files  []*plan.Files // of its pipe, once the plan is resolved
	total  int           // partitions, once the plan is resolved
	// What follows is for pictures; the last word is the scheduler's.
	n             int // tasks that the action wants
	done          int
	ran           int
	running       int
	failed        int
	skipped       bool
	counters      plan.Counters
	first, latest model.Instant // of its attempts
	// What tasks added to accumulators.
	added []plan.TaskUpdates // since the last picture
	noted plan.PartitionSet  // of the generation
	gen   model.Gen
	own   bool // no other action has the stage
}

func (s *stage) spec() model.StageSpec {
	p := s.plan
	spec := model.StageSpec{Key: p.Key, Kind: kinds[p.Kind], Class: classes[p.Class], Barrier: p.Barrier,
		Name: p.Name, Site: s.site()}
	for _, parent := range p.Parents {
		edge := model.Wide
		if parent.Kind == plan.Value {
			edge = model.ValueDep
		}
		spec.Parents = append(spec.Parents, model.Parent{Key: parent.Key, Edge: edge, Own: own(&p.Pipe.Source, parent.Key)})
	}
	spec.Cached, spec.Cut, spec.Local = cached(p), p.Pipe.Source.Cut != nil, p.Local
	caches := p.Pipe.CachedSources(mostCaches)
	of := p.Pipe.MadeOf(caches)
	for k, c := range caches {
		spec.Caches = append(spec.Caches, model.Cache{RDD: c.Key, Copies: c.Level.Copies(), Of: of[k]})
	}
	return spec
}

// mostCaches is how many cached RDDs of a stage, and how many blocks of a task, the
// scheduler is told of: a pipe may be one of very many rounds.
const mostCaches = 64

// cachedSources are the cached RDDs whose blocks the tasks of a stage are sent to.
// Those of a barrier run where there is room for all of them, and keep blocks all the same.
func cachedSources(st *plan.Stage) []*plan.Cached {
	if st.Barrier {
		return nil
	}
	return st.Pipe.CachedSources(mostCaches)
}

// cached is the RDD whose blocks are all that a stage's tasks need, where they are
// kept; "": there is none.
func cached(st *plan.Stage) plan.StageKey {
	c := st.Pipe.Source.Cached
	if c == nil || st.Barrier || st.Sink.Part != nil && (st.Sink.Part.Bounds != "" || st.Sink.Part.Hot != "") {
		return "" // the sink cannot do without its value; tasks of a barrier all run at once
	}
	return c.Key
}

// own says whether each partition of a source reads all that the task of the same
// number of a parent wrote.
func own(src *plan.Source, parent plan.StageKey) bool {
	return src.Coalesced == nil && !src.Crossed && slices.ContainsFunc(src.Wide, func(in plan.Input) bool {
		return in.Own && in.Shuffle == parent || in.Pipe != nil && own(&in.Pipe.Source, parent)
	})
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
	if target := a.stages[a.plan.Target]; a.want != nil {
		target.n, _ = slices.BinarySearch(a.want, target.total)
	}
	a.e.join(a)
}

// status is a picture of the action.
func (a *action) status(now model.Instant) plan.ActionStatus {
	st := plan.ActionStatus{ID: a.id, Name: a.plan.Action, Site: a.plan.Site, Labels: a.plan.Labels, State: a.state, Started: a.begun,
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
	st := plan.StageStatus{Key: s.plan.Key, Name: s.plan.Name, Kind: s.plan.Kind, Tasks: s.n, Done: s.done, Ran: s.ran,
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
	s.ran++
	s.counters.Add(c)
	s.changed()
}

// adds notes what a task added to accumulators, for the next picture: of each task
// what its first winner did, and that again in a generation that makes other rows.
func (s *stage) adds(t *attempt) {
	if id := t.id; !s.action.e.o.Pictures || s.noted.Has(id.Partition) && id.Gen == s.gen {
		return
	}
	if t.id.Gen != s.gen {
		s.gen, s.noted = t.id.Gen, nil
		clear(s.action.shownOf)
	}
	s.noted, s.own = s.noted.With(t.id.Partition), t.id.Stage.Action != 0
	if len(t.updates) > 0 || s.gen > 0 { // none may take the place of some
		if updates, ok := s.action.shows(t.updates); ok {
			s.added = append(s.added, plan.TaskUpdates{Partition: t.id.Partition, Updates: updates})
		}
	}
}

// shows gives what is to be shown of a task's updates, of each kept block once, and
// says whether it is: a running action tells its driver of no more than that.
func (a *action) shows(updates plan.Updates) (plan.Updates, bool) {
	if a.shownOf == nil {
		a.shownOf = map[plan.Block]struct{}{}
	}
	updates = updates.Once(a.shownOf)
	a.shown += len(updates)
	return updates, a.shown <= plan.MaxShownUpdates
}

// tellAdded tells what tasks added to accumulators, now or with a later picture.
func (a *action) tellAdded(d Driver, now model.Instant) {
	if now < a.addedAt {
		a.dirty = slices.ContainsFunc(a.plan.Stages, func(st plan.Stage) bool { return len(a.stages[st.Key].added) > 0 })
		return
	}
	if added := a.takeAdded(); added != nil {
		a.addedAt = now.Add(addedEvery)
		d.Added(a.id, added)
	}
}

// takeAdded gives what tasks added since it was last asked.
func (a *action) takeAdded() (all []plan.StageUpdates) {
	for i := range a.plan.Stages {
		st := a.stages[a.plan.Stages[i].Key]
		if len(st.added) > 0 {
			all = append(all, plan.StageUpdates{Stage: st.plan.Key, Own: st.own, Tasks: st.added})
			st.added = nil
		}
	}
	return all
}

func (s *stage) changed() { s.action.dirty = true }

// summed takes over what the scheduler says at the action's end. A stage that
// was skipped did nothing for this action, so it has no counters here.
func (s *stage) summed(sum model.StageSummary) {
	s.done, s.ran, s.running = sum.Done, sum.Ran, 0
	s.skipped = sum.Skipped || sum.Ran == 0 && sum.Done == sum.N
	s.counters = plan.Counters{}
	if !s.skipped {
		s.counters = work.CountersOf(sum.Counters)
	}
}

// addedEvery is the least time between two words on what the tasks of one action
// added to accumulators: the driver merges all of them again to show it.
const addedEvery = time.Second

// pictureEvery is the least time between two pictures of one action.
const pictureEvery = 100 * time.Millisecond

// pictures gives drivers what changed and is not too young, and says when the
// next one is due.
func (e *Engine) pictures(now model.Instant) (at model.Instant, ok bool) {
	for _, j := range e.jobs {
		for _, a := range j.actions {
			if !a.dirty || a.state.Ended() {
				continue
			}
			if now >= a.pictureAt {
				a.dirty, a.pictureAt = false, now.Add(pictureEvery)
				if d := a.driver(); d != nil {
					a.tellAdded(d, now)
					d.Picture(a.status(now))
				}
				continue
			}
			if !ok || a.pictureAt < at {
				at, ok = a.pictureAt, true
			}
		}
	}
	return at, ok
}
