package plan

import "time"

// ActionState is how far an action has come.
type ActionState uint8

// The states of an action.
const (
	ActionPreparing ActionState = iota // listing inputs, checking the output
	ActionRunning
	ActionPublishing
	ActionDone
	ActionFailed
	ActionCancelled
)

var actionStates = [...]string{"preparing", "running", "publishing", "done", "failed", "cancelled"}

// String returns the state in one word.
func (s ActionState) String() string { return named(actionStates[:], int(s)) }

// Ended says that nothing will change any more.
func (s ActionState) Ended() bool { return s >= ActionDone }

// ActionStatus is a picture of one action, for progress bars, summaries and
// pages.
type ActionStatus struct {
	ID     ActionID
	Name   string // "SaveAsTextFile"
	Site   Site
	State  ActionState
	Stages []StageStatus // in the plan's order
	// Partitions is how many partitions the target has, which may be more
	// than the action asked for.
	Partitions int
	Started    time.Time
	Elapsed    time.Duration
	Error      string
}

// StageStatus is a picture of one stage within an action.
type StageStatus struct {
	Key      StageKey
	Name     string
	Kind     StageKind
	Tasks    int // 0 while inputs are being listed
	Done     int
	Ran      int // that ended well while the action ran: one that ran again counts again
	Running  int
	Failed   int  // failed attempts
	Skipped  bool // complete from an earlier action, or not needed
	Elapsed  time.Duration
	Counters Counters
}
