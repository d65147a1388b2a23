package sched

import (
	"fmt"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// staged describes the winner of partition i of a Files sink. The first accepted
// report was the grant (R53), so there is nothing to ask.
func (s *Scheduler) staged(st *stage, i int, w *worker) model.StagedFile {
	o := st.outs.At(i)
	f := model.StagedFile{Partition: i, Attempt: st.attemptID(i), File: o.Where, Output: o.Data, Rows: o.Rows, Bytes: o.Bytes, Sum: o.Sum}
	if w != nil {
		f.Worker = w.id
	}
	return f
}

// intend is R54, the point of no return: from here on the action can only
// publish this manifest. Its inputs are not needed any more.
func (s *Scheduler) intend(a *action) {
	a.state = model.ActionPublishing
	m := model.Manifest{Action: a.id, Sink: a.sink, Gen: a.target.gen}
	for k := range a.want {
		m.Files = append(m.Files, s.staged(a.target, a.partition(k), nil))
	}
	a.manifest = m
	s.record(model.CommitIntent{Manifest: m}, true)
	s.emit(model.Publish{Manifest: m})
}

func (s *Scheduler) publishing(id plan.ActionID) *action {
	if j := s.jobs[id.Job]; j != nil {
		if a := j.action(id.N); a != nil && a.state == model.ActionPublishing {
			return a
		}
	}
	return nil
}

func (s *Scheduler) published(ev model.Published) {
	if a := s.publishing(ev.Action); a != nil {
		s.record(model.Committed{Action: a.id}, true)
		s.endAction(a, model.ActionDone, nil)
	}
}

// publishFailed is R56: everything can be repeated, so it is, for a while.
func (s *Scheduler) publishFailed(ev model.PublishFailed) {
	a := s.publishing(ev.Action)
	if a == nil {
		return
	}
	if a.tries++; a.tries < s.cfg.PublishTries {
		s.after(s.now.Add(s.publishWait(a.tries)), timer{kind: timerPublish, act: a})
		return
	}
	seen := "nothing of it is visible"
	if ev.Visible {
		seen = "a part of it is visible"
	}
	s.endAction(a, model.ActionFailed, &model.Cause{Kind: model.CausePublish, Site: a.site, Detail: ev.Err.Detail,
		Message: fmt.Sprintf("publish %s: %s; %s", a.sink.Path, ev.Err.Message, seen)})
}

// publishWait doubles so that all tries fill the window.
func (s *Scheduler) publishWait(try int) time.Duration {
	return s.cfg.PublishWindow >> max(s.cfg.PublishTries-try, 0)
}

func (s *Scheduler) publishAgain(a *action) {
	if a.state == model.ActionPublishing {
		s.emit(model.Publish{Manifest: a.manifest})
	}
}

func (s *Scheduler) collected(ev model.Collected) {
	if ev.Err == nil {
		s.record(model.CollectedRecord{Action: ev.Action}, false)
	}
}
