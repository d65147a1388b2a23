package model

import "github.com/gordd-project/gordd/rdd/plan"

// FailClass is what kind of thing ended an attempt. It is a number from the
// reader's socket to the rule that acts on it; text never decides.
type FailClass uint8

// The classes. Numbers are fixed: append only.
const (
	User     FailClass = iota // the task's own code; also what an unknown number means
	Fetch                     // an input of another stage could not be had
	Resource                  // memory or disk
	Crash                     // the executor's process ended
	Infra                     // the worker's own trouble
	Input                     // the source is shorter, newer or unreadable
	Killed                    // as told
	Refused                   // never started
	Storage                   // the storage system as a whole is unavailable
)

// String returns the class in lower case.
func (c FailClass) String() string {
	return name(c, "user", "fetch", "resource", "crash", "infra", "input", "killed", "refused", "storage")
}

// Signature tells whether two failures are the same one.
type Signature struct {
	Site   string
	Kind   string
	Hash   uint64 // of the message without what differs from run to run
	Row    int64  // position of the row in its partition
	HasRow bool
}

// FetchCause is why an input could not be had.
type FetchCause uint8

// The causes.
const (
	FetchRefused FetchCause = iota // nobody listens
	FetchTimeout                   // somebody may listen
	FetchMissing                   // the owner has no such output
	FetchCorrupt                   // its checksum is wrong, twice
)

// String returns the cause in lower case.
func (c FetchCause) String() string { return name(c, "refused", "timeout", "missing", "corrupt") }

// FetchSource names the output that could not be had.
type FetchSource struct {
	Key     plan.StageKey
	Map     int
	Attempt AttemptID
	Store   StoreID
	Cause   FetchCause
	// Block is set instead when a cached block is missing that the task was to read.
	Block *BlockID
}

// Problem is an error of the engine's own work.
type Problem struct {
	Message string
	Detail  []byte // opaque, for the driver
}

// CauseKind is why an action or job ended, or was refused.
type CauseKind uint8

// The causes.
const (
	CauseRefused       CauseKind = iota // invalid or over a limit
	CauseTask                           // a task failed too often
	CauseDeterministic                  // a task failed the same way twice
	CauseCancelled
	CauseDriverGone
	CauseOutput      // the output exists, or may not be written
	CauseSplits      // the inputs could not be planned
	CausePublish     // the output could not be put in place
	CauseResultBytes // more results than allowed
	CauseInfra       // one task met too much trouble of workers
	CauseCrash       // one task ends every process it runs in
	CauseResource    // memory or disk
	CauseStorage     // storage was unavailable too long
	CauseNoProgress  // outputs get lost as fast as they are made
	CauseGenerations // rolled back too often
	CauseConsumed    // rows were handed out that must be taken back
	CauseNoWorker    // nobody could run it
	CauseBarrier     // a gang larger than the cluster
	CauseJournal
	CauseEnded // the job had ended
	CauseIndeterminate
)

// String returns the cause in a word.
func (k CauseKind) String() string {
	return name(k, "refused", "task", "deterministic", "cancelled", "driver gone", "output", "splits", "publish",
		"result bytes", "infra", "crash", "resource", "storage", "no progress", "generations", "consumed",
		"no worker", "barrier", "journal", "ended", "indeterminate")
}

// Cause says why something ended: for people in Message, for code in the rest.
type Cause struct {
	Kind      CauseKind
	Message   string
	Stage     StageID // with Site, Partition and Tries if a task is to blame
	Site      string
	Partition int
	Tries     []Try
	Detail    []byte // opaque, of the last failure
}

// Error makes a Cause usable as an error.
func (c *Cause) Error() string { return c.Message }

// Try is one failed attempt of the task to blame.
type Try struct {
	Attempt   AttemptID
	Worker    plan.WorkerID
	Class     FailClass
	Signature Signature
	Message   string
}
