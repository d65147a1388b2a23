package sched

import (
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// fetchReport is one reader's complaint about one output.
type fetchReport struct {
	st     *stage // of the output
	part   int
	key    attemptKey // that made it
	reader *stage
	at     int32         // the reader's worker
	began  model.Instant // when the attempt was launched that could not read
}

// verify is a question to an owner that waits for its answer.
type verify struct {
	owner   *worker
	about   fetchReport   // the first one
	reports []fetchReport // all about that output, of readers that are there
	done    bool
}

// ban keeps readers on one worker away from outputs on another (R46). If both are
// the same, others cannot read from it, and it shall make nothing for them.
type ban struct {
	reader, owner int32
	st            *stage // whose outputs could not be read
	since, until  model.Instant
}

// fetchFailed is R40 to R43. The task is not charged. Whether the output is lost
// is not the reader's to say: its owner is asked.
func (s *Scheduler) fetchFailed(a *attempt, ev *model.TaskFailed) {
	st, i := a.st, a.part
	t := &st.tasks[i]
	src := ev.Source
	if src == nil {
		s.charge(a, t.blame.Worker(&s.cfg, s.now, ev.Message), ev)
		return
	}
	if src.Block != nil {
		s.blockGone(a, *src.Block)
		return
	}
	t.blame.Fetch(&s.cfg, s.now)
	s.hold(st, i)
	up := st.job.shared[src.Key]
	if up == nil || src.Map < 0 || src.Map >= up.n || up.tasks[src.Map].state != model.TaskFinished ||
		up.attemptID(src.Map) != src.Attempt {
		return // R41: late news
	}
	holder, ok := up.outs.Owner(src.Map)
	if !ok {
		s.charge(a, t.blame.Worker(&s.cfg, s.now, ev.Message), ev)
		return
	}
	owner := s.workers[holder]
	r := fetchReport{st: up, part: src.Map, key: attemptKey{src.Attempt.Term, src.Attempt.Seq}, reader: st, at: int32(a.w.idx), began: a.launched}
	if src.Cause == model.FetchMissing || src.Cause == model.FetchCorrupt || s.cfg.Lease == 0 {
		s.verify(owner, r)
		return
	}
	owner.reports = append(owner.reports, r)
	if !owner.Asked() {
		s.probe(owner)
	}
}

// probedAlive goes on with the reports that waited for a probe: the process is
// there, so each output is looked at.
func (s *Scheduler) probedAlive(w *worker) {
	reports := w.reports
	w.reports = nil
	for _, r := range reports {
		s.verify(w, r)
	}
}

// current reports whether the output complained of is still the registered one, and
// where it was.
func (r *fetchReport) current(owner *worker) bool {
	return !r.st.dead && r.st.outs.Made(r.part, r.key.term, r.key.seq) && r.st.holder(r.part) == owner.idx
}

// pardon forgets what readers said of w and is not looked into yet. As it comes back,
// it tells what it has, and nobody could read from it while it was away: who still
// cannot says so again.
func (s *Scheduler) pardon(w *worker) {
	w.reports = nil
	s.verifies = slices.DeleteFunc(s.verifies, func(v *verify) bool {
		v.done = v.done || v.owner == w
		return v.done
	})
}

// forgetReports drops what was said by readers on a worker that is lost: whether they
// could read would say something of its network, which is not there any more.
func (s *Scheduler) forgetReports(w *worker) {
	lost := func(r fetchReport) bool { return r.at == int32(w.idx) }
	for _, o := range s.workers {
		o.reports = slices.DeleteFunc(o.reports, lost)
	}
	for _, v := range s.verifies {
		v.reports = slices.DeleteFunc(v.reports, lost)
	}
}

// verify asks an owner to look at an output; one answer serves all reports.
func (s *Scheduler) verify(owner *worker, r fetchReport) {
	if !r.current(owner) {
		return
	}
	for _, v := range s.verifies {
		if v.about.st == r.st && v.about.part == r.part && v.about.key == r.key {
			v.reports = append(v.reports, r)
			return
		}
	}
	v := &verify{owner: owner, about: r, reports: []fetchReport{r}}
	s.verifies = append(s.verifies, v)
	s.emit(model.Verify{Receiver: owner.to(), Output: r.st.attemptID(r.part)})
	s.after(s.now.Add(s.cfg.VerifyWait), timer{kind: timerVerify, v: v})
}

func (s *Scheduler) outputVerdict(ev model.OutputVerdict) {
	for _, v := range s.verifies {
		if v.about.key == (attemptKey{ev.Output.Term, ev.Output.Seq}) && v.owner.id == ev.Worker {
			s.verdict(v, ev.Verdict, "its owner does not have it, or has it damaged")
			return
		}
	}
}

// verifyDue takes silence for a loss.
func (s *Scheduler) verifyDue(v *verify) {
	if !v.done {
		s.verdict(v, model.OutputMissing, "its owner did not answer")
	}
}

func (s *Scheduler) verdict(v *verify, what model.Verdict, why string) {
	v.done = true
	s.verifies = slices.DeleteFunc(s.verifies, func(x *verify) bool { return x == v })
	r := v.about
	if !r.current(v.owner) {
		return
	}
	if what != model.OutputOK {
		s.avoid(r.st, r.part, v.owner)
		why = taskText(r.st, r.part) + " on " + string(v.owner.id) + ": " + why
		for _, reader := range s.takeAway(r.st, []int{r.part}, v.owner, why) {
			s.episode(reader, r.began, why)
		}
		return
	}
	for _, r := range v.reports {
		s.banEdge(r, v.owner)
	}
}

// banEdge is R46: the owner lives and has the output, so the way between is
// broken. Two readers on different hosts say that it is the owner's. Ways with an end
// in common are taken for one fault, which counts once, while they are banned: whoever
// is to blame, what was read there is read elsewhere now.
func (s *Scheduler) banEdge(r fetchReport, owner *worker) {
	if r.at == int32(owner.idx) || r.reader.dead {
		return
	}
	hosts, known := 1, false
	for _, b := range s.bans {
		if b.reader == b.owner {
			continue
		}
		if s.now < b.until && b.touches(r.at, int32(owner.idx)) {
			known = true
			if b.reader == r.at && b.owner == int32(owner.idx) {
				return
			}
		}
		if b.owner == int32(owner.idx) && b.st == r.st && s.now.Sub(b.since) < s.cfg.EdgeWindow && !s.sameHost(b.reader, r.at) {
			hosts++
		}
	}
	why := "worker " + string(s.workers[r.at].id) + " cannot read from " + string(owner.id)
	// Also when the outputs go: what replaces them may be made by the same owner.
	s.ban(r.at, owner, r.st)
	if hosts >= 2 {
		s.ban(int32(owner.idx), owner, r.st)
		s.takeAway(r.st, slices.Collect(r.st.outs.HeldBy(owner.idx)), owner, why+", nor can others")
	}
	if !known && owner.drain == nil { // one that is drained goes anyway (R39)
		s.episode(r.reader, r.began, why)
	}
}

func (b *ban) touches(x, y int32) bool {
	return b.reader == x || b.reader == y || b.owner == x || b.owner == y
}

func (s *Scheduler) ban(reader int32, owner *worker, st *stage) {
	s.bans = append(s.bans, ban{reader, int32(owner.idx), st, s.now, s.now.Add(s.cfg.EdgeBan)})
	s.after(s.now.Add(s.cfg.EdgeBan), timer{kind: timerBan})
}

func (s *Scheduler) sameHost(a, b int32) bool {
	x, y := s.workers[a], s.workers[b]
	return a == b || len(x.place.Hosts) > 0 && len(y.place.Hosts) > 0 && x.place.Hosts[0] == y.place.Hosts[0]
}

// banned reports whether w must not run tasks of st: it cannot reach what they
// read, or others would not reach what they make.
func (s *Scheduler) banned(st *stage, w *worker) bool {
	for _, b := range s.bans {
		if b.reader != int32(w.idx) || s.now >= b.until {
			continue
		}
		if b.reader == b.owner { // which always reads what it has
			if s.accused(st, w) && s.another(func(o *worker) bool { return st.job.fits(o) && !s.accused(st, o) }) {
				return true
			}
			continue
		}
		for _, e := range st.parents {
			if e.st.outs.Held(int(b.owner)) > 0 {
				return true
			}
		}
	}
	return false
}

// accused reports whether other workers of the job could not read from w what it made,
// so that it should not make what st makes for them.
func (s *Scheduler) accused(st *stage, w *worker) bool {
	return st.writes() && slices.ContainsFunc(s.bans, func(b ban) bool {
		return b.owner == int32(w.idx) && b.reader == b.owner && b.st.job == st.job && s.now < b.until
	})
}

// banDue lets banned edges be tried again.
func (s *Scheduler) banDue() {
	s.bans = slices.DeleteFunc(s.bans, func(b ban) bool { return s.now >= b.until })
	s.wakeAll()
}

// dropEdges forgets bans with a lost worker, and what would lead to some.
func (s *Scheduler) dropEdges(w *worker) {
	s.pardon(w)
	s.forgetReports(w)
	n := len(s.bans)
	s.bans = slices.DeleteFunc(s.bans, func(b ban) bool { return b.reader == int32(w.idx) || b.owner == int32(w.idx) })
	if len(s.bans) != n {
		s.wakeAll()
	}
}

// watchWork sees to it that a job that nobody can run does not wait for ever
// (R38).
func (s *Scheduler) watchWork(j *job) {
	if s.cfg.NoWorker > 0 && !j.submit.Detached {
		s.after(s.now.Add(s.cfg.NoWorker/10), timer{kind: timerNoWork, job: j})
	}
}

func (s *Scheduler) noWorkDue(j *job) {
	if j.state != model.JobRunning || len(j.actions) == 0 || j.running > 0 || !s.starved(j) {
		j.stuckAt = 0
		if j.state == model.JobRunning && len(j.actions) > 0 {
			s.watchWork(j)
		}
		return
	}
	if j.stuckAt == 0 {
		j.stuckAt = s.now
	}
	if s.now.Sub(j.stuckAt) >= s.cfg.NoWorker {
		message := cmpText("no worker could run a task for "+s.cfg.NoWorker.String(), s.unfit(j))
		for _, a := range slices.Clone(j.actions) {
			if a.state == model.ActionRunning {
				s.endAction(a, model.ActionFailed, &model.Cause{Kind: model.CauseNoWorker, Site: a.site, Message: message})
			}
		}
		return
	}
	s.watchWork(j)
}

// starved reports whether the job has pending tasks that no worker takes.
func (s *Scheduler) starved(j *job) bool {
	for _, st := range j.runnable {
		for _, w := range s.workers {
			if w.takes(s.now) && s.eligible(st, w) {
				return false
			}
		}
	}
	return len(j.runnable) > 0
}
