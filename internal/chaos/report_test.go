//go:build linux

package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// figures are what became of a failure's trials.
type figures struct {
	name                string
	trials, kills, jobs int
	wrong, failed       int
	recomputed, lost    int
	damaged, found      int // files
	cut                 int // connections, and chunks that came late
	took, clean         time.Duration
	memory, files       int // bytes and open files more than before, at most
	measured            []measure
}

// measure is how long something took, each time.
type measure struct {
	what string
	all  []time.Duration
}

// measure notes how long something took.
func (f *figures) measure(what string, d time.Duration) {
	report.Lock()
	defer report.Unlock()
	f.add(what, d)
}

func (f *figures) add(what string, all ...time.Duration) {
	i := slices.IndexFunc(f.measured, func(m measure) bool { return m.what == what })
	if i < 0 {
		i = len(f.measured)
		f.measured = append(f.measured, measure{what: what})
	}
	f.measured[i].all = append(f.measured[i].all, all...)
}

// String gives the median and the longest.
func (m measure) String() string {
	all := slices.Sorted(slices.Values(m.all))
	return fmt.Sprintf("%s %.3fs, %.3fs at most", m.what, all[len(all)/2].Seconds(), all[len(all)-1].Seconds())
}

// report is the figures of all failures, in the order in which they came.
var report struct {
	sync.Mutex
	lines []*figures
}

// of gives the figures of a failure.
func of(name string) *figures {
	report.Lock()
	defer report.Unlock()
	for _, f := range report.lines {
		if f.name == name {
			return f
		}
	}
	f := &figures{name: name}
	report.lines = append(report.lines, f)
	return f
}

func (f *figures) String() string {
	s := fmt.Sprintf("%-24s %3d trials %4d kills %4d jobs %3d wrong %3d failed", f.name, f.trials, f.kills, f.jobs, f.wrong, f.failed)
	if f.clean > 0 {
		s += fmt.Sprintf("  time ÷ clean %.2f", float64(f.took)/float64(f.clean))
	}
	if f.lost > 0 { // of which not all may be needed again
		s += fmt.Sprintf("  recomputed ÷ lost %d ÷ %d = %.2f", f.recomputed, f.lost, float64(f.recomputed)/float64(f.lost))
	}
	if f.damaged > 0 {
		s += fmt.Sprintf("  found %d of %d", f.found, f.damaged)
	}
	if f.cut > 0 {
		s += fmt.Sprintf("  %d faults on the wire", f.cut)
	}
	if f.files > 0 {
		s += fmt.Sprintf("  %d MiB and %d files more", f.memory>>20, f.files)
	}
	for _, m := range f.measured {
		s += "  " + m.String()
	}
	return s
}

// tell prints the report.
func tell(w io.Writer) {
	report.Lock()
	defer report.Unlock()
	sum := figures{name: "all"}
	for _, f := range report.lines {
		_, _ = fmt.Fprintln(w, "chaos:", f)
		sum.trials, sum.kills, sum.jobs = sum.trials+f.trials, sum.kills+f.kills, sum.jobs+f.jobs
		sum.wrong, sum.failed = sum.wrong+f.wrong, sum.failed+f.failed
		sum.recomputed, sum.lost, sum.damaged, sum.found = sum.recomputed+f.recomputed, sum.lost+f.lost, sum.damaged+f.damaged, sum.found+f.found
		for _, m := range f.measured {
			sum.add(m.what, m.all...)
		}
	}
	if len(report.lines) > 0 {
		_, _ = fmt.Fprintln(w, "chaos:", &sum)
	}
}

// outcome is how a job ended.
type outcome struct {
	code       int
	err        error // of what it wrote, or errHung
	took       time.Duration
	recomputed int // tasks that ended well and ran again
}

var errHung = errors.New("the job does not end")

// checked compares what a job wrote with what it should have.
func (j *job) checked() error {
	x, err := built.text()
	if err != nil {
		return err
	}
	return x.check(j.out, j.spec.sort)
}

// end waits for a job's end and looks at what it wrote.
func (j *job) end() (o outcome) {
	if !j.ended(patience) {
		j.kill()
		return outcome{code: -1, err: errHung, took: time.Since(j.begun)}
	}
	o.took, o.code = j.at.Sub(j.begun), j.cmd.ProcessState.ExitCode()
	if o.code != 0 {
		return o
	}
	err := j.checked()
	var sum struct {
		Tasks int `json:"tasks"`
		Ran   int `json:"tasks_ran"`
	}
	b, readErr := os.ReadFile(j.summary)
	if readErr == nil {
		readErr = json.Unmarshal(b, &sum)
	}
	o.err, o.recomputed = errors.Join(err, readErr), sum.Ran-sum.Tasks
	return o
}

// right waits for a job's end, which must be a right one, and counts it.
func (f *figures) right(j *job) outcome {
	j.c.t.Helper()
	o := j.end()
	report.Lock()
	defer report.Unlock()
	f.jobs++
	if j.times(0, otherRows) > 0 {
		j.c.t.Errorf("%s: the job is said to give other rows each time:\n%s", j.spec.kind(), j.tail(20))
	}
	switch {
	case errors.Is(o.err, errWrong):
		f.wrong++
		j.c.t.Errorf("%s: %v: %s", j.spec.kind(), o.err, j.out)
	case o.code != 0 || o.err != nil:
		f.failed++
		j.c.t.Errorf("%s: exit code %d, %v:\n%s", j.spec.kind(), o.code, o.err, j.tail(20))
	default:
		f.recomputed += o.recomputed
		if clean := cleanTimes[j.spec]; clean > 0 {
			f.took, f.clean = f.took+o.took, f.clean+clean
		}
	}
	return o
}

// cleanTimes are how long jobs take when nothing happens to them.
var cleanTimes = map[spec]time.Duration{}

func TestFigures(t *testing.T) {
	f := figures{name: "x", trials: 1, kills: 2, jobs: 3, took: 3 * time.Second, clean: 2 * time.Second, recomputed: 4, lost: 5, damaged: 7, found: 6}
	for _, d := range []time.Duration{3, 1, 2} {
		f.measure("seen after", d*time.Second)
	}
	want := "x                          1 trials    2 kills    3 jobs   0 wrong   0 failed  time ÷ clean 1.50  recomputed ÷ lost 4 ÷ 5 = 0.80" +
		"  found 6 of 7  seen after 2.000s, 3.000s at most"
	if got := f.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
