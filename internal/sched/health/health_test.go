package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/internal/sched/model"
)

func config() *model.Config {
	c := model.Defaults("c", 1)
	return &c
}

const start = model.Instant(time.Hour)

// fresh is a worker that just attached.
func fresh(c *model.Config) State {
	h := New()
	h.Attached(start)
	h.Return(c, start)
	h.Extend(c, start)
	return h
}

func TestANewWorkerIsTrusted(t *testing.T) {
	c := config()
	if h := New(); h.Is() != model.WorkerLost {
		t.Fatalf("nobody is %s", h.Is())
	}
	h := fresh(c)
	if h.Is() != model.WorkerLive || h.OnProbation() || h.Left(start) != c.Lease {
		t.Fatalf("%s, %v left", h.Is(), h.Left(start))
	}
	if v, _ := h.Look(c, start, false); v != Nothing {
		t.Errorf("due: %v", v)
	}
}

func TestR28RenewalsInOrderOnly(t *testing.T) {
	h := fresh(config())
	for _, x := range []struct {
		sent model.Instant
		ok   bool
	}{{5, true}, {5, false}, {4, false}, {6, true}, {-9, false}} {
		if got := h.Renewed(start, x.sent); got != x.ok {
			t.Errorf("renewal of %d: %v", x.sent, got)
		}
	}
	h.Attached(start) // a new stream counts from its own start
	if !h.Renewed(start, -9) {
		t.Error("the first renewal of a new stream is refused")
	}
	h.Lose(config(), start, true)
	if h.Renewed(start, 99) {
		t.Error("a lost worker renews")
	}
}

func TestR28ShortLease(t *testing.T) {
	c := config()
	h := fresh(c)
	if h.Extend(c, start) {
		t.Error("a fresh lease is short")
	}
	if late := start.Add(c.Lease - c.LeaseMargin + 1); !h.Extend(c, late) {
		t.Error("nearly nothing was left")
	}
}

func TestR30WhatMakesSuspect(t *testing.T) {
	c := config()
	silent := start.Add(2*c.Renew + c.Renew/4)
	for _, x := range []struct {
		name string
		at   model.Instant
		mute bool
		want Verdict
	}{
		{"nothing", start.Add(c.Renew), false, Nothing},
		{"nearly two renewals", silent - 1, false, Nothing},
		{"two renewals", silent, false, Doubt},
		{"mute", start.Add(c.Renew), true, Doubt},
		{"lease", start.Add(c.Lease), false, Silent},
	} {
		h := fresh(c)
		if got, why := h.Look(c, x.at, x.mute); got != x.want || (why == "") != (got == Nothing) {
			t.Errorf("%s: %v %q, want %v", x.name, got, why, x.want)
		}
	}
	h := fresh(c)
	if h.Late(c, start.Add(c.Renew)) || !h.Late(c, start.Add(c.Renew+c.Renew/4)) {
		t.Error("one renewal missing is not seen, or too early")
	}
}

func TestR30SuspicionEnds(t *testing.T) {
	c := config()
	h := fresh(c)
	if !h.Suspect(start) || h.Suspect(start) {
		t.Fatal("a suspicion begins once")
	}
	if v, _ := h.Look(c, start.Add(time.Second), false); v != Ask {
		t.Errorf("a suspect is not asked for: %v", v)
	}
	if d := h.DoubtedFor(start.Add(time.Second)); d != time.Second {
		t.Errorf("doubted for %v", d)
	}
	h.Trust(start)
	if h.Is() != model.WorkerLive {
		t.Errorf("trusted: %s", h.Is())
	}
	h.Suspect(start)
	h.Attached(start)
	if h.Is() != model.WorkerLive {
		t.Errorf("attached again: %s", h.Is())
	}
	h.Lose(c, start, true)
	h.Trust(start)
	if h.Is() != model.WorkerLost || h.Suspect(start) {
		t.Error("a lost worker is lost until it returns")
	}
}

func TestR31StreamDownAndNobodyAnswers(t *testing.T) {
	c := config()
	h := fresh(c)
	if !h.StreamDown(start) || h.StreamDown(start) {
		t.Fatal("the stream is down once")
	}
	h.Suspect(start)
	if v, _ := h.Look(c, start.Add(c.ProbeWait-1), false); v != Ask {
		t.Fatalf("too early: %v", v)
	}
	h.Probed(1)
	at := start.Add(c.ProbeWait - 1)
	if h.Answer(at, 2, true) || !h.Answer(at, 1, true) || h.Answer(at, 1, true) {
		t.Error("an answer counts once, and for its own question")
	}
	if v, _ := h.Look(c, start.Add(c.ProbeWait+1), false); v != Ask {
		t.Errorf("it answered a moment ago: %v", v)
	}
	if v, _ := h.Look(c, at.Add(c.ProbeWait), false); v != Dead {
		t.Errorf("nobody answers any more: %v", v)
	}
}

