package rdd

import (
	"reflect"
	"runtime"
	"strings"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Functions that give sequences may give nil, which nothing can range over.
// Nobody looks at each one: what the run time makes of it, a nil dereference in
// the loop itself, is told from one in user code by the frame it is in.

// isNil says whether a panic is that of a nil dereference, which has no type
// or value of its own.
func isNil(v any) bool {
	err, ok := v.(runtime.Error)
	return ok && strings.HasSuffix(err.Error(), "nil pointer dereference")
}

// inLoop says whether the innermost frame of a panic is that of a loop over
// rows: in generated code, of which user code that was copied there is no part,
// or in an operator of this package.
func inLoop() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	panicked := false
	for more := true; more; {
		var fr runtime.Frame
		fr, more = frames.Next()
		switch {
		case fr.Function == "runtime.gopanic":
			panicked = true
		case !panicked || strings.HasPrefix(fr.Function, "runtime."):
		default:
			name, ok := strings.CutPrefix(fr.Function, project+"rdd.")
			return ok && (strings.Contains(name, "Op[") || strings.HasPrefix(name, "through[")) || registered.generated(fr.File)
		}
	}
	return false
}

// nilSequence is the failure of a function that gave no sequence; nil when none
// of those in hand gives one. A kernel may have several of them.
func (t *Task) nilSequence() *plan.Failure {
	var by []string
	if t.at != nil {
		for _, ref := range t.at.ops {
			if op, _, err := t.runner.resolve(ref); err == nil && op.givesSequence() {
				by = append(by, opName(ref))
			}
		}
	}
	if len(by) == 0 {
		return nil
	}
	text := "the function"
	if len(by) > 1 {
		text += ", or that of " + strings.Join(by[1:], " or ") + ","
	}
	f := t.userFailure(text+" gave a nil sequence: give an empty one", plan.Site{}, "")
	f.Op = by[0]
	return f
}

// givesSequence says whether the operator's function gives a sequence.
func (o *Op) givesSequence() bool {
	return o.Func != nil && o.Func.NumOut() > 0 && o.Func.Out(0).Kind() == reflect.Func
}
