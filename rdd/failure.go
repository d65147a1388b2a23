package rdd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// recovered turns what user code panicked with into a failure. v is nil when
// the code left its goroutine by runtime.Goexit.
func (t *Task) recovered(v any) *plan.Failure {
	switch {
	case t.failed != nil:
		return t.failed
	case v == nil:
		return t.userFailure("user code called runtime.Goexit", userFrames(0), "")
	case isNil(v) && inLoop():
		if f := t.nilSequence(); f != nil {
			return f
		}
		fallthrough
	default: // Sprintf survives an Error or String that panics too
		return t.userFailure(fmt.Sprintf("panic: %v", v), userFrames(0), stack())
	}
}

// failure turns an error into a failure of the class it belongs to.
func (t *Task) failure(err error) *plan.Failure {
	if t.failed != nil {
		return t.failed
	}
	var input *inputError
	if errors.As(err, &input) && !t.stopped() {
		return input.why
	}
	var bad *rowError
	if errors.As(err, &bad) {
		f := t.userFailure(bad.Error(), plan.Site{}, "")
		if bad.op.Name != "" {
			f.Op = opName(bad.op)
		}
		return f
	}
	f := &plan.Failure{Class: plan.FailUser, Row: -1, Offset: -1, Message: clip(err.Error(), maxMessage)}
	var fetch *shuffle.FetchError
	var file *storage.PathError
	var block *blockError
	switch {
	case t.stopped() && context.Cause(t) != nil:
		f.Class = plan.FailKilled
	case errors.As(err, &fetch):
		f.Class = plan.FailFetch
		f.Fetch = &plan.FetchSource{Stage: t.shuffleKey(fetch.Shuffle), Map: int(fetch.Map), Cause: err.Error()}
	case errors.As(err, &block):
		f.Class = plan.FailFetch
		f.Fetch = &plan.FetchSource{Block: true, Stage: block.block.RDD, Map: block.block.Partition, Cause: err.Error()}
	case errors.As(err, &file):
		f.Class, f.Path = fileClass(file), file.Path
	case isNoSpace(err):
		f.Class = plan.FailResource
	}
	return f
}

func fileClass(err *storage.PathError) plan.FailureClass {
	if err.Kind == storage.NoSpace {
		return plan.FailResource
	}
	return plan.FailInput
}

// userFailure is a failure of user code at the row in hand.
func (t *Task) userFailure(message string, site plan.Site, stack string) *plan.Failure {
	f := &plan.Failure{Class: plan.FailUser, Message: clip(message, maxMessage), Site: site, Stack: stack}
	f.Path, f.Offset, f.Row = t.position()
	switch sink := t.stage.Sink.Op; {
	case t.at != nil && len(t.at.ops) > 0:
		f.Op = opName(nearest(t.at.ops, site))
	case sink.Name != "": // it is finishing
		f.Op = opName(sink)
	}
	return f
}

// InDriver runs what the driver does of an action's function, such as the last
// comparisons of a Top, and makes an error of a panic in it.
func InDriver(a Action, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &plan.StageError{Partition: -1, Failure: plan.Failure{
				Class: plan.FailUser, Row: -1, Offset: -1, Op: fmt.Sprintf("%s (%s)", a.Op.Name, a.Call.Site),
				Message: clip(fmt.Sprintf("panic: %v", v), maxMessage), Site: userFrames(0), Stack: stack(),
			}}
		}
	}()
	f()
	return nil
}

func opName(op plan.Op) string { return fmt.Sprintf("%s (%s)", op.Name, op.Site) }

// nearest guesses which of a kernel's operators a line belongs to: the last
// one called at or above it in the same file.
func nearest(ops []plan.Op, site plan.Site) plan.Op {
	best := ops[0]
	for _, op := range ops {
		if op.Site.File == site.File && op.Site.Line <= site.Line && op.Site.Line >= best.Site.Line {
			best = op
		}
	}
	return best
}

// maxMessage bounds what a failure says: errors have whole rows in them, and
// those may be as large as a file.
const maxMessage = 8 << 10

// clip shortens a text to about n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + fmt.Sprintf("… (%d bytes)", len(s))
}

// userFrames finds the innermost frame of the stack, above the panic, that is
// neither this project's nor the standard library's.
func userFrames(skip int) plan.Site {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip+2, pcs)])
	panicked := false
	for {
		fr, more := frames.Next()
		if fr.Function == "runtime.gopanic" || fr.Function == "runtime.Goexit" {
			panicked = true
		} else if panicked && isUser(fr.Function) {
			return plan.Site{File: filepath.Base(fr.File), Line: fr.Line, Func: fr.Function}
		}
		if !more {
			return plan.Site{}
		}
	}
}

const project = "github.com/gordd-project/gordd/"

// isUser says whether a function is the user's, by its package's path: those
// of the standard library have no dot in their first element.
func isUser(function string) bool {
	pkg := function
	slash := strings.LastIndexByte(pkg, '/')
	if dot := strings.IndexByte(pkg[slash+1:], '.'); dot >= 0 {
		pkg = pkg[:slash+1+dot]
	}
	if rest, ok := strings.CutPrefix(pkg, project); ok {
		room, _, _ := strings.Cut(rest, "/")
		switch room {
		case "rdd", "typed", "shuffle", "storage", "internal":
			return strings.HasSuffix(rest, "_test")
		}
		return true
	}
	first, _, _ := strings.Cut(pkg, "/")
	return pkg == "main" || strings.Contains(first, ".") || userModules()[first]
}

// userModules are the first elements of those modules in the program that have
// no dot in them, as the standard library's packages have none.
var userModules = sync.OnceValue(func() map[string]bool {
	user := map[string]bool{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return user
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if first, _, _ := strings.Cut(m.Path, "/"); first != "" && !strings.Contains(first, ".") {
			user[first] = true
		}
	}
	return user
})

// maxFrames bounds the frames of a stack that are kept.
const maxFrames = 16

// stack lists the user's frames of a panicking goroutine, the innermost first.
func stack() string {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var b strings.Builder
	panicked, kept := false, 0
	for more := true; more && kept < maxFrames; {
		var fr runtime.Frame
		fr, more = frames.Next()
		if fr.Function == "runtime.gopanic" || fr.Function == "runtime.Goexit" {
			panicked = true
		} else if panicked && isUser(fr.Function) {
			fmt.Fprintf(&b, "\t%s (%s:%d)\n", fr.Function, fr.File, fr.Line)
			kept++
		}
	}
	return clip(b.String(), 8<<10)
}

// shuffleKey finds the stage that a shuffle's number stands for.
func (t *Task) shuffleKey(number uint32) plan.StageKey {
	for _, in := range t.spec.Inputs {
		if shuffleNumber(in.Stage) == number {
			return in.Stage
		}
	}
	return ""
}
