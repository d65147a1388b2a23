package model

import "github.com/gordd-project/gordd/rdd/plan"

// Query asks the machine what it knows; each has an Answer of its own type.
type Query interface{ query() }

// Answer is what View returns.
type Answer interface{ answer() }

type (
	// Jobs asks for all jobs; it is answered by JobList.
	Jobs struct{}
	// Stages asks for the stages of a job; it is answered by StageList.
	Stages struct{ Job plan.JobID }
	// Tasks asks for the tasks of a stage; it is answered by TaskList.
	Tasks struct{ Stage StageID }
	// Workers asks for all workers; it is answered by WorkerList.
	Workers struct{}
	// Totals asks for sums over everything; it is answered by Sums.
	Totals struct{}
)

type (
	// JobList answers Jobs, in the order of submission.
	JobList []JobView
	// StageList answers Stages, sources first.
	StageList []StageView
	// TaskList answers Tasks, by partition.
	TaskList []TaskView
	// WorkerList answers Workers, in the order of their first attach.
	WorkerList []WorkerView
	// Sums answers Totals.
	Sums struct {
		Term                                             Term
		Jobs, Actions, Stages, Tasks, Pending, Running   int
		Queued, Workers, Slots, Free                     int
		Launched, Done, Failed, Lost, Discarded, Refused int64
	}
)

// JobView is one job.
type JobView struct {
	Job     plan.JobID
	Name    string
	User    string
	Owner   string
	Pool    string
	State   JobState
	Cause   *Cause
	Running int // attempts that have a slot
	Queued  int // and that wait for one at their worker (R16)
	Actions []ActionView
	// Programs are the job's, and LeftOut the platforms of workers that have none
	// of them, and so none of its tasks.
	Programs []Program
	LeftOut  []plan.Platform
}

// ActionView is one action that has not been forgotten.
type ActionView struct {
	Action plan.ActionID
	Name   string
	Site   string
	Labels plan.Labels
	State  ActionState
	Done   int // tasks of the target
	Wanted int
	Cause  *Cause
}

// StageView is one stage.
type StageView struct {
	Stage    StageID
	Spec     StageSpec
	Sized    bool
	N        int
	Done     int
	Pending  int
	Running  int
	Queued   int // attempts that wait for a slot at their worker
	Demanded int
	Gen      Gen
	Try      int
	Epoch    uint64
	Counters []Counter // sums over winners, by name
	// Fraction is how much is done, of running tasks as far as that is known.
	Fraction float64
}

// TaskState is where a task is.
type TaskState uint8

// The states of a task.
const (
	TaskIdle TaskState = iota
	TaskPending
	TaskRunning
	TaskFinished
)

// String returns the state in lower case.
func (s TaskState) String() string { return name(s, "idle", "pending", "running", "done") }

// TaskView is one task.
type TaskView struct {
	Partition int
	State     TaskState
	Failures  int
	Infra     int
	Level     Level // of the attempt that made its output
	Attempts  []AttemptView
}

// AttemptView is one live attempt.
type AttemptView struct {
	Attempt AttemptID
	Worker  plan.WorkerID
	Level   Level
	Twin    bool
	Queued  bool // it waits for a slot at its worker, since Started
	Started Instant
	Rows    int64
	// Fraction is the part of its input that it is done with; 0 where that is not
	// known.
	Fraction float64
}

// WorkerState is where a worker is.
type WorkerState uint8

// The states of a worker.
const (
	WorkerLive WorkerState = iota
	WorkerSuspect
	WorkerDraining
	WorkerDrained
	WorkerQuarantined
	WorkerLost
)

// String returns the state in lower case.
func (s WorkerState) String() string {
	return name(s, "live", "suspect", "draining", "drained", "quarantined", "lost")
}

// WorkerView is one worker.
type WorkerView struct {
	Worker   plan.WorkerID
	Inc      Inc
	State    WorkerState
	Host     string
	Rack     string
	Slots    int
	Free     int
	Running  int
	Queued   int // attempts that wait for a slot there
	Outputs  int
	Excluded bool
}

func (Jobs) query()    {}
func (Stages) query()  {}
func (Tasks) query()   {}
func (Workers) query() {}
func (Totals) query()  {}

func (JobList) answer()    {}
func (StageList) answer()  {}
func (TaskList) answer()   {}
func (WorkerList) answer() {}
func (Sums) answer()       {}
