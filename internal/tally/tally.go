// Package tally adds up what actions did and says it in words, for the line
// after an action and the summary after a program.
package tally

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gordd-project/gordd/internal/size"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Tally is the sum over actions. The zero value is that of none.
type Tally struct {
	Actions  int   `json:"actions"`
	Failed   int   `json:"failed"` // actions that failed or were cancelled
	Stages   int   `json:"stages"` // that ran
	Skipped  int   `json:"skipped"`
	Tasks    int   `json:"tasks"`     // that ended well
	Ran      int   `json:"tasks_ran"` // and those that ran again, once more each time
	Rows     int64 `json:"rows"`      // that sources and shuffles gave
	Read     int64 `json:"bytes_read"`
	Shuffled int64 `json:"bytes_shuffled"`
	Spilled  int64 `json:"bytes_spilled"`
	Written  int64 `json:"bytes_written"`
	Rejected int64 `json:"rows_rejected"`
	HotKeys  int64 `json:"hot_keys"`  // that joins split,
	HotParts int64 `json:"hot_parts"` // and the partitions that they have together
	// Tasks that would rather run near what they read, by how near they did.
	AtProcess int64         `json:"tasks_at_process"`
	AtNode    int64         `json:"tasks_at_node"`
	AtRack    int64         `json:"tasks_at_rack"`
	AtAny     int64         `json:"tasks_at_any"`
	Elapsed   time.Duration `json:"nanoseconds"`
}

// Of gives the tally of one action.
func Of(s *plan.ActionStatus) Tally {
	t := Tally{Actions: 1, Elapsed: s.Elapsed}
	if s.State == plan.ActionFailed || s.State == plan.ActionCancelled {
		t.Failed = 1
	}
	for i := range s.Stages {
		st := &s.Stages[i]
		if st.Skipped {
			t.Skipped++
			continue
		}
		t.Stages++
		t.Tasks += st.Done
		t.Ran += st.Ran
		t.Rows += st.Counters.RowsIn
		t.Read += st.Counters.BytesRead
		t.Shuffled += st.Counters.ShuffleWrite
		t.Spilled += st.Counters.Spilled
		t.Written += st.Counters.Output
		t.Rejected += st.Counters.Rejected
		t.HotKeys += st.Counters.HotKeys
		t.HotParts += st.Counters.HotParts
		t.AtProcess += st.Counters.AtProcess
		t.AtNode += st.Counters.AtNode
		t.AtRack += st.Counters.AtRack
		t.AtAny += st.Counters.AtAny
	}
	return t
}

// Add adds u to t.
func (t *Tally) Add(u Tally) {
	t.Actions += u.Actions
	t.Failed += u.Failed
	t.Stages += u.Stages
	t.Skipped += u.Skipped
	t.Tasks += u.Tasks
	t.Ran += u.Ran
	t.Rows += u.Rows
	t.Read += u.Read
	t.Shuffled += u.Shuffled
	t.Spilled += u.Spilled
	t.Written += u.Written
	t.Rejected += u.Rejected
	t.HotKeys += u.HotKeys
	t.HotParts += u.HotParts
	t.AtProcess += u.AtProcess
	t.AtNode += u.AtNode
	t.AtRack += u.AtRack
	t.AtAny += u.AtAny
	t.Elapsed += u.Elapsed
}

// String gives everything but the number of actions, in one line.
func (t Tally) String() string {
	parts := []string{Count(int64(t.Stages), "stage")}
	if t.Skipped > 0 {
		parts[0] += fmt.Sprintf(" (+%d skipped)", t.Skipped)
	}
	tasks := Count(int64(t.Tasks), "task")
	if again := t.Ran - t.Tasks; again > 0 {
		tasks += fmt.Sprintf(" (+%d again)", again)
	}
	parts = append(parts, tasks, Count(t.Rows, "row"))
	for _, b := range []struct {
		n    int64
		what string
	}{{t.Read, "read"}, {t.Shuffled, "shuffled"}, {t.Spilled, "spilled"}, {t.Written, "written"}} {
		if b.n > 0 {
			parts = append(parts, size.String(b.n)+" "+b.what)
		}
	}
	if t.Rejected > 0 {
		parts = append(parts, Count(t.Rejected, "row")+" rejected")
	}
	if t.HotKeys > 0 {
		parts = append(parts, Hot(t.HotKeys, t.HotParts))
	}
	return strings.Join(append(parts, Duration(t.Elapsed)), ", ")
}

// Hot says how many keys joins split, and into how many parts.
func Hot(keys, parts int64) string {
	return fmt.Sprintf("%s split into %s", Count(keys, "hot key"), Count(parts, "part"))
}

// Summary is String with the number of actions in front.
func (t Tally) Summary() string {
	s := Count(int64(t.Actions), "action")
	if t.Failed > 0 {
		s += fmt.Sprintf(" (%d failed)", t.Failed)
	}
	return s + ", " + t.String()
}

// Line says how one action ended.
func Line(s *plan.ActionStatus) string {
	what := fmt.Sprintf("%s (%s)", s.Name, s.Site)
	if s.Labels.Description != "" {
		what = s.Labels.Description + ": " + what
	}
	if s.State != plan.ActionDone {
		return fmt.Sprintf("%s %s: %s", what, s.State, Of(s))
	}
	return fmt.Sprintf("%s: %s", what, Of(s))
}

// Accumulators says the values of accumulators in one line; "": there are none.
func Accumulators(all []plan.Shown) string {
	var parts []string
	for _, a := range all {
		parts = append(parts, a.Name+" "+a.Value)
	}
	if len(parts) == 0 {
		return ""
	}
	return "accumulators: " + strings.Join(parts, "; ")
}

// Duration gives d with two or three digits.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// Count gives "1 row" or "1,234 rows".
func Count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Number(n) + " " + noun + "s"
}

// Number writes n in groups of three digits.
func Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