func TestR35QuarantineDoubles(t *testing.T) {
	c := config()
	h := fresh(c)
	want := time.Duration(0)
	for k := range 12 {
		h.Lose(c, start, true)
		h.Attached(start)
		h.Return(c, start)
		h.Extend(c, start)
		if k == 0 {
			if h.Is() != model.WorkerLive {
				t.Fatalf("the first return: %s", h.Is())
			}
			want = c.FlapWait
			continue
		}
		want = min(2*want, c.FlapMax)
		if h.Is() != model.WorkerQuarantined || h.OutUntil() != start.Add(want) {
			t.Fatalf("return %d: %s for %v, want %v", k+1, h.Is(), h.OutUntil().Sub(start), want)
		}
	}
	if v, _ := h.Look(c, start.Add(want-1), false); v == Readmit {
		t.Error("readmitted too early")
	}
	h.Renewed(start.Add(want), 1)
	h.Extend(c, start.Add(want))
	if v, _ := h.Look(c, start.Add(want), false); v != Readmit {
		t.Errorf("not readmitted: %v", v)
	}
	h.Admit(start.Add(want))
	for k := range tried {
		if !h.OnProbation() {
			t.Fatalf("off probation after %d successes", k)
		}
		h.Succeeded()
	}
	if h.OnProbation() {
		t.Error("on probation for ever")
	}
	h.Admit(start.Add(want))
	if h.Prove(); h.OnProbation() {
		t.Error("proved, and on probation")
	}
}

func TestR35ScoreHalves(t *testing.T) {
	c := config()
	h := fresh(c)
	now := start
	for range 20 { // losses that lie far apart never add up
		h.Lose(c, now, true)
		now = now.Add(4 * c.FlapHalf)
		h.Attached(now)
		h.Return(c, now)
		if h.Is() != model.WorkerLive {
			t.Fatalf("after %v: %s", now.Sub(start), h.Is())
		}
	}
	h.Lose(c, now, false) // it said so
	h.Lose(c, now, false)
	if got := h.flapping(c, now); got > 0.2 {
		t.Errorf("a farewell counts as flapping: %v", got)
	}
}

func TestSuspicionKeepsTheQuarantine(t *testing.T) {
	c := config()
	h := fresh(c)
	for range 3 {
		h.Lose(c, start, true)
	}
	h.Attached(start)
	h.Return(c, start)
	if h.Is() != model.WorkerQuarantined {
		t.Fatalf("%s", h.Is())
	}
	h.Suspect(start)
	h.Trust(start)
	if h.Is() != model.WorkerQuarantined {
		t.Errorf("a suspicion ends the quarantine: %s", h.Is())
	}
}

func TestResumeAfterARestart(t *testing.T) {
	c := config()
	h := Journalled()
	hold := start.Add(2 * time.Second)
	h.Resume(c, start, hold)
	for _, at := range []model.Instant{start, hold, hold.Add(c.ProbeWait - 1)} {
		if v, _ := h.Look(c, at, false); v != Ask {
			t.Errorf("%v after the start: %v", at.Sub(start), v)
		}
	}
	if v, _ := h.Look(c, start.Add(c.Lease), false); v != Silent {
		t.Errorf("it never came: %v", v)
	}
}

func TestTimersAreNotSetTwice(t *testing.T) {
	c := config()
	h := fresh(c)
	at, ok := h.Arm(c, start, false)
	if !ok || at <= start || at > start.Add(c.Lease) {
		t.Fatalf("first timer %v, %v", at, ok)
	}
	if _, again := h.Arm(c, start, false); again {
		t.Error("a second timer for the same")
	}
	if h.Due(at - 1) {
		t.Error("due too early")
	}
	if !h.Due(at) || h.Due(at) {
		t.Error("due once")
	}
	if early, ok := h.Arm(c, start, true); !ok || early > start.Add(c.StartWait) {
		t.Errorf("an unanswered launch is not looked after: %v, %v", early, ok)
	}
	embedded := model.Embedded()
	if _, ok := h.Arm(&embedded, start, true); ok {
		t.Error("a lease without an end has a timer")
	}
}

// Whatever happens, a worker that falls silent is lost by the end of its lease,
// and there is always a timer that will see it (I24).
func TestSilenceAlwaysEndsInALoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config()
		h, now, sent := fresh(c), start, model.Instant(0)
		h.Arm(c, now, false)
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0, 1:
				if sent++; h.Renewed(now, sent) {
					h.Extend(c, now)
					h.Trust(now)
				}
			case 2:
				h.StreamDown(now)
				h.Suspect(now)
			case 3:
				h.Suspect(now)
			case 4:
				h.Probed(1)
				h.Answer(now, 1, rapid.Bool().Draw(t, "same"))
			case 5:
				h.Lose(c, now, true)
				h.Attached(now)
				h.Return(c, now)
				h.Extend(c, now)
			}
			h.Arm(c, now, false)
		}
		end := now.Add(c.Lease)
		for k := 0; h.Is() != model.WorkerLost; k++ {
			if now > end || k > 1000 {
				t.Fatalf("silent and %s %v after the last sign", h.Is(), now.Sub(end)+c.Lease)
			}
			if h.due == 0 {
				t.Fatal("nobody looks")
			}
			now = max(now, h.due)
			h.Due(now)
			switch v, _ := h.Look(c, now, false); v {
			case Silent, Dead:
				h.Lose(c, now, true)
			case Doubt:
				h.Suspect(now)
			case Readmit:
				h.Admit(now)
			}
			h.Arm(c, now, false)
		}
	})
}
