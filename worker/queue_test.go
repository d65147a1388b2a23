package worker

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// TestR16AtTheWorker has more attempts than slots, and takes some back.
func TestR16AtTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, x, st, plain, effects := busy(t)
		var q []model.AttemptID
		for seq := range uint64(4) {
			q = append(q, st.run(plan.StageKey('a'+rune(seq)), 3+seq, plan.Sink{}))
		}
		st.silent()
		killed := func(want model.AttemptID) {
			t.Helper()
			if got := next[model.TaskFailed](st); got.Attempt != want || got.Class != model.Killed {
				t.Errorf("got %+v, want %v killed", got, want)
			}
			st.silent()
		}
		st.send(model.Recall{Attempts: []model.AttemptID{plain, q[1], {Term: 9}}}) // the first has begun, the last was never here
		killed(q[1])
		st.send(model.Recall{Attempts: []model.AttemptID{q[1]}})
		st.silent()
		st.send(model.Kill{Attempt: q[2]})
		killed(q[2])

		x.end("plain") <- &plan.Result{}
		if got := next[model.TaskDone](st); got.Attempt != plain {
			t.Errorf("got %+v", got)
		}
		if got := next[model.TaskStarted](st); got.Attempt != q[0] {
			t.Errorf("got %+v, want the one that waited longest, %v", got, q[0])
		}
		st.close()
		time.Sleep(200 * time.Millisecond)
		again := f.stream()
		inv := again.attach.Inventory
		if !slices.Equal(inv.Queued, q[3:]) || len(inv.Running) != 2 || !slices.Contains(inv.Running, q[0]) || !slices.Contains(inv.Running, effects) {
			t.Errorf("runs %v, queued %v; want %v and %v, then %v", inv.Running, inv.Queued, effects, q[0], q[3])
		}
		if len(inv.Failed) != 2 || len(inv.Done) != 1 {
			t.Errorf("%d failed, %d done: the master has answered none", len(inv.Failed), len(inv.Done))
		}
	})
}

// TestQueuedAttemptsOfADeadExecutor leaves nothing behind. A slot may take one up
// before the end of the process is known; it is not among those who ran then.
func TestQueuedAttemptsOfADeadExecutor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, x, st, _, _ := busy(t)
		st.run("q", 3, plan.Sink{})
		x.Kill()
		for synctest.Wait(); len(st.came) > 0; synctest.Wait() {
			if f, ok := (<-st.came).(model.TaskFailed); ok && (f.Class != model.Infra || f.Attempt.Seq != 3) {
				t.Errorf("the worker says %+v", f)
			}
		}
		w.call(func() {
			if inv := w.inventory().Inventory; len(inv.Running)+len(inv.Queued) > 0 {
				t.Errorf("runs %v, queued %v", inv.Running, inv.Queued)
			}
		})
		synctest.Wait()
	})
}

// TestUnsaid leaves out what the same frame makes old.
func TestUnsaid(t *testing.T) {
	a, b, c := model.AttemptID{Seq: 1}, model.AttemptID{Seq: 2}, model.AttemptID{Seq: 3}
	got := unsaid([]any{model.TaskStarted{Attempt: a}, model.TaskStarted{Attempt: b}, model.TaskDone{Attempt: a},
		model.TaskStarted{Attempt: c}, model.TaskFailed{Attempt: c}})
	if len(got) != 3 || got[0].(model.TaskStarted).Attempt != b {
		t.Errorf("got %+v", got)
	}
}

// TestPlansOutliveTheirJobs runs a plan for one job, and after its end for another:
// the same program with the same seed makes the same plan, which the master does not
// send twice.
func TestPlansOutliveTheirJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, x, st, _, _ := busy(t)
		x.end("plain") <- &plan.Result{}
		next[model.TaskDone](st)
		st.send(model.Drop{Job: "j", All: true}, msg.Job{ID: "k"}, model.StartExec{Job: "k", No: 1})
		next[model.ExecUp](st)
		_, l := st.launch("k", "plain", 7, plan.Sink{})
		st.send(l)
		if got := next[model.TaskStarted](st); got.Attempt.Seq != 7 {
			t.Errorf("got %+v", got)
		}
	})
}
