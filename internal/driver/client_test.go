package driver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ends is a link to an engine whose answers are the test's.
type ends struct {
	t      *testing.T
	client *Client
	begun  func(work.Submission) error
	log    []string
}

func (e *ends) Begin(s work.Submission) error {
	if e.begun != nil {
		return e.begun(s)
	}
	return nil
}

func (e *ends) Cancel(id plan.ActionID, cause error) {
	e.client.End(plan.ActionStatus{ID: id, State: plan.ActionCancelled}, nil, fmt.Errorf("told: %w", cause))
	e.client.Quiet(id.N)
}

func (e *ends) Taken(_ plan.ActionID, gen model.Gen, partition int) {
	e.log = append(e.log, fmt.Sprintf("taken %d.%d", gen, partition))
}
func (e *ends) Abandon(plan.ActionID)   { e.log = append(e.log, "abandon") }
func (e *ends) Forget(id plan.ActionID) { e.log = append(e.log, fmt.Sprint("forget ", id.N)) }

func newEnds(t *testing.T) *ends {
	e := &ends{t: t}
	e.client = New(Options{Job: "j", Link: e})
	t.Cleanup(e.client.Close)
	return e
}

func encoded(t *testing.T, output bool) []byte {
	t.Helper()
	p := &plan.Plan{Action: "Collect", Site: plan.Site{File: "main.go", Line: 14}, Target: "r", Stages: []plan.Stage{{Key: "r", Kind: plan.ResultStage}}}
	if output {
		p.Output, p.Stages[0].Sink.Staged = &plan.Output{Path: "x"}, true
	}
	b, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Values come in order, once, and anew after a reset.
func TestValues(t *testing.T) {
	e := newEnds(t)
	e.begun = func(s work.Submission) error {
		go func() {
			c := e.client
			for _, p := range []int{2, 0, 2, 0} {
				c.Result(1, 0, p, Inline([]byte{byte(p)}))
			}
			c.Result(1, 1, 1, Inline([]byte{11})) // of a new generation
			c.Reset(1, 1)
			for _, p := range []int{0, 2} {
				c.Result(1, 1, p, Inline([]byte{10 + byte(p)}))
			}
			c.End(plan.ActionStatus{ID: s.ID, State: plan.ActionDone, Partitions: 3}, nil, nil)
			c.Quiet(1)
		}()
		return nil
	}
	got := ""
	_, err := e.client.Do(t.Context(), encoded(t, false), Action{Ahead: 1, Reset: func() { got = "" }, Result: func(p int, v Value) error {
		b, err := v.Bytes()
		got += fmt.Sprintf("%d %d ", p, b)
		return err
	}})
	if want := "0 [10] 1 [11] 2 [12] "; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if n := len(e.log); n < 4 || e.log[n-1] != "forget 1" || e.log[n-2] != "taken 1.2" {
		t.Errorf("the engine heard %q", e.log)
	}
}

// An action that is said to be done, and whose values have not all come, has failed.
func TestMissingValues(t *testing.T) {
	e := newEnds(t)
	e.begun = func(s work.Submission) error {
		go func() {
			for _, p := range []int{0, 2} {
				e.client.Result(1, 0, p, Inline(nil))
			}
			e.client.End(plan.ActionStatus{ID: s.ID, State: plan.ActionDone, Partitions: 3}, nil, nil)
			e.client.Quiet(1)
		}()
		return nil
	}
	s, err := e.client.Do(t.Context(), encoded(t, false), Action{Result: func(int, Value) error { return nil }})
	if err == nil || !strings.Contains(err.Error(), "1 of 3 results came") || s.State != plan.ActionFailed {
		t.Errorf("%v, %v", s.State, err)
	}
}

func TestHowActionsEnd(t *testing.T) {
	mine, theirs := errors.New("mine"), errors.New("theirs")
	for _, c := range []struct {
		name   string
		asked  error
		output bool
		state  plan.ActionState
		err    error
		want   plan.ActionState
		text   string
	}{
		{"done", nil, false, plan.ActionDone, nil, plan.ActionDone, "<nil>"},
		{"failed", nil, false, plan.ActionFailed, theirs, plan.ActionFailed, "theirs"},
		{"done, but asked to end", mine, false, plan.ActionDone, nil, plan.ActionFailed, "mine"},
		{"output is there, but asked to end", mine, true, plan.ActionDone, nil, plan.ActionDone, "<nil>"},
		{"cancelled as asked", mine, true, plan.ActionCancelled, theirs, plan.ActionFailed, "mine"},
		{"failed before it was asked", mine, true, plan.ActionFailed, theirs, plan.ActionFailed, "theirs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnds(t)
			a, err := e.client.newAction(encoded(t, c.output), Action{})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.client.begin(a); err != nil {
				t.Fatal(err)
			}
			a.cause, a.as = c.asked, plan.ActionFailed
			e.client.End(plan.ActionStatus{ID: a.id, State: c.state}, nil, c.err)
			e.client.leave(a)
			if a.final.State != c.want || fmt.Sprint(a.err) != c.text || a.err != nil && a.final.Error != c.text {
				t.Errorf("got %+v, %v; want %s, %s", a.final, a.err, c.want, c.text)
			}
		})
	}
}

func TestNothingBegins(t *testing.T) {
	e := newEnds(t)
	enc := encoded(t, false)
	e.begun = func(work.Submission) error { return errors.New("no link") }
	want := func(text string) {
		t.Helper()
		if _, err := e.client.Do(context.Background(), enc, Action{}); err == nil || err.Error() != "Collect (main.go:14): "+text {
			t.Errorf("got %v, want %s", err, text)
		}
	}
	want("no link")
	e.client.JobEnd(errors.New("somebody said so"))
	want("somebody said so")
	e.client.Close()
	want(ErrClosed.Error())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.client.Do(ctx, enc, Action{}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v: that it is closed says more than that the context ended", err)
	}
	if _, err := e.client.Do(context.Background(), []byte("x"), Action{}); err == nil {
		t.Error("bytes that are no plan")
	}
	// Nobody knows these.
	e.client.Result(9, 0, 0, Inline(nil))
	e.client.Reset(9, 1)
	e.client.End(plan.ActionStatus{ID: plan.ActionID{N: 9}}, nil, nil)
	e.client.Quiet(9)
}
