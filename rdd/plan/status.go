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
	Labels Labels
	State  ActionState
	Stages []StageStatus // in the plan's order
	// Partitions is how many partitions the target has, which may be more
	// than the action asked for.
	Partitions int
	Started    time.Time
	Elapsed    time.Duration
	Error      string
	// Accumulators are those of the whole session: of actions that run, by the tasks
	// that have succeeded so far. The driver fills them in, for those who watch.
	Accumulators []Shown
}

const (
	// MaxShown is how many accumulators of a session are shown.
	MaxShown = 100
	// MaxShownText is the most bytes of the name of one, and of its value.
	MaxShownText = 256
)

// Shown is the value of an accumulator as text, for people.
type Shown struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// GoodShown says whether that is no more than is shown.
func GoodShown(all []Shown) bool {
	for _, s := range all {
		if len(s.Name) > MaxShownText || len(s.Value) > MaxShownText {
			return false
		}
	}
	return len(all) <= MaxShown
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
