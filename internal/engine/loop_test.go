package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

type event = model.Event

// script is a machine that answers events by their names, and effects that
// write down what they get.
type script struct {
	answers map[string][]model.Command
	due     model.Instant
	log     []string
	broken  error // of the journal
	loop    *loop
}

func eventName(ev model.Event) string {
	switch ev := ev.(type) {
	case model.Published:
		return fmt.Sprint("published ", ev.Action.N)
	case model.JournalFailed:
		return "journal failed: " + ev.Err.Message
	default:
		return fmt.Sprintf("%T", ev)
	}
}

func (s *script) Step(now model.Instant, ev model.Event) []model.Command {
	name := eventName(ev)
	s.log = append(s.log, name)
	if s.due != 0 && now >= s.due {
		s.due = 0
	}
	return s.answers[name]
}

func (s *script) Next() (model.Instant, bool) { return s.due, s.due != 0 }

func (s *script) Journal(recs []model.Append) (durable bool, err error) {
	s.log = append(s.log, fmt.Sprint("journal: ", len(recs)))
	for _, r := range recs {
		durable = durable || r.Sync
	}
	return durable, s.broken
}

func (s *script) Worker(id plan.WorkerID, cmds []model.Command) {
	s.log = append(s.log, fmt.Sprintf("worker %s: %d", id, len(cmds)))
}

func (s *script) Driver(id plan.JobID, cmds []model.Command) {
	s.log = append(s.log, fmt.Sprintf("driver %s: %d", id, len(cmds)))
}

func (s *script) Engine(c model.Command) {
	s.log = append(s.log, fmt.Sprintf("engine %T", c))
	if p, ok := c.(model.Probe); ok {
		s.loop.reply(published(int(p.No)))
	}
}

func published(n int) model.Published { return model.Published{Action: plan.ActionID{N: n}} }

func newScript(answers map[string][]model.Command) *script {
	s := &script{answers: answers}
	s.loop = newLoop(s, s)
	return s
}

func TestTurn(t *testing.T) {
	to := func(w plan.WorkerID) model.Receiver { return model.Receiver{Worker: w} }
	s := newScript(map[string][]model.Command{
		"published 1": {model.Kill{Receiver: to("a")}, model.ActionEnd{Action: plan.ActionID{Job: "j"}}, model.Append{}},
		"published 2": {model.Kill{Receiver: to("b")}, model.Append{Sync: true}, model.Probe{No: 3}},
		"published 3": {model.Kill{Receiver: to("a")}, model.Result{Action: plan.ActionID{Job: "j"}}, model.Kill{Receiver: to("a")}},
	})
	s.loop.put(message{events: []model.Event{published(2)}})
	s.loop.turn(message{events: []model.Event{published(1)}})
	want := []string{"published 1", "published 2", "journal: 2", "engine model.Probe", "worker a: 1", "worker b: 1", "driver j: 1",
		"published 3", "worker a: 2", "driver j: 1"}
	if !slices.Equal(s.log, want) {
		t.Errorf("got  %q\nwant %q", s.log, want)
	}
}

// What a turn wants is not done when its records cannot be kept.
func TestJournalFailure(t *testing.T) {
	s := newScript(map[string][]model.Command{
		"published 1": {model.Kill{}, model.Append{}, model.Append{Sync: true}, model.ActionEnd{}},
	})
	s.broken = errors.New("disk full")
	s.loop.turn(message{events: []model.Event{published(1)}})
	want := []string{"published 1", "journal: 2", "journal failed: disk full"}
	if !slices.Equal(s.log, want) {
		t.Errorf("got %q, want %q", s.log, want)
	}
}

// A worker may forget what it reported only when the record of it is on the disk;
// all else goes on meanwhile.
func TestAcksWaitForTheDisk(t *testing.T) {
	ack := func(w plan.WorkerID, keep bool) model.Ack {
		return model.Ack{Receiver: model.Receiver{Worker: w}, Keep: keep}
	}
	s := newScript(map[string][]model.Command{
		"published 1": {model.Append{}, ack("a", true), model.Kill{Receiver: model.Receiver{Worker: "a"}}},
		"published 2": {model.Append{}, ack("b", true), ack("b", false)},
		"published 3": {ack("c", true)},
		"published 4": {model.Append{Sync: true}, ack("d", true)},
	})
	durable := func(n uint64) {
		s.loop.turn(message{call: func() model.Event { s.loop.durable = n; return nil }})
	}
	steps := []struct {
		do   func()
		want []string
	}{
		{func() { s.loop.turn(message{events: []model.Event{published(1)}}) }, []string{"published 1", "journal: 1", "worker a: 1"}},
		{func() { s.loop.turn(message{events: []model.Event{published(2)}}) }, []string{"published 2", "journal: 1", "worker b: 1"}},
		{func() { durable(1) }, []string{"worker a: 1"}},
		{func() { s.loop.turn(message{events: []model.Event{published(3)}}) }, []string{"published 3"}},
		{func() { durable(2) }, []string{"worker b: 1", "worker c: 1"}},
		{func() { s.loop.turn(message{events: []model.Event{published(1)}}) }, []string{"published 1", "journal: 1", "worker a: 1"}},
		{func() { s.loop.turn(message{events: []model.Event{published(4)}}) }, []string{"published 4", "journal: 1", "worker d: 1", "worker a: 1"}},
		{func() { s.loop.turn(message{events: []model.Event{published(3)}}) }, []string{"published 3", "worker c: 1"}},
	}
	for i, st := range steps {
		s.log = nil
		if st.do(); !slices.Equal(s.log, st.want) {
			t.Errorf("step %d: got %q, want %q", i, s.log, st.want)
		}
	}
}

func TestTurnIsBounded(t *testing.T) {
	s := newScript(nil)
	for range batch {
		s.loop.put(message{events: []model.Event{published(2)}})
	}
	s.loop.turn(message{events: []model.Event{published(1)}})
	if len(s.log) != batch {
		t.Errorf("%d events in one turn, want %d", len(s.log), batch)
	}
}

func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(nil)
		idle := model.Instant(0)
		s.loop.idle = func(now model.Instant) (model.Instant, bool) { return idle, idle > now }
		go s.loop.run()
		synctest.Wait()
		s.log = nil
		s.due = s.loop.now().Add(time.Hour)
		s.loop.put(message{events: []model.Event{published(1)}})
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []string{"published 1", "model.Tick"}
		if !slices.Equal(s.log, want) {
			t.Errorf("got %q, want %q: one tick when it is due", s.log, want)
		}
		s.log, idle = nil, s.loop.now().Add(time.Minute)
		s.loop.put(message{events: []model.Event{published(1)}})
		time.Sleep(time.Hour)
		synctest.Wait()
		if !slices.Equal(s.log, want) {
			t.Errorf("got %q, want %q: a tick for who watches", s.log, want)
		}
		close(s.loop.quit)
		<-s.loop.done
		s.loop.put(message{events: []model.Event{published(1)}}) // goes nowhere, and does not wait
	})
}

func TestGroupsKeepOrderAndRoom(t *testing.T) {
	var g groups[string]
	for round := range 3 {
		for i, k := range []string{"b", "a", "b", "c"} {
			g.add(k, model.Notice{Text: fmt.Sprint(round, i)})
		}
		var got []string
		g.each(func(k string, cmds []model.Command) {
			for _, c := range cmds {
				got = append(got, k+c.(model.Notice).Text)
			}
		})
		want := []string{}
		for _, k := range []string{"b0", "b2", "a1", "c3"} {
			want = append(want, fmt.Sprintf("%c%d %c", k[0], round, k[1]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		g.clear()
	}
}
