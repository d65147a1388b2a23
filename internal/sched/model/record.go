package model

import "github.com/gordd-project/gordd/rdd/plan"

// Record is one fact of the journal. Applying the records of any prefix of the
// journal gives the durable part of the state after that prefix.
type Record interface{ record() }

type (
	// TermStarted is a master's first record.
	TermStarted struct{ Term Term }
	// JobAccepted is an admitted job.
	JobAccepted struct{ Submit SubmitJob }
	// ActionAccepted is an admitted action.
	ActionAccepted struct{ Submit SubmitAction }
	// SplitsPlanned are the sizes of an action's new stages.
	SplitsPlanned struct {
		Action   plan.ActionID
		Sizes    []StageSize
		Resolved []byte // opaque, of SplitsReady
	}
	// Prepared is a staging directory that is there.
	Prepared struct{ Action plan.ActionID }
	// GenRaised is a roll-back: all stages that start over together, and the
	// cached data sets that begin a new generation with them.
	GenRaised struct {
		Job    plan.JobID
		Stages []StageGen
		Caches []Read
		Why    string
	}
	// ClassChanged is a stage found to be indeterminate.
	ClassChanged struct {
		Stage StageID
		Class Class
		Why   string
	}
	// Launched are attempts sent to a worker.
	Launched struct {
		Worker   plan.WorkerID
		Inc      Inc
		Exec     int
		Attempts []AttemptID
	}
	// OutputAt is a registered map output or value.
	OutputAt struct{ Output MapOutput }
	// OutputGone is one that was unregistered.
	OutputGone struct {
		Stage     StageID
		Partition int
		Why       string
	}
	// Moved is one that lies elsewhere now.
	Moved struct {
		Output AttemptID
		To     StoreID
		Where  []byte // opaque
	}
	// Won is a staged file that was granted.
	Won struct {
		File     StagedFile
		Counters []Counter
		Updates  plan.Updates
	}
	// ResultAt is a result that was passed on.
	ResultAt struct {
		Attempt  AttemptID
		Worker   plan.WorkerID
		Rows     int64
		Bytes    int64
		Address  string
		Output   []byte
		Counters []Counter
		Updates  plan.Updates
	}
	// Failure is a failure that counts.
	Failure struct {
		Attempt   AttemptID
		Worker    plan.WorkerID
		Class     FailClass
		Signature Signature
	}
	// WorkerSeen is a worker's name and store.
	WorkerSeen struct {
		Worker plan.WorkerID
		Inc    Inc
		Store  StoreID
	}
	// WorkerRule is a manual drain or exclusion, or its end.
	WorkerRule struct {
		Worker   plan.WorkerID
		Drain    bool
		Excluded bool
		Reason   string
	}
	// PoolSet is a pool's configuration.
	PoolSet struct{ Pool Pool }
	// CommitIntent is the point of no return of an output.
	CommitIntent struct{ Manifest Manifest }
	// Committed is a published output.
	Committed struct{ Action plan.ActionID }
	// ActionEnded is an action's end.
	ActionEnded struct {
		Action plan.ActionID
		State  ActionState
		Cause  *Cause
		// Updates are those of ActionEnd, which may not have reached the driver.
		Updates []plan.StageUpdates
	}
	// CancelAccepted is a cancel that will be carried through.
	CancelAccepted struct{ Cancel Cancel }
	// JobEnded is a job's end.
	JobEnded struct {
		Job   plan.JobID
		State JobState
		Cause *Cause
	}
	// CollectedRecord is an action's staging directory gone.
	CollectedRecord struct{ Action plan.ActionID }
	// BlobHeld is a blob that a job's plans may name.
	BlobHeld struct {
		Job    plan.JobID
		Digest plan.Digest
	}
)

// StageGen is a stage and the generation it begins.
type StageGen struct {
	Stage StageID
	Gen   Gen
}

func (TermStarted) record()     {}
func (JobAccepted) record()     {}
func (ActionAccepted) record()  {}
func (SplitsPlanned) record()   {}
func (Prepared) record()        {}
func (GenRaised) record()       {}
func (ClassChanged) record()    {}
func (Launched) record()        {}
func (OutputAt) record()        {}
func (OutputGone) record()      {}
func (Moved) record()           {}
func (Won) record()             {}
func (ResultAt) record()        {}
func (Failure) record()         {}
func (WorkerSeen) record()      {}
func (WorkerRule) record()      {}
func (PoolSet) record()         {}
func (CommitIntent) record()    {}
func (Committed) record()       {}
func (ActionEnded) record()     {}
func (CancelAccepted) record()  {}
func (JobEnded) record()        {}
func (CollectedRecord) record() {}
func (BlobHeld) record()        {}
