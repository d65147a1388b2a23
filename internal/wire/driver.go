package wire

import "github.com/gordd-project/gordd/rdd/plan"

// What a driver says of its actions, which are numbered from 1 on.
type (
	// Begin hands an action over.
	Begin struct {
		N          int
		Plan       []byte // encoded
		Partitions []int  // wanted, rising; nil: all
		Consumed   bool   // results cannot be taken back
		Ahead      int
	}
	// CancelAction asks for an action's end.
	CancelAction struct {
		N      int
		Reason string
	}
	// Taken says that the results of partitions have been used.
	Taken struct {
		N          int
		Gen        int
		Partitions []int
	}
	// Abandon says that nobody waits for an action's attempts any more.
	Abandon struct{ N int }
	// ForgetAction says that nothing refers to an action's results any more.
	ForgetAction struct{ N int }
	// Release says that no handle refers to a shuffle or value any more.
	Release struct{ Stage plan.StageKey }
	// ReleaseFiles says that no handle refers to a file source any more.
	ReleaseFiles struct{ Files plan.Files }
	// Finish says that nothing more will be submitted. A Reason means that the
	// job ends as failed.
	Finish struct{ Reason string }
	// Shown tells the values of the session's accumulators, for people who look at
	// the job.
	Shown struct{ Accumulators []plan.Shown }
	// PutBlob asks to take a blob that is in a file, which may go when BlobPut has
	// answered.
	PutBlob struct {
		Digest plan.Digest
		Path   string
		Size   int64
	}
	// ReleaseBlob gives back what PutBlob took.
	ReleaseBlob struct{ Digest plan.Digest }
)

// What a driver is told.
type (
	// Joined says that the program drives a job of a cluster, with as many slots
	// at the moment.
	Joined struct {
		Job   plan.JobID
		Slots int
	}
	// Result is the value of one partition: in Bytes, or in the file Path, which is
	// the driver's to remove. On the way from the master it is, instead of in a
	// file, with the worker at Address.
	Result struct {
		N         int
		Gen       int
		Partition int
		Bytes     []byte
		Path      string
		Address   string
	}
	// Reset voids the results of older generations.
	Reset struct {
		N   int
		Gen int
	}
	// Added tells what tasks of a running action added to accumulators, to be shown.
	// What counts comes with the action's end. Of a task that is told of again the
	// last word holds.
	Added struct {
		N       int
		Updates []plan.StageUpdates
	}
	// Portion tells of a part of what the tasks of an action that has ended added to
	// accumulators. The first has the number 0; whoever tells of an end again begins
	// with it again.
	Portion struct {
		N       int
		At      int
		Updates []plan.StageUpdates
	}
	// ActionEnd is the end of an action: its last picture, what tasks added to
	// accumulators and was in none of so many portions before, and why it did not
	// succeed.
	ActionEnd struct {
		Status   plan.ActionStatus
		Portions int
		Updates  []plan.StageUpdates
		Trouble  *Trouble
	}
	// Quiet says that nothing works for an action any more.
	Quiet struct{ N int }
	// JobEnd is the end of the job.
	JobEnd struct{ Why string }
	// BlobPut answers PutBlob.
	BlobPut struct {
		Digest plan.Digest
		Error  string
	}
)

// Trouble is an error as data: its text, and those of its causes that programs
// tell apart.
type Trouble struct {
	Text  string
	Stage *plan.StageError
	Path  string // of a path that cannot be read or written
	Kind  int    // of storage's
}

// GoodBegin and the like say whether a message's numbers make sense.
func GoodBegin(m *Begin) bool {
	for i, p := range m.Partitions {
		if p < 0 || i > 0 && p <= m.Partitions[i-1] {
			return false
		}
	}
	return m.N > 0 && m.Ahead >= 0
}

// GoodTaken is GoodBegin for Taken.
func GoodTaken(m *Taken) bool {
	for _, p := range m.Partitions {
		if p < 0 {
			return false
		}
	}
	return m.N > 0 && m.Gen >= 0
}

// GoodResult is GoodBegin for Result.
func GoodResult(m *Result) bool {
	return m.N > 0 && m.Gen >= 0 && m.Partition >= 0 && m.Partition < plan.MaxPartitions
}

// GoodEnd is GoodBegin for ActionEnd.
func GoodEnd(m *ActionEnd) bool {
	return GoodStatus(&m.Status) && m.Status.State.Ended() && m.Portions >= 0 && plan.GoodUpdates(m.Updates)
}

// GoodPortion is GoodBegin for Portion.
func GoodPortion(m *Portion) bool { return m.N > 0 && m.At >= 0 && plan.GoodUpdates(m.Updates) }

// GoodAdded is GoodBegin for Added.
func GoodAdded(m *Added) bool { return m.N > 0 && plan.GoodUpdates(m.Updates) }

// GoodShown is GoodBegin for Shown.
func GoodShown(m *Shown) bool { return plan.GoodShown(m.Accumulators) }

// GoodStatus is GoodBegin for pictures.
func GoodStatus(s *plan.ActionStatus) bool {
	ok := s.State <= plan.ActionCancelled && s.Partitions >= 0 && plan.GoodShown(s.Accumulators) && s.Labels.Check() == nil
	for _, st := range s.Stages {
		ok = ok && st.Kind <= plan.ValueStage && st.Tasks >= 0 && st.Done >= 0 && st.Running >= 0
	}
	return ok
}
