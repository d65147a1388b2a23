package plan

import (
	"fmt"
	"strings"
)

// StageError is why an action failed: a task that failed for good.
type StageError struct {
	Action    ActionID
	Stage     StageKey
	Name      string // of the stage
	Partition int    // −1: it was not a task, but the driver
	Attempts  int
	Failure
}

// Error gives what happened, where in the user's source, and on which row:
//
//	Map (main.go:12): parse line: strconv.Atoi: …: at main.go:31, stage "…", partition 3, row 17 (in/log.txt at byte 4711)
func (e *StageError) Error() string {
	var b strings.Builder
	if e.Op != "" {
		fmt.Fprintf(&b, "%s: ", e.Op)
	}
	b.WriteString(e.Message)
	sep := ": "
	if e.Site.File != "" {
		fmt.Fprintf(&b, "%sat %s", sep, e.Site)
		sep = ", "
	}
	if e.Partition < 0 {
		b.WriteString(sep + "in the driver")
		return b.String()
	}
	fmt.Fprintf(&b, "%sstage %q, partition %d", sep, e.Name, e.Partition)
	if e.Row >= 0 {
		fmt.Fprintf(&b, ", row %d", e.Row)
	}
	if e.Path != "" {
		fmt.Fprintf(&b, " (%s", e.Path)
		if e.Offset >= 0 {
			fmt.Fprintf(&b, " at byte %d", e.Offset)
		}
		b.WriteByte(')')
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, ", %d attempts", e.Attempts)
	}
	return b.String()
}
