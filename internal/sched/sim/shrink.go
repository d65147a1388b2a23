package sim

import (
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// Runner runs a world: New(o).Run, but for tests of Shrink.
type Runner func(Options) (Report, error)

// Run makes a world and lets it run. A panic of the machine is an error like any
// other.
func Run(o Options) (rep Report, err error) {
	w := New(o)
	defer func() {
		if x := recover(); x != nil {
			rep, err = w.rep, fmt.Errorf("seed %d: panic: %v\n%s", o.Seed, x, debug.Stack())
		}
	}()
	return w.Run()
}

// Shrink looks for a smaller run that fails in the same way: with fewer faults,
// jobs, stages, tasks and workers, in this order, which is how much each of them
// helps who has to understand it. It returns o itself if o does not fail, and
// gives up after a number of runs.
func Shrink(o Options, run Runner, runs int) Options {
	s := &shrinker{run: run, left: runs, best: o}
	s.best.Trace = nil
	rep, err := run(s.best)
	if err == nil {
		return o
	}
	s.failure = failure(err)
	s.faults(rep)
	for before := ""; before != s.best.String() && s.left > 0; { // one may make room for another
		before = s.best.String()
		s.jobs()
		s.less(func(o *Options) *int { return &o.Stages }, 7)
		s.less(func(o *Options) *int { return &o.Tasks }, o.Tasks)
		s.less(func(o *Options) *int { return &o.Workers }, o.Workers)
		s.without()
	}
	return s.best
}

type shrinker struct {
	run     Runner
	left    int
	best    Options
	failure string
}

var rule = regexp.MustCompile(`\b[IL][0-9]+\b`)
var digits = regexp.MustCompile(`[0-9]+`)

// failure says what went wrong without what differs from run to run: the names of
// the invariants, or else the first line without its numbers.
func failure(err error) string {
	if names := rule.FindAllString(err.Error(), -1); len(names) > 0 {
		slices.Sort(names)
		return strings.Join(slices.Compact(names), " ")
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return digits.ReplaceAllString(line, "")
}

// try takes o if it fails in the same way.
func (s *shrinker) try(o Options) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	if _, err := s.run(o); err == nil || failure(err) != s.failure {
		return false
	}
	s.best = o
	return true
}

// faults names the faults that happened, so that they can be left out one by one.
func (s *shrinker) faults(rep Report) {
	o := s.best
	o.Only = []string{} // not nil, which is all
	for _, f := range rep.Happened {
		id, _, _ := strings.Cut(f, " ")
		if !slices.Contains(o.Only, id) {
			o.Only = append(o.Only, id)
		}
	}
	if s.try(o) {
		s.without()
	}
}

// without leaves out ever smaller groups of faults.
func (s *shrinker) without() {
	for size := len(s.best.Only); size > 0; size /= 2 {
		for at := 0; at < len(s.best.Only); {
			o := s.best
			o.Only = slices.Delete(slices.Clone(o.Only), at, min(at+size, len(o.Only)))
			if !s.try(o) {
				at += size
			}
		}
	}
}

func (s *shrinker) jobs() {
	for i := range s.best.Jobs {
		if name := fmt.Sprintf("j%d", i); !slices.Contains(s.best.Out, name) {
			o := s.best
			o.Out = append(slices.Clone(o.Out), name)
			s.try(o)
		}
	}
}

// less tries small numbers first.
func (s *shrinker) less(field func(*Options) *int, most int) {
	now := s.best
	for n := 1; n < most && (*field(&now) == 0 || n < *field(&now)); n++ {
		o := s.best
		*field(&o) = n
		if s.try(o) {
			return
		}
	}
}

// String returns the options as Go source, to be pasted into a test.
func (o Options) String() string {
	text := fmt.Sprintf("{Seed: %d, Workers: %d, Jobs: %d, Tasks: %d, CheckEvery: %d", o.Seed, o.Workers, o.Jobs, o.Tasks, o.CheckEvery)
	if o.Faults > 0 {
		text += fmt.Sprintf(", Faults: %v", o.Faults)
	}
	if o.TaskFaults {
		text += ", TaskFaults: true"
	}
	if o.Short {
		text += ", Short: true"
	}
	if o.Restarts > 0 {
		text += fmt.Sprintf(", Restarts: %v", o.Restarts)
	}
	if o.Stages > 0 {
		text += fmt.Sprintf(", Stages: %d", o.Stages)
	}
	if len(o.Out) > 0 {
		text += fmt.Sprintf(", Out: %#v", o.Out)
	}
	if o.Only != nil {
		text += fmt.Sprintf(", Only: %#v", o.Only)
	}
	return text + "}"
}
