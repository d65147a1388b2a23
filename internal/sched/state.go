package sched

import (
	"github.com/gordd-project/gordd/internal/sched/blame"
	"github.com/gordd-project/gordd/internal/sched/health"
	"github.com/gordd-project/gordd/internal/sched/locality"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/outputs"
	"github.com/gordd-project/gordd/internal/sched/pace"
	"github.com/gordd-project/gordd/rdd/plan"
)

type pool struct {
	model.Pool
	jobs    []*job // with pending tasks, by priority and submission
	running int
	served  int64 // attempts launched so far
	parked  uint64
}

func (p *pool) weight() int { return max(p.Weight, 1) }

type job struct {
	id       plan.JobID
	submit   model.SubmitJob
	seq      int
	pool     *pool
	limits   model.Limits
	state    model.JobState
	cause    *model.Cause
	session  model.Session
	leaseEnd model.Instant

	actions  []*action // not ended
	ended    []endedAction
	lastN    int                      // highest action number seen
	shared   map[plan.StageKey]*stage // map and value stages
	stages   []*stage                 // all, sources first within an action
	caches   map[plan.StageKey]*cacheSet
	runnable []*stage // with pending tasks, in the order of R9
	listed   bool     // in its pool's jobs
	running  int      // attempts that hold a slot, or wait for one
	early    int      // of them, those that wait and were not asked back
	tasks    int
	leftOut  []plan.Platform // of workers that it has no program for
	stuckAt  model.Instant   // since when nobody can run it
	parked   uint64          // pass in which nothing more can be placed
	then     model.JobState  // after Ending
	finished bool            // told by the driver
}

// endedAction is what is kept of an action: enough to repeat its end, and to show it.
type endedAction struct {
	plan       plan.Digest
	end        model.ActionEnd
	name, site string
	labels     plan.Labels
	got, want  int
}

type action struct {
	id        plan.ActionID
	job       *job
	plan      plan.Digest
	sink      model.Sink
	labels    plan.Labels
	name      string
	site      string
	firstN    int64
	ordered   bool
	wanted    []int // nil: all
	state     model.ActionState
	target    *stage
	stages    []*stage // sources first
	ranAt     []int    // their wins when the action began
	was       []bool   // they were complete then
	prepared  bool
	sized     bool
	want, got int
	asked     int // of the wanted ones, those that are demanded
	acked     int // those that the driver has
	rows      int64
	bytes     int64
	prefix    int   // ordered: index into the wanted ones before which all are done
	prefixN   int64 // and their rows
	unacked   int   // results of which the driver has not said that it has them; see awaited
	tries     int   // of publishing
	manifest  model.Manifest
	committed bool // by the journal
	// What updates would have given when that was last counted, and how much was held.
	tells, told int
}

type edge struct {
	st   *stage
	kind model.Edge
	own  bool // task i reads the output i alone
}

type stage struct {
	id       model.StageID
	job      *job
	act      *action // of a result stage
	spec     model.StageSpec
	class    model.Class
	seq      int
	depth    int // longest way from a source
	parents  []edge
	children []edge
	reads    []model.Read

	sized   bool
	n       int
	reduces int
	prefs   locality.Prefs // hosts that hold the input
	heavy   locality.Prefs // hosts that hold much of what is read of shuffles
	tasks   []task
	outs    outputs.Table
	blame   blame.Stage
	cache   *cacheSet            // of the cached data set nearest to the sink
	caches  []*cacheSet          // of all that tasks may read
	kept    []*cacheSet          // whose blocks are made of the stage's rows
	blocks  [][]model.BlockRead  // that each task reads; nil: that of its number, of the only cache
	byBlock map[blockKey][]int32 // the tasks that read a block, where there are blocks
	gen     model.Gen
	try     int
	epoch   uint64
	locs    []model.MapOutput // what Locations said, until something changes
	made    bool              // something, in this generation
	wins    int               // accepted successes, over all tries

	wantAll  int  // children that need every output
	active   int  // demanded unfinished tasks that read the parents
	asserted bool // the parents know that active > 0
	blocked  int  // wide and value parents that are not complete
	dead     bool // its action ended
	released bool // no handle refers to it
	unsure   bool // an output was lost that an indeterminate stage made in this generation

	pending    locality.Pending
	listed     bool // in the job's runnable
	live       int  // attempts that hold a slot, or wait for one, and count
	early      int  // of them, those that wait and were not asked back
	clock      locality.Clock
	gang       *gang // of a barrier stage
	dirty      bool  // to be offered every free slot, not only fresh ones
	parked     uint64
	lost       bool // outputs were lost and are made again
	noProgress int
	episodes   int
	episodeAt  model.Instant // the last of them
	causes     []string      // of the episodes, for the error
	pace       pace.Stage
	watched    bool // for stragglers
}

