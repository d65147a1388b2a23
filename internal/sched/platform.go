package sched

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// fits reports whether a job has a program for a worker's platform (R14). The
// tasks of a job without programs run anywhere.
func (j *job) fits(w *worker) bool {
	programs := j.submit.Programs
	return len(programs) == 0 || slices.ContainsFunc(programs, func(p model.Program) bool { return p.Platform == w.platform })
}

// unfit says of a job that no worker who is here fits: what it is for, and what
// they are. It is empty when one does, or when nobody is here.
func (s *Scheduler) unfit(j *job) string {
	var here []string
	for _, w := range s.workers {
		switch {
		case w.lost(), w.session == 0: // it has not come back yet
		case j.fits(w):
			return ""
		case !slices.Contains(here, named(w.platform)):
			here = append(here, named(w.platform))
		}
	}
	if len(here) == 0 {
		return ""
	}
	return fmt.Sprintf("its program is for %s, and the workers here are %s", j.platforms(), strings.Join(here, ", "))
}

// platforms lists those that a job has programs for.
func (j *job) platforms() string {
	var all []string
	for _, p := range j.submit.Programs {
		all = append(all, string(p.Platform))
	}
	return strings.Join(all, ", ")
}

// leaveOut tells, once for each platform, that workers get no tasks of a job.
func (s *Scheduler) leaveOut(j *job, w *worker) {
	if w.lost() || w.session == 0 || j.state.Ended() || j.fits(w) || slices.Contains(j.leftOut, w.platform) {
		return
	}
	j.leftOut = append(j.leftOut, w.platform)
	s.emit(model.Note{Kind: model.NoteExcluded, Job: j.id, Worker: w.id, Text: fmt.Sprintf(
		"workers of %s get no tasks of the job: its program is for %s", named(w.platform), j.platforms())})
}

// named is a platform for people: a worker may not have said it.
func named(p plan.Platform) string {
	if p == "" {
		return "an unknown platform"
	}
	return string(p)
}
