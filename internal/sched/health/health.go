// Package health decides from messages and time whether a worker can be relied
// on: its lease, suspicion, probes, loss and quarantine (R28, R30, R31, R35).
//
// A State is a plain value without clock or identity. All it says concerns time
// only: it may be wrong at any moment without a wrong row, since what a worker
// sends after it was given up is refused by fences.
package health

import (
	"cmp"
	"math"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// State is what is known of one worker's health. Use New.
type State struct {
	is        model.WorkerState
	doubted   model.Instant // since when it is suspect
	stream    bool
	downAt    model.Instant // of the stream
	leaseEnd  model.Instant
	heard     model.Instant // last renewal
	sentAt    model.Instant // and its own time
	due       model.Instant // of the timer that is set
	asked     bool
	askNo     uint64
	answered  model.Instant // last probe that this process answered
	score     float64       // of flapping
	scoreAt   model.Instant
	outUntil  model.Instant // quarantine
	probation int
}

// Verdict is what is due for a worker.
type Verdict uint8

// The verdicts.
const (
	Nothing Verdict = iota
	Ask             // it is suspect: ask whether its process is there
	Doubt           // it becomes suspect
	Readmit         // its quarantine ended
	Silent          // it is lost: its lease ended
	Dead            // it is lost: its stream is down, and nobody answers
)

// tried is how many successes end a probation.
const tried = 3

// New returns the State of a worker that is not there.
func New() State { return State{is: model.WorkerLost} }

// Journalled returns the State of a worker that a journal names: not trusted
// until it attaches.
func Journalled() State { return State{is: model.WorkerSuspect} }

// Is returns where the worker is.
func (h *State) Is() model.WorkerState { return h.is }

// Asked reports whether a probe waits for its answer.
func (h *State) Asked() bool { return h.asked }

// OnProbation reports whether the worker gets one attempt at a time.
func (h *State) OnProbation() bool { return h.probation > 0 }

// Succeeded counts a success of the worker's towards the end of its probation.
func (h *State) Succeeded() { h.probation = max(h.probation-1, 0) }

// Prove ends a probation.
func (h *State) Prove() { h.probation = 0 }

// Left returns how much of the lease is left.
func (h *State) Left(now model.Instant) time.Duration { return h.leaseEnd.Sub(now) }

// OutUntil returns when the worker's quarantine ends.
func (h *State) OutUntil() model.Instant { return h.outUntil }

// DoubtedFor returns for how long a suspect has been one.
func (h *State) DoubtedFor(now model.Instant) time.Duration { return now.Sub(h.doubted) }

// Attached notes a new stream.
func (h *State) Attached(now model.Instant) {
	h.stream, h.asked = true, false
	h.heard, h.answered, h.sentAt = now, now, math.MinInt64
	h.Trust(now)
}

// Return lets a lost worker in again, one that keeps flapping after a quarantine
// that doubles with each loss (R35).
func (h *State) Return(c *model.Config, now model.Instant) {
	score := h.flapping(c, now)
	if score <= 1 {
		h.is = model.WorkerLive
		return
	}
	wait := time.Duration(float64(c.FlapWait) * math.Exp2(min(score, 20)-1))
	h.is, h.outUntil = model.WorkerQuarantined, now.Add(min(wait, c.FlapMax))
}

// Admit ends a quarantine; the worker has to prove itself.
func (h *State) Admit(now model.Instant) {
	h.is, h.outUntil, h.probation = model.WorkerLive, min(h.outUntil, now), tried
}

// flapping returns the score of losses, which halves with time.
func (h *State) flapping(c *model.Config, now model.Instant) float64 {
	if h.score == 0 || c.FlapHalf == 0 {
		return 0
	}
	return h.score * math.Exp2(-float64(now.Sub(h.scoreAt))/float64(c.FlapHalf))
}

// Renewed takes in a renewal, unless an older one overtook it.
func (h *State) Renewed(now, sentAt model.Instant) bool {
	if h.is == model.WorkerLost || sentAt <= h.sentAt {
		return false
	}
	h.sentAt, h.heard, h.stream = sentAt, now, true
	return true
}

// Extend extends the lease, counted from now. It reports whether too little was
// left of it to launch anything.
func (h *State) Extend(c *model.Config, now model.Instant) (short bool) {
	short = h.Left(now) < c.LeaseMargin
	h.leaseEnd = now.Add(c.Lease)
	return short
}

// StreamDown notes the end of the stream. It reports whether that is news.
func (h *State) StreamDown(now model.Instant) bool {
	if h.is == model.WorkerLost || !h.stream {
		return false
	}
	h.stream, h.downAt = false, now
	return true
}

// Late reports whether one renewal is missing.
func (h *State) Late(c *model.Config, now model.Instant) bool {
	return now >= h.heard.Add(c.Renew+c.Renew/4)
}

// silentAt is when two renewals are missing.
func (h *State) silentAt(c *model.Config) model.Instant {
	return h.heard.Add(2*c.Renew + c.Renew/4)
}

// Suspect begins a suspicion, and reports whether that is news (R30).
func (h *State) Suspect(now model.Instant) bool {
	if h.is != model.WorkerLive && h.is != model.WorkerQuarantined {
		return false
	}
	h.is, h.doubted = model.WorkerSuspect, now
	return true
}

// Trust ends a suspicion.
func (h *State) Trust(now model.Instant) {
	if h.is != model.WorkerSuspect {
		return
	}
	h.is = model.WorkerLive
	if now < h.outUntil {
		h.is = model.WorkerQuarantined
	}
}

// Lose gives the worker up. A loss that counts makes its next return harder.
func (h *State) Lose(c *model.Config, now model.Instant, counts bool) {
	h.is = model.WorkerLost
	h.stream, h.asked, h.probation, h.due = false, false, 0, 0
	if counts {
		h.score, h.scoreAt = h.flapping(c, now)+1, now
	}
}

// Probed notes that the worker was asked for, by number.
func (h *State) Probed(no uint64) { h.asked, h.askNo = true, no }

// Answer takes in the answer to a probe, and reports whether it is the one that
// is waited for.
func (h *State) Answer(now model.Instant, no uint64, same bool) bool {
	if h.is == model.WorkerLost || !h.asked || h.askNo != no {
		return false
	}
	h.asked = false
	if same {
		h.answered = now
	}
	return true
}

// Look says what is due now, and why. A worker is mute if it leaves a Launch
// unanswered for too long (R28).
func (h *State) Look(c *model.Config, now model.Instant, mute bool) (Verdict, string) {
	switch {
	case h.is == model.WorkerLost:
		return Nothing, ""
	case now >= h.leaseEnd:
		return Silent, "its lease ended"
	case h.is == model.WorkerSuspect:
		if !h.stream && now >= max(h.downAt, h.answered).Add(c.ProbeWait) {
			return Dead, "its stream is down and nobody answers"
		}
		return Ask, ""
	case now >= h.silentAt(c):
		return Doubt, "two renewals are missing"
	case mute:
		return Doubt, "it does not start what is launched"
	case h.is == model.WorkerQuarantined && now >= h.outUntil:
		return Readmit, ""
	}
	return Nothing, ""
}

// Due reports whether a timer for now is the one that was set last, and forgets
// it.
func (h *State) Due(now model.Instant) bool {
	if h.is == model.WorkerLost || h.due == 0 || now < h.due {
		return false
	}
	h.due = 0
	return true
}

// Arm returns when to look next, if there is no timer yet that is as early. It
// may be too early: a renewed lease costs no new timer.
func (h *State) Arm(c *model.Config, now model.Instant, unstarted bool) (model.Instant, bool) {
	at := h.next(c, now, unstarted)
	if c.Lease == 0 || h.due != 0 && h.due <= at {
		return 0, false
	}
	h.due = at
	return at, true
}

func (h *State) next(c *model.Config, now model.Instant, unstarted bool) model.Instant {
	at := h.leaseEnd
	switch h.is {
	case model.WorkerSuspect:
		at = min(at, now.Add(c.ProbeEvery))
	case model.WorkerQuarantined:
		at = min(at, h.silentAt(c), max(h.outUntil, now+1))
	default:
		at = min(at, h.silentAt(c))
	}
	if unstarted && c.StartWait > 0 {
		at = min(at, now.Add(c.StartWait))
	}
	return max(at, now+1)
}

// Resume gives a worker of an earlier master time to come back: a lease from now
// on, and no judgement before hold.
func (h *State) Resume(c *model.Config, now, hold model.Instant) {
	h.heard, h.answered, h.downAt, h.doubted = now, hold, hold, now
	h.leaseEnd = now.Add(cmp.Or(c.Lease, time.Hour))
}
