// Package model is the vocabulary of the scheduler: the ids, the events it is
// fed, the commands it answers with, the records it wants in the journal, and
// its configuration.
//
// Everything here is plain data. Events, commands and records are closed sets:
// only types of this package implement them, so a switch over one can be
// complete. All fences (term, incarnation, session, generation, reads) are
// fields of the messages themselves; see the package comment of sched for what
// they are good for.
//
// Bytes that the machine only passes on (where a map output lies, a result, the
// encoded error of a task) are opaque here. They are never copied and must not
// be changed after they were given away.
package model

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Instant is a moment of the monotonic clock that the caller reads: nanoseconds
// since an arbitrary zero. The machine has no clock of its own.
type Instant int64

// Add returns the moment d after i.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Sub returns the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// Term numbers the masters of one cluster; each start raises it.
type Term uint64

// Inc is a worker's incarnation: drawn at random when its process starts.
type Inc uint64

// Session numbers the attaches of one worker or driver; a later one replaces an
// earlier one. The stream layer gives the numbers out, rising.
type Session uint64

// Gen is a stage's generation. It rises only when rows made earlier must no
// longer be mixed with rows made from now on.
type Gen int32

// StoreID names a worker's directory of shuffle files. It outlives the process.
type StoreID string

// Request is echoed in the Reply to the event that carried it; 0 asks for none.
type Request uint64

// StageID names a stage of a job. Map and value stages are shared by all actions
// of the job (Action is 0). A result stage belongs to the one action it serves.
type StageID struct {
	Job    plan.JobID
	Key    plan.StageKey
	Action int
}

// String returns job, key and, for a result stage, the action.
func (s StageID) String() string {
	if s.Action == 0 {
		return fmt.Sprintf("%s/%s", s.Job, s.Key)
	}
	return fmt.Sprintf("%s/%s#%d", s.Job, s.Key, s.Action)
}

// AttemptID names one attempt at one task. It contains the term, so no id is
// ever used twice, even for a launch whose record was lost with a master.
type AttemptID struct {
	Stage     StageID
	Gen       Gen
	Partition int
	Term      Term
	Seq       uint64
}

// String returns stage, partition, generation and the unique number.
func (a AttemptID) String() string {
	return fmt.Sprintf("%s p%d g%d %d.%d", a.Stage, a.Partition, a.Gen, a.Term, a.Seq)
}

// Older reports whether a was given out before b: the tie-break between two good
// outputs of one task that a restarted master finds.
func (a AttemptID) Older(b AttemptID) bool {
	return cmp.Or(cmp.Compare(a.Term, b.Term), cmp.Compare(a.Seq, b.Seq)) < 0
}

// Read names one generation of a shuffle, value or cached data set that an
// attempt reads. A success counts only while all its reads are current.
type Read struct {
	Key plan.StageKey
	Gen Gen
}

// From is the envelope of every message from a worker.
type From struct {
	Cluster  string
	Protocol int
	Term     Term
	Worker   plan.WorkerID
	Inc      Inc
	Session  Session
}

// Counter is one named sum that a task reports, such as rows read.
type Counter struct {
	Name  string
	Value int64
}

// BlockID names one partition of a cached data set.
type BlockID struct {
	RDD       plan.StageKey
	Gen       Gen
	Partition int
}

// HeldBlock is a cached block that a worker has.
type HeldBlock struct {
	BlockID
	Bytes int64 // that it takes there, about
}

// MapOutput is where the output of one task lies: of a map task in a worker's
// store, of a value stage in Output itself.
type MapOutput struct {
	Partition int
	Attempt   AttemptID
	Worker    plan.WorkerID
	Store     StoreID
	Rows      int64
	Bytes     int64
	Sum       uint64 // checksum of index and data
	RowSum    uint64 // order-free sum of row hashes, see R52
	Sizes     []byte // per reducer, 1 byte each, log scale
	Output    []byte // opaque: how the store finds it, or the value itself
	// Reads, Counters and Updates are what its attempt reported: only in inventories
	// and in the journal.
	Reads    []Read
	Counters []Counter
	Updates  plan.Updates
}
