package model

import (
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Event is something that happened outside. Every event may be delivered twice:
// the second delivery changes nothing.
type Event interface{ event() }

// WorkerEvent is an event that came from a worker, under its envelope.
type WorkerEvent interface {
	Event
	Envelope() From
}

// Envelope returns the envelope itself; message types embed From.
func (f From) Envelope() From { return f }

type (
	// SubmitJob asks for a new job. An empty Job asks the machine for an id. The
	// same Key with the same Digest gets the same answer again.
	SubmitJob struct {
		Request  Request
		Job      plan.JobID
		Key      string
		Digest   plan.Digest
		User     string
		Owner    string // who may end it, beside administrators: opaque here
		Name     string
		Pool     string
		Priority int
		Programs []Program // none: its tasks run on every worker
		Limits   Limits
		Detached bool
		Session  Session
		Data     []byte // opaque: what else a later master must know of it
	}
	// SubmitAction asks to run one plan. The same id with the same Plan gets the
	// same answer again.
	SubmitAction struct {
		Request Request
		Action  plan.ActionID
		Plan    plan.Digest
		Encoded []byte      // opaque: the plan, for a later master
		Graph   []StageSpec // in any order
		Target  plan.StageKey
		// Partitions are those of the target that are wanted, rising, of which
		// those beyond its last are left out; nil: all.
		Partitions []int
		// FirstN ends the action when results with this many rows are there: of
		// any partitions, or, if Ordered, of the first ones without a gap.
		FirstN  int64
		Ordered bool
		Sink    Sink
		Name    string
		Site    string
		Labels  plan.Labels
		Began   time.Time // by the wall clock, for people
	}
	// FinishJob is the driver's own end of its job: nothing more will be
	// submitted. A Reason means that it ends as failed.
	FinishJob struct {
		Job     plan.JobID
		Session Session
		Reason  string
	}
	// Cancel ends a job (Action 0, no Tag), one of its actions, or all of them that
	// have a tag, those of any job where none is named.
	Cancel struct {
		Request Request
		Job     plan.JobID
		Action  int
		Tag     string
		Reason  string
	}
	// DriverAttach is a driver's new stream.
	DriverAttach struct {
		Job     plan.JobID
		Session Session
		Held    []ResultRef     // results it has
		Handles []plan.StageKey // shuffles and values it still refers to
	}
	// DriverRenewed is a driver's sign of life.
	DriverRenewed struct {
		Job     plan.JobID
		Session Session
	}
	// DriverGone says that the driver's process ended without FinishJob.
	DriverGone struct {
		Job     plan.JobID
		Session Session
		Reason  string
	}
	// ResultAck says that the driver has these partitions' results.
	ResultAck struct {
		Action     plan.ActionID
		Gen        Gen
		Partitions []int
	}
	// Release says that no handle refers to these stages any more.
	Release struct {
		Job  plan.JobID
		Keys []plan.StageKey
	}
	// HoldBlob says that a job holds a blob, which a later master must know.
	HoldBlob struct {
		Request Request
		Job     plan.JobID
		Digest  plan.Digest
	}
	// SetPool makes or changes a pool.
	SetPool struct{ Pool Pool }
	// Drain takes a worker out of use with its work moved.
	Drain struct {
		Worker   plan.WorkerID
		Deadline time.Duration // 0: the configured one
		Force    bool
	}
	// Undrain takes a Drain back.
	Undrain struct{ Worker plan.WorkerID }
	// Exclude keeps launches away from a worker until Readmit.
	Exclude struct {
		Worker plan.WorkerID
		Reason string
	}
	// Readmit takes an Exclude back.
	Readmit struct{ Worker plan.WorkerID }
)

// Program is a job's program for one platform, by the digest of its binary.
type Program struct {
	Platform plan.Platform
	Binary   plan.Digest
}

// ResultRef names one delivered result.
type ResultRef struct {
	Action    plan.ActionID
	Gen       Gen
	Partition int
}

type (
	// Attach is a worker's new stream with what the worker holds.
	Attach struct {
		From
		Store     StoreID
		Addresses []string
		Hosts     []string // every name a block may call it by; the first is its own
		PID       int
		Machine   string // equal for workers that see the same files; "": nobody does
		Rack      string
		Labels    []string // KEY=VALUE, for people
		Version   string   // of gordd
		Slots     int
		Memory    int64
		Limits    string // what bounds executors, for people: memory+cpu, memory or none
		Platform  plan.Platform
		Inventory Inventory
	}
	// Renewed carries workers' renewals, batched by the stream layer.
	Renewed struct{ Renewals []Renewal }
	// StreamDown says that a worker's stream ended.
	StreamDown struct {
		Worker  plan.WorkerID
		Inc     Inc
		Session Session
		Cause   string
	}
	// Leaving is a worker's farewell.
	Leaving struct {
		From
		Deadline time.Duration
	}
	// TaskStarted says that an executor took up an attempt.
	TaskStarted struct {
		From
		Attempt AttemptID
	}
	// TaskProgress carries the counters of running attempts.
	TaskProgress struct {
		From
		Progress []Progress
	}
	// TaskDone is a success. The worker keeps what it reports until the Ack.
	TaskDone struct {
		From
		Attempt AttemptID
		Reads   []Read
		Rows    int64
		Bytes   int64
		Sum     uint64
		RowSum  uint64
		Sizes   []byte
		// Output is opaque: where a map output or staged file lies, or the bytes
		// of a value.
		Output []byte
		// Result holds a result for the driver if it is small; else Address says
		// where it waits.
		Result   []byte
		Address  string
		File     string // the staged file of a Files sink
		Counters []Counter
		Updates  plan.Updates // of accumulators
		Blocks   []HeldBlock  // cached ones that it read or made
	}
	// TaskFailed is a failure. The worker keeps the report until the Ack.
	TaskFailed struct {
		From
		Attempt   AttemptID
		Class     FailClass
		Signature Signature
		Message   string
		Detail    []byte       // opaque, for the driver
		Source    *FetchSource // of Fetch
		Disk      bool         // of Resource: disk, not memory
		Path      string       // of Resource
	}
	// ExecUp says that a job's executor runs.
	ExecUp struct {
		From
		Job plan.JobID
		No  int
	}
	// ExecGone says that a job's executor ended.
	ExecGone struct {
		From
		Job    plan.JobID
		No     int
		Exit   int
		Signal int
		OOM    bool       // it was killed at its limit of memory
		Limit  int64      // of OOM: bytes that it might have
		Peak   int64      // of OOM: bytes that it had, 0: not known
		Blamed *AttemptID // named by its dump
		Row    int64      // last row batch of the blamed one
		Says   string     // a line of what it wrote in the end
		// Refused says that it ran nothing: its code is not the driver's.
		Refused bool
	}
	// BlocksChanged says which cached blocks came and went.
	BlocksChanged struct {
		From
		Job     plan.JobID
		Added   []HeldBlock
		Dropped []BlockID
	}
	// CopyDone says what became of a Copy.
	CopyDone struct {
		From
		Job   plan.JobID
		Block HeldBlock
		Done  bool // it is kept
	}
	// OutputsMoved says that outputs were copied to another store.
	OutputsMoved struct {
		From
		Moved []MovedOutput
	}
	// OutputVerdict answers Verify.
	OutputVerdict struct {
		From
		Output  AttemptID
		Verdict Verdict
	}
	// DiskState tells of a worker's directories.
	DiskState struct {
		From
		Full   bool
		Broken []string
	}
	// BarrierArrive says that an attempt reached its barrier, for the Round-th
	// time from 0 on. It is sent again after each Attach until the round is
	// released.
	BarrierArrive struct {
		From
		Attempt AttemptID
		Round   int
		Data    []byte
	}
	// MemberUp is gossip: where a worker may be expected.
	MemberUp struct {
		Worker plan.WorkerID
		Inc    Inc
	}
	// MemberFailed is gossip: somebody does not hear a worker. A hint only.
	MemberFailed struct {
		Worker plan.WorkerID
		Inc    Inc
	}
	// MemberLeft is gossip: a worker said farewell.
	MemberLeft struct {
		Worker plan.WorkerID
		Inc    Inc
	}
	// TagsChanged is gossip: a worker's tags differ now.
	TagsChanged struct {
		Worker plan.WorkerID
		Inc    Inc
	}
	// ProbeResult answers Probe.
	ProbeResult struct {
		Worker plan.WorkerID
		Inc    Inc // asked for
		No     uint64
		Answer ProbeAnswer
	}
)

// Renewal is one worker's sign of life.
type Renewal struct {
	Worker  plan.WorkerID
	Inc     Inc
	Session Session
	SentAt  Instant // the worker's clock: only compared with its own
	Heard   bool    // it has an answer younger than the lease
}

// Progress is how far one running attempt is.
type Progress struct {
	Attempt  AttemptID
	Rows     int64
	Fraction float64 // of its input; 0 where that is not known
	Moves    int64   // rises while it does anything
}

// MovedOutput is one output that now lies in another store.
type MovedOutput struct {
	Output AttemptID
	From   StoreID
	To     StoreID
	Where  []byte // opaque
}

// Verdict is what an owner finds when it looks at an output.
type Verdict uint8

// The verdicts.
const (
	OutputOK Verdict = iota
	OutputMissing
	OutputCorrupt
)

// ProbeAnswer is what a probe of a worker met.
type ProbeAnswer uint8

// The answers.
const (
	ProbeSame    ProbeAnswer = iota // the process asked for
	ProbeOther                      // a newer process
	ProbeRefused                    // no process
	ProbeTimeout                    // silence
)

// Inventory is what a worker holds when it attaches.
type Inventory struct {
	Running   []AttemptID
	Queued    []AttemptID // that wait for a slot, in their order
	Done      []TaskDone  // unacknowledged; their own envelopes do not count
	Failed    []TaskFailed
	Outputs   []MapOutput
	Blocks    map[plan.JobID][]HeldBlock
	Executors []ExecutorRef
	Jobs      []plan.JobID // all that it was told of
}

// ExecutorRef names a job's executor process on a worker.
type ExecutorRef struct {
	Job plan.JobID
	No  int
}

type (
	// SplitsReady answers PlanSplits.
	SplitsReady struct {
		Action   plan.ActionID
		Sizes    []StageSize
		Resolved []byte // opaque: what was found, for a later master
		Err      *Problem
	}
	// OutputPrepared answers PrepareOutput.
	OutputPrepared struct {
		Action plan.ActionID
		Err    *Problem
	}
	// Published answers Publish.
	Published struct{ Action plan.ActionID }
	// PublishFailed answers Publish.
	PublishFailed struct {
		Action  plan.ActionID
		Err     Problem
		Visible bool // something of the output is to be seen
	}
	// Collected answers Collect.
	Collected struct {
		Action plan.ActionID
		Err    *Problem
	}
	// JournalFailed says that a record could not be made durable.
	JournalFailed struct{ Err Problem }
	// Tick only lets time pass.
	Tick struct{}
)

func (SubmitJob) event()      {}
func (SubmitAction) event()   {}
func (FinishJob) event()      {}
func (Cancel) event()         {}
func (DriverAttach) event()   {}
func (DriverRenewed) event()  {}
func (DriverGone) event()     {}
func (ResultAck) event()      {}
func (Release) event()        {}
func (HoldBlob) event()       {}
func (SetPool) event()        {}
func (Drain) event()          {}
func (Undrain) event()        {}
func (Exclude) event()        {}
func (Readmit) event()        {}
func (Attach) event()         {}
func (Renewed) event()        {}
func (StreamDown) event()     {}
func (Leaving) event()        {}
func (TaskStarted) event()    {}
func (TaskProgress) event()   {}
func (TaskDone) event()       {}
func (TaskFailed) event()     {}
func (ExecUp) event()         {}
func (ExecGone) event()       {}
func (BlocksChanged) event()  {}
func (CopyDone) event()       {}
func (OutputsMoved) event()   {}
func (OutputVerdict) event()  {}
func (DiskState) event()      {}
func (BarrierArrive) event()  {}
func (MemberUp) event()       {}
func (MemberFailed) event()   {}
func (MemberLeft) event()     {}
func (TagsChanged) event()    {}
func (ProbeResult) event()    {}
func (SplitsReady) event()    {}
func (OutputPrepared) event() {}
func (Published) event()      {}
func (PublishFailed) event()  {}
func (Collected) event()      {}
func (JournalFailed) event()  {}
func (Tick) event()           {}
