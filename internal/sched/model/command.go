package model

import (
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Command is something the engine shall do. Commands are carried out in order;
// what follows a synced Append waits until its record is durable.
type Command interface{ command() }

// WorkerCommand is a command for one worker.
type WorkerCommand interface {
	Command
	// To returns the worker that the command is for.
	To() plan.WorkerID
}

// Receiver is the worker that a command is for; command types embed it.
type Receiver struct {
	Worker plan.WorkerID
	Inc    Inc
}

// To returns the worker.
func (r Receiver) To() plan.WorkerID { return r.Worker }

// Append asks for a record in the journal; a synced one before anything that
// follows it has an effect.
type Append struct {
	Record Record
	Sync   bool
}

type (
	// Lease extends a worker's lease: it ends For after the sending of the
	// renewal that is answered, less the margin that the worker takes off.
	Lease struct {
		Receiver
		Session Session
		Term    Term // of the master: the worker's messages carry it from now on
		For     time.Duration
		SentAt  Instant // of the renewal that is answered
	}
	// Launch starts attempts of one stage. Locations of what they read went out
	// before, in the same or an earlier Step.
	Launch struct {
		Receiver
		Exec  int // executor number of the job on the worker
		Stage StageID
		Gen   Gen
		Try   int
		Reads []Read // shared between launches: read only
		// Caches are the generations of the cached data sets of which the tasks may
		// read or make blocks. They are hints: a task is right whatever they are.
		Caches []Read
		Tasks  []Assignment
	}
	// Kill ends an attempt. The worker climbs the ladder by itself: its
	// context, then its executor's process.
	Kill struct {
		Receiver
		Attempt AttemptID
		Reason  string
		Dump    bool // with the goroutines of its executor (R26)
	}
	// Recall asks for attempts back that wait for a slot. Each that has not started
	// ends, and is reported as Killed; the others go on.
	Recall struct {
		Receiver
		Attempts []AttemptID
	}
	// StartExec starts an executor of a job.
	StartExec struct {
		Receiver
		Job   plan.JobID
		No    int
		Grown int // how often the job's memory is doubled for it, where there is more
	}
	// StopExec stops one. Attempts that still run in it are reported as Killed.
	StopExec struct {
		Receiver
		Job plan.JobID
		No  int
	}
	// Ack answers reports: their outputs are kept from now on, or may go.
	Ack struct {
		Receiver
		Attempts []AttemptID
		Keep     bool
	}
	// Locations says where the outputs of a shuffle or a value are. Full ones
	// replace what was known; others add Outputs and name what was lost.
	Locations struct {
		Receiver
		Job     plan.JobID
		Key     plan.StageKey
		Gen     Gen
		Epoch   uint64
		Full    bool
		Outputs []MapOutput // by partition; shared between workers: read only
		Lost    []int
	}
	// Drop tells a worker to forget what it holds of a job: whole shuffles, all
	// of the job, cached blocks, single outputs.
	Drop struct {
		Receiver
		Job     plan.JobID
		All     bool
		Keys    []plan.StageKey
		Blocks  []BlockID
		Outputs []AttemptID
	}
	// Move tells a draining worker where to copy outputs.
	Move struct {
		Receiver
		Outputs []AttemptID
		Target  plan.WorkerID
	}
	// Copy has an executor keep a cached block that others hold, too (R61). CopyDone
	// answers.
	Copy struct {
		Receiver
		Job   plan.JobID
		Exec  int
		Block BlockID
		From  []plan.WorkerID
	}
	// Verify asks an owner to look at one output.
	Verify struct {
		Receiver
		Output AttemptID
	}
	// Barrier releases one round of a gang.
	Barrier struct {
		Receiver
		Stage StageID
		Gen   Gen
		Round int
		Data  [][]byte // by partition
	}
	// Detach ends a worker's stream. The Why of one that may leave is
	// DetachDrained or DetachLeft.
	Detach struct {
		Receiver
		Session Session
		Why     string
	}
)

// Why a worker is detached whose process may end: it was drained, or it said
// that it leaves.
const (
	DetachDrained = "drained"
	DetachLeft    = "left"
)

// Assignment is one attempt of a Launch.
type Assignment struct {
	Attempt AttemptID
	Level   Level
	Twin    bool
	Early   bool  // there is no slot for it yet (R16)
	Alone   bool  // nothing else may run in its executor
	Memory  int64 // reserved, in bytes
	// Held says that the cached block that the task starts at is kept by its worker,
	// or by others. What it would take to make it may be incomplete then.
	Held bool
	// Blocks are the cached blocks that the task reads and that other workers have.
	Blocks []BlockAt
}

// BlockAt says who has a cached block.
type BlockAt struct {
	Block   plan.Block
	Holders []plan.WorkerID
}

// Level is how near an attempt runs to what it reads.
type Level uint8

// The levels, tightest first, and that of attempts that would not rather run
// anywhere.
const (
	AtProcess Level = iota
	AtNode
	AtRack
	Anywhere
	Unplaced
)

// String returns the level in lower case.
func (l Level) String() string { return name(l, "process", "node", "rack", "any", "none") }

// Counter names the counter by which the machine counts winners of a level, of all
// but Unplaced.
func (l Level) Counter() string { return name(l, "atProcess", "atNode", "atRack", "atAny", "") }

type (
	// Result passes one result on to the driver. It may come twice.
	Result struct {
		Action    plan.ActionID
		Gen       Gen
		Partition int
		Rows      int64
		Bytes     []byte // or
		Address   string // where Worker has it
		Worker    plan.WorkerID
		Output    []byte // opaque, as reported
	}
	// ResultReset tells the driver to discard what it has of older generations.
	ResultReset struct {
		Action plan.ActionID
		Gen    Gen
	}
	// ActionEnd is the end of an action, told once and again on re-attach.
	ActionEnd struct {
		Action plan.ActionID
		State  ActionState
		Cause  *Cause // of Failed and Cancelled
		Rows   int64
		Bytes  int64
		Stages []StageSummary // of what the action referred to, sources first
		// AtLeastOnce says that effects may have happened more than once.
		AtLeastOnce bool
		// Updates are what tasks that succeeded added to accumulators and no action
		// has told of before.
		Updates []plan.StageUpdates
	}
	// JobEnd is the end of a job.
	JobEnd struct {
		Job   plan.JobID
		State JobState
		Cause *Cause
	}
	// Notice is a line for the driver's user.
	Notice struct {
		Job  plan.JobID
		Text string
	}
	// Reply answers the event that carried the Request.
	Reply struct {
		Request Request
		Job     plan.JobID
		Action  int
		Err     *Cause
	}
)

// ActionState is where an action is.
type ActionState uint8

// The states of an action.
const (
	ActionPreparing ActionState = iota
	ActionRunning
	ActionPublishing
	ActionDone
	ActionFailed
	ActionCancelled
)

// Ended reports whether nothing more happens.
func (s ActionState) Ended() bool { return s >= ActionDone }

// String returns the state in lower case.
func (s ActionState) String() string {
	return name(s, "preparing", "running", "publishing", "done", "failed", "cancelled")
}

// JobState is where a job is.
type JobState uint8

// The states of a job.
const (
	JobQueued JobState = iota
	JobRunning
	JobEnding
	JobDone
	JobFailed
	JobCancelled
)

// Ended reports whether nothing more happens.
func (s JobState) Ended() bool { return s >= JobDone }

// String returns the state in lower case.
func (s JobState) String() string {
	return name(s, "queued", "running", "ending", "done", "failed", "cancelled")
}

// StageSummary is what an action says of one stage at its end.
type StageSummary struct {
	Stage    StageID
	Name     string
	Site     string
	N        int
	Done     int // tasks with a winner now
	Ran      int // tasks that won while this action was running
	Skipped  bool
	Gen      Gen
	Try      int
	Counters []Counter // sums over winners, by name
}

type (
	// PlanSplits asks for the sizes of stages that are not known yet.
	PlanSplits struct {
		Action plan.ActionID
		Stages []plan.StageKey
	}
	// PrepareOutput asks to check and make the staging directory of a sink.
	PrepareOutput struct {
		Action plan.ActionID
		Sink   Sink
	}
	// Publish puts a sink's files in their place. Repeating it changes nothing.
	Publish struct{ Manifest Manifest }
	// Collect removes what an ended action left in its staging directory.
	Collect struct {
		Action plan.ActionID
		Sink   Sink
	}
	// Probe asks whether a worker's process is there.
	Probe struct {
		Worker plan.WorkerID
		Inc    Inc
		No     uint64
	}
	// NewerTerm tells a worker of an older master's that it has a newer one.
	NewerTerm struct {
		Worker plan.WorkerID
		Term   Term
	}
	// StepDown ends this master.
	StepDown struct {
		Term Term
		Why  string
	}
	// Note is for the history, the page and metrics; it is never read back.
	Note struct {
		Kind      NoteKind
		Job       plan.JobID
		Action    int
		Stage     StageID
		Gen       Gen
		Try       int
		Partition int
		Worker    plan.WorkerID
		Count     int
		Text      string
	}
)

// NoteKind is what a Note tells.
type NoteKind uint8

// The kinds of Note.
const (
	NoteStageSubmitted NoteKind = iota // Count tasks are demanded
	NoteStageSkipped                   // complete already
	NoteStageComplete
	NoteTaskFailed
	NoteTaskRetry
	NoteWorkerAttached
	NoteWorkerSuspect
	NoteWorkerLost
	NoteOutputLost // Count outputs
	NoteRollback
	NoteClassChanged
	NoteRefused // a stale or foreign message, see Text
	NoteExcluded
	NoteSpeculated
	NoteGossip
	NoteExecutorGone // it ended by itself, with tasks
)

// String returns the kind in lower case.
func (k NoteKind) String() string {
	return name(k, "stage submitted", "stage skipped", "stage complete", "task failed", "task retry",
		"worker attached", "worker suspect", "worker lost", "output lost", "rollback", "class changed",
		"refused", "excluded", "speculated", "gossip", "executor gone")
}

// Manifest lists the winners of one generation of a Files sink.
type Manifest struct {
	Action plan.ActionID
	Sink   Sink
	Gen    Gen
	Files  []StagedFile // by partition
}

// StagedFile is one winner.
type StagedFile struct {
	Partition int
	Attempt   AttemptID
	Worker    plan.WorkerID
	File      string // as reported
	Output    []byte // opaque, as reported
	Rows      int64
	Bytes     int64
	Sum       uint64
}

func (Append) command()        {}
func (Lease) command()         {}
func (Launch) command()        {}
func (Kill) command()          {}
func (Recall) command()        {}
func (StartExec) command()     {}
func (StopExec) command()      {}
func (Ack) command()           {}
func (Locations) command()     {}
func (Drop) command()          {}
func (Move) command()          {}
func (Copy) command()          {}
func (Verify) command()        {}
func (Barrier) command()       {}
func (Detach) command()        {}
func (Result) command()        {}
func (ResultReset) command()   {}
func (ActionEnd) command()     {}
func (JobEnd) command()        {}
func (Notice) command()        {}
func (Reply) command()         {}
func (PlanSplits) command()    {}
func (PrepareOutput) command() {}
func (Publish) command()       {}
func (Collect) command()       {}
func (Probe) command()         {}
func (NewerTerm) command()     {}
func (StepDown) command()      {}
func (Note) command()          {}
