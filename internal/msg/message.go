package msg

import (
	"reflect"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/forms"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Protocol is the version that both ends of a stream must have.
const Protocol = 2

type (
	// Renewal is a worker's sign of life, on its own stream. SentAt is a moment
	// of the worker's own clock, echoed in the lease that answers. Between a
	// driver and the master it goes both ways and says how much has arrived.
	Renewal struct {
		SentAt model.Instant
		Heard  bool   // it has an answer younger than the lease
		Got    uint64 // messages of all streams of the job: see Kept
	}
	// Plan gives a worker a resolved plan, before the first launch that names it.
	Plan struct {
		Digest  plan.Digest
		Encoded []byte
	}
	// Job tells a worker what a job's executors are, before the first of them is
	// to start.
	Job struct {
		ID     plan.JobID
		Name   string
		Binary plan.Digest // for the worker's platform
		Code   plan.Digest // of the driver: an executor of other code is refused
		Files  []File
		Args   []string
		Env    []string
		Memory int64 // budget of one executor, 0: the worker's own
		// Stuck is how long a task may stand still; 0: the master's default.
		Stuck time.Duration
		Key   []byte // signs the tickets for what the job leaves with workers
		// Owners are a few workers that were told earlier, and may have the binary
		// and what programs name by digest.
		Owners []plan.WorkerID
	}
	// File is a file that is shipped with a job, by the name that its program knows.
	File struct {
		Name   string
		Digest plan.Digest
		Size   int64
	}
	// Launch is a launch with what its attempts need. Splits has, for each of its
	// tasks, what it reads from files.
	Launch struct {
		Launch model.Launch
		Action plan.ActionID
		Plan   plan.Digest
		Splits [][]plan.PipeSplit
	}
	// Welcome answers a worker's Attach.
	Welcome struct {
		Cluster string
		Term    model.Term
		Session model.Session
		Gossip  []string // where it can be joined
		Key     []byte   // of the gossip, at the moment; none: there is no gossip
	}
	// Revoked tells a worker whose certificates are good no more: all of them, as
	// URIs.
	Revoked struct {
		Identities []string
	}
	// Peer says where another worker serves what it has, and where its files are.
	Peer struct {
		Worker  plan.WorkerID
		Address string
		Machine string // as its Attach has it
	}
	// Handover has a worker fetch outputs of another one and own them from then
	// on. It comes from their owner, and goes to Target by way of the master.
	Handover struct {
		Target  plan.WorkerID
		Job     plan.JobID // of all of them
		Outputs []model.MapOutput
	}
	// Refused ends a stream that cannot be: the reason is for people.
	Refused struct {
		Why string
	}
	// Open is a driver's first message. One that attaches again to its Job says by
	// what secret it may, and how much it has got; the rest does not count.
	Open struct {
		Protocol int
		Job      plan.JobID
		Again    string     // as Opened has it
		Term     model.Term // of the master that sent what it has got
		Got      uint64
		Key      string // of the submission: the same key is the same job
		Name     string
		User     string
		Pool     string
		Priority int
		Programs []model.Program // one for each platform that it can run on
		Code     plan.Digest     // the driver's, as rdd.Code has it
		Files    []File
		Args     []string
		Env      []string
		Memory   int64
		Slots    int
		Failures int // attempts of a task
		// Stuck is how long a task may stand still; 0: the master's default.
		Stuck time.Duration
	}
	// Opened answers Open.
	Opened struct {
		Job   plan.JobID
		Slots int    // of the cluster, at the moment
		Key   []byte // as in the message Job: for results that workers have
		Again string // lets the driver attach again
		// Term is the master's. Under a new one both ends count messages anew, and
		// the driver's first is Resume.
		Term model.Term
		Got  uint64 // messages that the master has of it
	}
	// Resume tells a master that has started again what a driver has and refers to.
	// All that has not ended it asks for again behind it.
	Resume struct {
		Held     []wire.Taken // by action: there may be very many
		Released []plan.StageKey
	}
	// Detach asks the master to have a job's driver run by a worker. The answer is
	// Opened once that driver has opened the job, or Refused.
	Detach struct {
		Open      Open
		MaxResult int64
		// CheckpointDir is where the driver's sessions put the files of checkpoints.
		CheckpointDir string
	}
	// StartDriver tells a worker to run a driver, which opens its job with the key.
	StartDriver struct {
		Key    string
		Job    plan.JobID
		Detach Detach
	}
	// DriverEnded tells the master how a driver of a worker's ended.
	DriverEnded struct {
		Key  string
		Code int
		Why  string // it was none of the program's doing
		Tail string // what it wrote last
	}
	// Ask asks a master about its cluster; the answer is an Answer with what package
	// status has for it, as JSON.
	Ask struct {
		About  About
		Job    plan.JobID // or the beginning of its id
		Stage  string     // of AboutTasks: only this one
		After  uint64     // of AboutEvents: only later ones of Term; of AboutLog: the offset
		Term   uint64     // of AboutEvents: the master's that told of After; 0: the last ones
		Limit  int        // of AboutEvents
		Worker plan.WorkerID
		Log    string // of AboutLog
	}
	// Answer answers Ask and Tell.
	Answer struct {
		JSON  []byte
		Error string
	}
	// Tell has a master do something: one of its fields is set.
	Tell struct {
		Cancel  plan.JobID
		Action  int    // of Cancel: this action alone
		Tag     string // of Cancel: the actions that have it alone
		Reason  string // of Cancel
		Drain   plan.WorkerID
		Force   bool // of Drain: even the last worker
		Undrain plan.WorkerID
		// Revoke has the certificates of ROLE/NAME refused for good.
		Revoke string
		// RotateGossip has all members change to a new key of the gossip.
		RotateGossip bool
	}
	// WantLog asks a worker for the names of a job's logs, or for a piece of one.
	WantLog struct {
		No     uint64
		Job    plan.JobID
		Name   string
		Offset int64
	}
	// LogPart answers WantLog.
	LogPart struct {
		No    uint64
		Files []LogFile
		Bytes []byte
		Error string
	}
	// LogFile is a log that a worker has.
	LogFile struct {
		Name string
		Size int64
	}
	// BlobHead begins a blob that is put or got.
	BlobHead struct {
		Job    plan.JobID // that holds it; none: it is a program
		Digest plan.Digest
		Size   int64
		Look   bool   // only say whether it is there
		Error  string // of a blob that is not to be had
	}
	// BlobPart is a piece of a blob.
	BlobPart struct {
		Bytes []byte
	}
	// BlobDone answers a blob that was put.
	BlobDone struct {
		Error string
	}
	// Enrol asks for the certificate of a new worker, with a join token.
	Enrol struct {
		Token   string
		Name    string
		Request []byte // for a certificate, in DER
	}
	// Renew asks for another certificate of who calls.
	Renew struct {
		Request []byte
	}
	// Enrolled answers Enrol and Renew, if it is not Refused.
	Enrolled struct {
		Chain  []byte // the certificate and its authority's, in PEM
		Gossip []byte // the key of the gossip
	}
)

// For reports whether there is a program for a platform.
func (o *Open) For(p plan.Platform) bool {
	return slices.ContainsFunc(o.Programs, func(q model.Program) bool { return q.Platform == p })
}

// About is what a question is about.
type About string

// What can be asked.
const (
	AboutJobs    About = "jobs"
	AboutJob     About = "job"
	AboutStages  About = "stages"
	AboutTasks   About = "tasks"
	AboutWorkers About = "workers"
	AboutEvents  About = "events"
	AboutTotals  About = "totals"
	AboutLogs    About = "logs" // their names
	AboutLog     About = "log"  // a piece of one
)

// The kinds, as frames carry them. Append only.
const (
	kindAttach byte = iota + 1
	kindRenewal
	kindLeaving
	kindTaskStarted
	kindTaskProgress
	kindTaskDone
	kindTaskFailed
	kindExecUp
	kindExecGone
	kindBlocksChanged
	kindOutputsMoved
	kindOutputVerdict
	kindDiskState
	kindBarrierArrive

	kindWelcome
	kindRefused
	kindLease
	kindPlan
	kindJob
	kindLaunch
	kindKill
	kindStartExec
	kindStopExec
	kindAck
	kindLocations
	kindDrop
	kindMove
	kindVerify
	kindBarrier
	kindDetach
	kindNewerTerm
	kindPeer

	kindOpen
	kindOpened
	kindBegin
	kindCancelAction
	kindTaken
	kindAbandon
	kindForgetAction
	kindRelease
	kindReleaseFiles
	kindReleaseBlob
	kindFinish
	kindResult
	kindReset
	kindStatus
	kindActionEnd
	kindQuiet
	kindNotice
	kindJobEnd

	kindBlobHead
	kindBlobPart
	kindBlobDone

	kindDetachJob
	kindStartDriver
	kindDriverEnded
	kindAsk
	kindAnswer
	kindTell
	kindWantLog
	kindLogPart
	kindEnrol
	kindRenew
	kindEnrolled

	kindHandover
	kindRecall
	kindRevoked
	kindResume
	kindHeld
	kindAdded
	kindShown
	kindPortion
	kindCopy
	kindCopyDone
)

// table has the form of each message.
var table = forms.NewTable(plan.MaxEncoded,
	forms.Value(kindAttach, goodAttach),
	forms.Value[Renewal](kindRenewal, nil),
	forms.Value[model.Leaving](kindLeaving, nil),
	forms.Value(kindTaskStarted, func(m *model.TaskStarted) bool { return goodAttempt(m.Attempt) }),
	forms.Value(kindTaskProgress, goodProgress),
	forms.Value(kindTaskDone, goodDone),
	forms.Value(kindTaskFailed, goodFailed),
	forms.Value[model.ExecUp](kindExecUp, nil),
	forms.Value[model.ExecGone](kindExecGone, nil),
	forms.Value(kindBlocksChanged, goodChanged),
	forms.Value[model.OutputsMoved](kindOutputsMoved, nil),
	forms.Value(kindOutputVerdict, func(m *model.OutputVerdict) bool { return m.Verdict <= model.OutputCorrupt }),
	forms.Value[model.DiskState](kindDiskState, nil),
	forms.Value(kindBarrierArrive, func(m *model.BarrierArrive) bool { return goodAttempt(m.Attempt) && m.Round >= 0 }),

	forms.Value[Welcome](kindWelcome, nil),
	forms.Value[Refused](kindRefused, nil),
	forms.Value[model.Lease](kindLease, nil),
	forms.Value[Plan](kindPlan, nil),
	forms.Value[Job](kindJob, nil),
	forms.Value(kindLaunch, goodLaunch),
	forms.Value[model.Kill](kindKill, nil),
	forms.Value[model.StartExec](kindStartExec, nil),
	forms.Value[model.StopExec](kindStopExec, nil),
	forms.Value[model.Ack](kindAck, nil),
	forms.Value(kindLocations, goodLocations),
	forms.Value[model.Drop](kindDrop, nil),
	forms.Value[model.Move](kindMove, nil),
	forms.Value[model.Verify](kindVerify, nil),
	forms.Value[model.Barrier](kindBarrier, nil),
	forms.Value[model.Detach](kindDetach, nil),
	forms.Value[model.NewerTerm](kindNewerTerm, nil),
	forms.Value[Peer](kindPeer, nil),
	forms.Value[Revoked](kindRevoked, nil),

	forms.Value[Open](kindOpen, nil),
	forms.Value[Opened](kindOpened, nil),
	forms.Of(kindBegin, wire.GoodBegin),
	forms.Of[wire.CancelAction](kindCancelAction, nil),
	forms.Of(kindTaken, wire.GoodTaken),
	forms.Of[wire.Abandon](kindAbandon, nil),
	forms.Of[wire.ForgetAction](kindForgetAction, nil),
	forms.Of[wire.Release](kindRelease, nil),
	forms.Of[wire.ReleaseFiles](kindReleaseFiles, nil),
	forms.Of[wire.ReleaseBlob](kindReleaseBlob, nil),
	forms.Of[wire.Finish](kindFinish, nil),
	forms.Of(kindResult, wire.GoodResult),
	forms.Of[wire.Reset](kindReset, nil),
	forms.Of(kindStatus, wire.GoodStatus),
	forms.Of(kindActionEnd, wire.GoodEnd),
	forms.Of[wire.Quiet](kindQuiet, nil),
	forms.Of(kindAdded, wire.GoodAdded),
	forms.Of(kindShown, wire.GoodShown),
	forms.Of(kindPortion, wire.GoodPortion),
	forms.Of[wire.Notice](kindNotice, nil),
	forms.Of[wire.JobEnd](kindJobEnd, nil),

	forms.Value(kindBlobHead, func(m *BlobHead) bool { return m.Size >= 0 }),
	forms.Value[BlobPart](kindBlobPart, nil),
	forms.Value[BlobDone](kindBlobDone, nil),

	forms.Value[Detach](kindDetachJob, nil),
	forms.Value[StartDriver](kindStartDriver, nil),
	forms.Value[DriverEnded](kindDriverEnded, nil),
	forms.Value[Ask](kindAsk, nil),
	forms.Value[Answer](kindAnswer, nil),
	forms.Value[Tell](kindTell, nil),
	forms.Value[WantLog](kindWantLog, nil),
	forms.Value[LogPart](kindLogPart, nil),
	forms.Value[Enrol](kindEnrol, nil),
	forms.Value[Renew](kindRenew, nil),
	forms.Value[Enrolled](kindEnrolled, nil),

	forms.Value(kindCopy, goodCopy),
	forms.Value(kindCopyDone, func(m *model.CopyDone) bool { return goodHeld(&m.Block) }),
	forms.Value(kindHandover, goodHandover),
	forms.Value[model.Recall](kindRecall, nil),
	forms.Value(kindResume, goodResume),
	forms.Value(kindHeld, func(m *Held) bool { return goodInventory(&m.Inventory) }),
)

func goodAttempt(a model.AttemptID) bool {
	return a.Partition >= 0 && a.Gen >= 0 && a.Stage.Action >= 0
}

func goodProgress(m *model.TaskProgress) bool {
	for i := range m.Progress {
		p := &m.Progress[i]
		if !goodAttempt(p.Attempt) || p.Rows < 0 || p.Moves < 0 || !(p.Fraction >= 0 && p.Fraction <= 1) {
			return false
		}
	}
	return true
}

func goodDone(m *model.TaskDone) bool {
	return goodAttempt(m.Attempt) && m.Rows >= 0 && m.Bytes >= 0 && len(m.Updates) <= plan.MaxUpdates && goodBlocks(m.Blocks)
}

func goodFailed(m *model.TaskFailed) bool {
	return goodAttempt(m.Attempt) && m.Class <= model.Refused && (m.Source == nil || m.Source.Map >= 0 && (m.Source.Block == nil || goodBlock(m.Source.Block)))
}

func goodOutput(o *model.MapOutput) bool {
	return o.Partition >= 0 && goodAttempt(o.Attempt) && o.Rows >= 0 && o.Bytes >= 0 && len(o.Updates) <= plan.MaxUpdates
}

func goodHandover(m *Handover) bool {
	for i := range m.Outputs {
		if !goodOutput(&m.Outputs[i]) || m.Outputs[i].Attempt.Stage.Job != m.Job {
			return false
		}
	}
	return true
}

func goodCopy(m *model.Copy) bool { return goodBlock(&m.Block) }

func goodChanged(m *model.BlocksChanged) bool {
	for i := range m.Dropped {
		if !goodBlock(&m.Dropped[i]) {
			return false
		}
	}
	return len(m.Dropped) <= plan.MaxBlocks && goodBlocks(m.Added)
}

// goodBlocks bounds what one report tells of: the scheduler remembers it.
func goodBlocks(all []model.HeldBlock) bool {
	for i := range all {
		if !goodHeld(&all[i]) {
			return false
		}
	}
	return len(all) <= plan.MaxBlocks
}

func goodBlock(b *model.BlockID) bool {
	return b.Gen >= 0 && wire.GoodBlock(plan.Block{RDD: b.RDD, Partition: b.Partition})
}

func goodHeld(b *model.HeldBlock) bool { return goodBlock(&b.BlockID) && b.Bytes >= 0 }

func goodResume(m *Resume) bool {
	for _, t := range m.Held {
		if t.Gen < 0 || slices.ContainsFunc(t.Partitions, func(p int) bool { return p < 0 }) {
			return false
		}
	}
	return true
}

func goodAttach(m *model.Attach) bool {
	return m.Slots >= 0 && m.Memory >= 0 && goodInventory(&m.Inventory)
}

func goodInventory(m *model.Inventory) bool {
	for i := range m.Done {
		if !goodDone(&m.Done[i]) {
			return false
		}
	}
	for i := range m.Failed {
		if !goodFailed(&m.Failed[i]) {
			return false
		}
	}
	for i := range m.Outputs {
		if !goodOutput(&m.Outputs[i]) {
			return false
		}
	}
	for _, of := range m.Blocks {
		for i := range of {
			if !goodHeld(&of[i]) {
				return false
			}
		}
	}
	return true
}

func goodLaunch(m *Launch) bool {
	if len(m.Splits) != len(m.Launch.Tasks) {
		return false
	}
	for _, t := range m.Launch.Tasks {
		if !goodAttempt(t.Attempt) || slices.ContainsFunc(t.Blocks, func(at model.BlockAt) bool { return !wire.GoodBlock(at.Block) }) {
			return false
		}
	}
	return true
}

func goodLocations(m *model.Locations) bool {
	for i := range m.Outputs {
		if !goodOutput(&m.Outputs[i]) {
			return false
		}
	}
	for _, l := range m.Lost {
		if l < 0 {
			return false
		}
	}
	return true
}

// Types lists the types of all messages.
func Types() []reflect.Type { return table.Types() }
