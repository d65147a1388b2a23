package wire

import (
	"github.com/gordd-project/gordd/internal/forms"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Options are the starter's first message: what shall hold for the child's
// sessions. Zero values leave what the child's own code or environment says.
type Options struct {
	Cores     int
	Memory    int64
	MaxResult int64
	Scratch   string
	// CheckpointDir is where sessions put the files of checkpoints.
	CheckpointDir string
	// Profile is the file that the program writes a CPU profile of itself to; "" for none.
	Profile string
	// Fresh refuses code that changed since it was generated.
	Fresh bool
	// Explain explains every action instead of running it.
	Explain bool
	// Cluster says that Joined follows: the child's session drives a job of a
	// cluster, over this wire.
	Cluster bool
	// Files are those that were shipped with the job.
	Files []File
	// Executor makes the child run the tasks that it is sent rather than the
	// program's own run function.
	Executor bool
}

// File is a file that was shipped with a job, at a path of this machine.
type File struct {
	Name string
	Path string
}

// Started is the child's first message.
type Started struct {
	Program string
	PID     int
	Code    plan.Digest // equal for the builds of one program, as rdd.Code has it
}

// Notice is something the user should know once.
type Notice struct {
	Text string
}

// Explained is an action that would have run.
type Explained struct {
	Action string
	Site   plan.Site
	Output string // the directory it writes, if any
	Stages []plan.StageExplain
}

// Seen acknowledges the last picture of an action: what was drawn about it is
// out of the way.
type Seen struct {
	ID plan.ActionID
}

// Cancel asks the child to end. Now leaves it no time.
type Cancel struct {
	Now bool
}

// Ended is the child's last message.
type Ended struct {
	Code int
}

// TaskPlan gives an executor the resolved plan of tasks to come.
type TaskPlan struct {
	Digest plan.Digest
	Plan   []byte // encoded
}

// ForgetPlan says that no task of a plan follows.
type ForgetPlan struct {
	Digest plan.Digest
}

// ForgetShuffle says that no task to come reads a shuffle, or the rows of a cached
// RDD.
type ForgetShuffle struct {
	Stage plan.StageKey
}

// RunTask starts a task of a stage of a plan. Seq tells it from all others that
// the executor is ever sent.
type RunTask struct {
	Seq   uint64
	Plan  plan.Digest
	Stage plan.StageKey
	Task  plan.Task
}

// KillTask ends a task soon.
type KillTask struct {
	Seq    uint64
	Reason string
	// Dump has the executor write first what its goroutines do.
	Dump bool
}

// TaskEnded is an executor's report: either a result or a failure.
type TaskEnded struct {
	Seq     uint64
	Result  *plan.Result
	Failure *plan.Failure
}

// Progress tells how far the tasks of an executor are.
type Progress struct {
	Tasks []plan.Progress
}

// WantBlob asks for a blob that a plan names.
type WantBlob struct {
	Digest plan.Digest
}

// BlobAt says in which file a blob is, or why it is not to be had.
type BlobAt struct {
	Digest plan.Digest
	Path   string
	Error  string
}

// WantBlock asks for a block of a cached RDD that another executor keeps, for an
// attempt.
type WantBlock struct {
	Seq     uint64
	Attempt string
	Block   plan.Block
}

// BlockAt says in which file that block is, or why it is not to be had.
type BlockAt struct {
	Seq   uint64
	Path  string
	Error string
}

// WantInput asks for a partition of a shuffle that an attempt was not given, as it
// might not need it.
type WantInput struct {
	Seq       uint64
	Attempt   string
	Shuffle   plan.StageKey
	Partition int
}

// InputAt gives the parts of that partition, as a plan.ShuffleInput has them, or says why
// the attempt cannot go on.
type InputAt struct {
	Seq     uint64
	Parts   []byte
	Failure *plan.Failure
}

// GiveBlock has an executor write a block that it keeps to a file that is there, for
// another one.
type GiveBlock struct {
	Seq   uint64
	Block plan.Block
	Path  string
}

// KeepBlock has an executor keep a copy of a block that another one keeps, which is in a
// file.
type KeepBlock struct {
	Seq   uint64
	Block plan.Block
	Path  string
}

// BlockDone answers GiveBlock and KeepBlock.
type BlockDone struct {
	Seq   uint64
	Bytes int64 // that the copy takes
	Error string
}

// Arrive says that a task waits at a barrier, for the Round-th time from 0 on.
type Arrive struct {
	Attempt string
	Round   int
	Data    []byte
}

// Gathered answers Arrive: what all tasks of the stage brought, or why the task
// cannot go on.
type Gathered struct {
	Attempt string
	Round   int
	Data    [][]byte // by partition
	Error   string
}

// Message is one of the messages of this package, or a *plan.ActionStatus: a
// picture of a running action.
type Message any

// The kinds, as frames carry them. Append only.
const (
	kindOptions byte = iota + 1
	kindStarted
	kindStatus
	kindNotice
	kindExplained
	kindSeen
	kindCancel
	kindEnded
	kindTaskPlan
	kindForgetPlan
	kindForgetShuffle
	kindRunTask
	kindKillTask
	kindTaskEnded
	kindWantBlob
	kindBlobAt
	kindBegin
	kindCancelAction
	kindTaken
	kindAbandon
	kindForgetAction
	kindRelease
	kindReleaseFiles
	kindFinish
	kindPutBlob
	kindReleaseBlob
	kindJoined
	kindResult
	kindReset
	kindActionEnd
	kindQuiet
	kindJobEnd
	kindBlobPut
	kindProgress
	kindArrive
	kindGathered
	kindAdded
	kindShown
	kindPortion
	kindWantBlock
	kindBlockAt
	kindGiveBlock
	kindBlockDone
	kindKeepBlock
	kindWantInput
	kindInputAt
)

// table has the form of each message.
var table = forms.NewTable(plan.MaxEncoded,
	forms.Of[Options](kindOptions, nil),
	forms.Of[Started](kindStarted, nil),
	forms.Of(kindStatus, GoodStatus),
	forms.Of[Notice](kindNotice, nil),
	forms.Of(kindExplained, goodExplained),
	forms.Of[Seen](kindSeen, nil),
	forms.Of[Cancel](kindCancel, nil),
	forms.Of[Ended](kindEnded, nil),
	forms.Of[TaskPlan](kindTaskPlan, nil),
	forms.Of[ForgetPlan](kindForgetPlan, nil),
	forms.Of[ForgetShuffle](kindForgetShuffle, nil),
	forms.Of(kindRunTask, goodTask),
	forms.Of[KillTask](kindKillTask, nil),
	forms.Of(kindTaskEnded, goodReport),
	forms.Of[WantBlob](kindWantBlob, nil),
	forms.Of[BlobAt](kindBlobAt, nil),
	forms.Of(kindBegin, GoodBegin),
	forms.Of[CancelAction](kindCancelAction, nil),
	forms.Of(kindTaken, GoodTaken),
	forms.Of[Abandon](kindAbandon, nil),
	forms.Of[ForgetAction](kindForgetAction, nil),
	forms.Of[Release](kindRelease, nil),
	forms.Of[ReleaseFiles](kindReleaseFiles, nil),
	forms.Of[Finish](kindFinish, nil),
	forms.Of[PutBlob](kindPutBlob, nil),
	forms.Of[ReleaseBlob](kindReleaseBlob, nil),
	forms.Of[Joined](kindJoined, nil),
	forms.Of(kindResult, GoodResult),
	forms.Of[Reset](kindReset, nil),
	forms.Of(kindActionEnd, GoodEnd),
	forms.Of[Quiet](kindQuiet, nil),
	forms.Of[JobEnd](kindJobEnd, nil),
	forms.Of[BlobPut](kindBlobPut, nil),
	forms.Of(kindProgress, goodProgress),
	forms.Of(kindArrive, func(m *Arrive) bool { return m.Round >= 0 }),
	forms.Of[Gathered](kindGathered, nil),
	forms.Of(kindAdded, GoodAdded),
	forms.Of(kindShown, GoodShown),
	forms.Of(kindPortion, GoodPortion),
	forms.Of(kindWantBlock, func(m *WantBlock) bool { return GoodBlock(m.Block) }),
	forms.Of[BlockAt](kindBlockAt, nil),
	forms.Of(kindGiveBlock, func(m *GiveBlock) bool { return GoodBlock(m.Block) }),
	forms.Of(kindBlockDone, func(m *BlockDone) bool { return m.Bytes >= 0 }),
	forms.Of(kindKeepBlock, func(m *KeepBlock) bool { return GoodBlock(m.Block) }),
	forms.Of(kindWantInput, func(m *WantInput) bool { return m.Partition >= 0 }),
	forms.Of(kindInputAt, func(m *InputAt) bool { return (m.Parts == nil) != (m.Failure == nil) && goodFailure(m.Failure) }),
)

func goodExplained(x *Explained) bool {
	for _, st := range x.Stages {
		part := st.Stage.Sink.Part
		if st.Stage.Kind > plan.ValueStage || part != nil && !part.Kind.Known() {
			return false
		}
	}
	return true
}

func goodProgress(m *Progress) bool {
	for i := range m.Tasks {
		if !m.Tasks[i].Good() {
			return false
		}
	}
	return true
}

// GoodBlock says whether a block can be one.
func GoodBlock(b plan.Block) bool {
	return b.RDD != "" && b.Partition >= 0 && b.Partition < plan.MaxPartitions
}

func goodTask(r *RunTask) bool { return r.Task.Partition >= 0 && r.Task.Gen >= 0 }

// goodReport says that an executor's word can be believed as far as it concerns
// whoever counts with it.
func goodReport(e *TaskEnded) bool {
	if (e.Result == nil) == (e.Failure == nil) {
		return false
	}
	if e.Failure != nil {
		return goodFailure(e.Failure)
	}
	r := e.Result
	for _, b := range r.Kept {
		if !GoodBlock(b.Block) || b.Bytes < 0 {
			return false
		}
	}
	if len(r.Kept) > plan.MaxBlocks || len(r.Evicted) > plan.MaxBlocks || len(r.Updates) > plan.MaxUpdates {
		return false
	}
	return r.Rows >= 0 && r.Bytes >= 0 && (r.Staged == nil || r.Staged.Rows >= 0 && r.Staged.Bytes >= 0)
}

// goodFailure says so of a failure, if there is one.
func goodFailure(f *plan.Failure) bool {
	return f == nil || f.Class >= plan.FailUser && f.Class <= plan.FailRefused && (f.Fetch == nil || f.Fetch.Map >= 0)
}