// complete reports whether nothing is missing (R4).
func (st *stage) complete() bool { return st.sized && st.outs.Done() == st.n }

type task struct {
	state   model.TaskState
	counted bool        // in stage.active or, if cached, demanded without
	cached  bool        // counted without reading the parents
	slow    bool        // it waits for a twin
	again   bool        // it was done once: its output was lost
	level   model.Level // of the attempt that made the output
	want    uint16      // readers of this output alone, and the action
	rowSum  uint64      // of its first success in this generation
	live    [2]*attempt
	blame   blame.Task
}

type attemptState uint8

const (
	launching attemptState = iota
	running
	killing // told to end; it holds its slot until it reports
)

type attempt struct {
	key      attemptKey
	gen      model.Gen
	st       *stage
	part     int
	w        *worker
	pos      int // in w.attempts
	exec     *exec
	state    attemptState
	twin     bool
	early    bool // it waits for a slot of its worker
	recalled bool // and was asked back
	alone    bool
	stuck    bool // made no progress for too long
	level    model.Level
	reads    []model.Read
	blocks   []model.BlockAt // that it was told of
	launched model.Instant
	moved    model.Instant // last progress
	memory   int64
	rows     int64
	fraction float64
	moves    int64
}

func (a *attempt) id() model.AttemptID {
	return model.AttemptID{Stage: a.st.id, Gen: a.gen, Partition: a.part, Term: a.key.term, Seq: a.key.seq}
}

type execState uint8

const (
	execStarting execState = iota
	execUp
	execGone
)

type exec struct {
	no    int
	state execState
	alone bool
}

type worker struct {
	health.State

	id       plan.WorkerID
	idx      int
	inc      model.Inc
	session  model.Session
	store    model.StoreID
	hosts    []string
	place    locality.Worker
	rack     string
	platform plan.Platform
	slots    int
	memory   int64
	used     int64         // memory reserved
	reports  []fetchReport // that wait for the probe

	excluded  bool          // by a person
	drain     *drain        // it is taken out of use
	barredTo  model.Instant // left out by failures of several jobs until then (R36)
	diskFull  bool
	stuckAt   model.Instant // when the next attempt may have stood still for too long; 0: there is none
	attempts  []*attempt
	early     []*attempt          // of them, those that wait for a slot, in the order of launches
	counted   int                 // of its slots, those in the cluster's capacity
	zombies   map[attemptKey]bool // that run there and are not on the books: they hold slots too
	unstarted int
	execs     map[*job][]*exec
	execNo    int
	perJob    map[*job]int
	sent      map[*stage]uint64 // epochs of the last full Locations, 0 if in part
	fresh     uint64
	copying   copyKey // the block that it is told to keep a copy of
	blocks    int     // how many cached ones it holds, of all jobs
	kept      uint64  // pass in which its free slots are kept for a gang
	batch     int     // of this pass, + 1
	batchPass uint64
}

func (w *worker) lost() bool { return w.Is() == model.WorkerLost }

// takes reports whether launches may go to the worker at all.
func (w *worker) takes(now model.Instant) bool {
	return w.Is() == model.WorkerLive && !w.excluded && w.drain == nil && now >= w.barredTo
}

// busy returns how many slots are taken.
func (w *worker) busy() int { return len(w.attempts) - len(w.early) + len(w.zombies) }

func (w *worker) to() model.Receiver { return model.Receiver{Worker: w.id, Inc: w.inc} }
