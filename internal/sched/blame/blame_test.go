package blame

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func config() *model.Config {
	c := model.Defaults("c", 1)
	return &c
}

func try(w plan.WorkerID, sig model.Signature) model.Try {
	return model.Try{Worker: w, Signature: sig, Message: "bad"}
}

func TestR21OwnFailuresAreLimited(t *testing.T) {
	for _, limit := range []int{1, 2, 4} {
		var b Task
		for k := 1; k <= limit; k++ {
			v := b.Own(config(), limit, try("a", model.Signature{}))
			if (v != nil) != (k == limit) || b.Failures() != k || len(b.Tries()) != k {
				t.Fatalf("limit %d: failure %d: %+v, %d tries", limit, k, v, len(b.Tries()))
			}
			if v != nil && (v.Kind != model.CauseTask || !strings.HasSuffix(v.Text, "bad")) {
				t.Errorf("limit %d: %+v", limit, v)
			}
		}
	}
}

func TestR22SameFailureElsewhere(t *testing.T) {
	row := model.Signature{Kind: "e", Hash: 1, Row: 7, HasRow: true}
	plain := model.Signature{Kind: "e", Hash: 1}
	other := model.Signature{Kind: "e", Hash: 2}
	for _, c := range []struct {
		name  string
		on    []plan.WorkerID
		sigs  []model.Signature
		fails bool
	}{
		{"a row, elsewhere", []plan.WorkerID{"a", "b"}, []model.Signature{row, row}, true},
		{"a row, on the same worker", []plan.WorkerID{"a", "a"}, []model.Signature{row, row}, false},
		{"no row, twice", []plan.WorkerID{"a", "b"}, []model.Signature{plain, plain}, false},
		{"no row, three times", []plan.WorkerID{"a", "b", "a"}, []model.Signature{plain, plain, plain}, true},
		{"no row, three times on one worker", []plan.WorkerID{"a", "a", "a"}, []model.Signature{plain, plain, plain}, false},
		{"different ones", []plan.WorkerID{"a", "b", "c"}, []model.Signature{plain, other, plain}, false},
		{"unknown ones", []plan.WorkerID{"a", "b", "c"}, make([]model.Signature, 3), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b Task
			var v *Verdict
			for k, w := range c.on {
				v = b.Own(config(), 99, try(w, c.sigs[k]))
			}
			if (v != nil) != c.fails || v != nil && v.Kind != model.CauseDeterministic {
				t.Errorf("verdict %+v", v)
			}
		})
	}
	off := config()
	off.Deterministic = false
	var b Task
	b.Own(off, 99, try("a", row))
	if v := b.Own(off, 99, try("b", row)); v != nil {
		t.Errorf("switched off: %+v", v)
	}
}

func TestR23WorkersFailuresBackOff(t *testing.T) {
	var b Task
	c, now := config(), model.Instant(1000)
	last := time.Duration(0)
	for k := 1; k < c.MaxInfra; k++ {
		if v := b.Worker(c, now, "oops"); v != nil {
			t.Fatalf("failure %d: %+v", k, v)
		}
		d := b.Held().Sub(now)
		if d < last || d < c.BackoffMin || d > c.BackoffMax {
			t.Fatalf("failure %d holds for %v after %v", k, d, last)
		}
		last = d
	}
	if last != c.BackoffMax || b.Failures() != 0 {
		t.Errorf("the last pause is %v, %d failures", last, b.Failures())
	}
	if v := b.Worker(c, now, "oops"); v == nil || v.Kind != model.CauseInfra || b.Infra() != c.MaxInfra {
		t.Errorf("at the limit: %+v", v)
	}
}

func TestR40FetchesAreNeverTheTasksFault(t *testing.T) {
	var b Task
	c := config()
	for range 1000 {
		b.Fetch(c, 5)
	}
	if b.Held() != model.Instant(5).Add(c.BackoffMax) || b.Failures() != 0 || b.Infra() != 0 {
		t.Errorf("held until %v", b.Held())
	}
	b.Succeeded()
	if b.Held() != 0 {
		t.Error("held after a success")
	}
	b.Fetch(c, 5)
	if b.Held() != model.Instant(5).Add(c.BackoffMin) {
		t.Errorf("a success does not reset the pauses: %v", b.Held())
	}
}

func TestR23StorageIsWaitedForByTime(t *testing.T) {
	var b Task
	c := config()
	now := model.Instant(time.Hour)
	for end := now.Add(c.StorageWait); now < end; now = max(b.Held(), now+1) {
		if v := b.Storage(c, now, "down"); v != nil {
			t.Fatalf("after %v: %+v", now.Sub(model.Instant(time.Hour)), v)
		}
		if d := b.Held().Sub(now); d > c.StorageBackoff {
			t.Fatalf("held for %v", d)
		}
	}
	if v := b.Storage(c, now, "down"); v == nil || v.Kind != model.CauseStorage {
		t.Errorf("in the end: %+v", v)
	}
}

func TestR25Resources(t *testing.T) {
	var b Task
	f := &model.TaskFailed{Message: "limit 99"}
	for k := 1; k <= 2; k++ {
		if v := b.Resource(f, false); v != nil || b.Grown() != k {
			t.Fatalf("doubling %d: %+v, grown %d", k, v, b.Grown())
		}
	}
	if v := b.Resource(f, true); v == nil || !strings.Contains(v.Text, "99") || v.Kind != model.CauseResource {
		t.Errorf("the third time: %+v", v)
	}
	disk := &model.TaskFailed{Disk: true, Path: "/d"}
	var one Task
	if v := one.Resource(disk, false); v == nil || !strings.Contains(v.Text, "/d") {
		t.Errorf("a disk with no other: %+v", v)
	}
	var many Task
	if v := many.Resource(disk, true); v != nil {
		t.Errorf("a disk with others: %+v", v)
	}
}

func TestR24CrashesMakeAlone(t *testing.T) {
	var b Task
	b.Crashed()
	if b.Alone() || b.Picky() {
		t.Fatal("alone after one crash")
	}
	b.Crashed()
	if !b.Alone() || !b.Picky() || b.Failures() != 0 {
		t.Fatal("not alone after two")
	}
	for range 1000 {
		b.Crashed()
	}
	if !b.Alone() {
		t.Fatal("the count wraps around")
	}
}

func TestR24WorkersDieUnderATask(t *testing.T) {
	c := config()
	var same Task
	for range 100 {
		if v := same.WorkerDied(c, 1); v != nil || same.Alone() {
			t.Fatalf("one bad worker blames a task: %+v", v)
		}
	}
	var b Task
	for k := 1; ; k++ {
		v := b.WorkerDied(c, k)
		if b.Alone() != (k >= c.CrashWorkers) {
			t.Fatalf("death %d: alone %v", k, b.Alone())
		}
		if v != nil {
			if k != c.CrashWorkers+c.CrashLosses || v.Kind != model.CauseCrash {
				t.Fatalf("death %d: %+v", k, v)
			}
			return
		}
	}
}

func TestR36ATaskAvoidsAWorkerForAWhile(t *testing.T) {
	var b Task
	if b.Avoids(3, 0) || b.Picky() || b.FailedOn(3) {
		t.Fatal("a new task avoids somebody")
	}
	b.Avoid(3, 10)
	b.Avoid(3, 20)
	if !b.Avoids(3, 19) || b.Avoids(3, 20) || b.Avoids(4, 0) || !b.FailedOn(3) || b.Relax() != 20 || !b.Picky() {
		t.Errorf("avoids: %+v", b.h)
	}
}

func TestR44OutputsGoneAreCounted(t *testing.T) {
	var b Task
	for k := 1; k <= 255; k++ {
		if n := b.OutputGone(); n != k {
			t.Fatalf("loss %d counts as %d", k, n)
		}
	}
	if n := b.OutputGone(); n != 255 {
		t.Errorf("the count wraps around to %d", n)
	}
}

func TestAHealthyTaskKeepsNothing(t *testing.T) {
	var b Task
	b.Succeeded()
	if b.Failures()+b.Infra()+b.Grown() != 0 || b.Alone() || b.Held() != 0 || b.Relax() != 0 || b.Tries() != nil || b.h != nil {
		t.Errorf("%+v", b)
	}
}

func TestR36Stage(t *testing.T) {
	var b Stage
	for k := 1; k <= 3; k++ {
		if n, shun := b.Failed(1, 3, 9, true); n != k || shun != (k == 3) {
			t.Fatalf("failure %d: %d, %v", k, n, shun)
		}
	}
	if !b.Shuns(1) || b.Shuns(2) {
		t.Error("the wrong one is shunned")
	}
	if _, again := b.Failed(1, 3, 9, true); again {
		t.Error("shunned twice")
	}
	var alone Stage // nothing succeeds elsewhere: it is the stage's own fault
	for range 10 {
		if _, shun := alone.Failed(1, 3, 9, false); shun {
			t.Fatal("shunned without successes elsewhere")
		}
	}
	var small Stage
	for range 10 {
		if _, shun := small.Failed(1, 3, 2, true); shun {
			t.Fatal("one of two workers is shunned")
		}
	}
}

func TestR36Cluster(t *testing.T) {
	c, now := config(), model.Instant(time.Hour)
	fail := func(b *Cluster, w int, jobs ...plan.JobID) (d time.Duration, out bool) {
		for _, j := range jobs {
			if x, ok := b.Failed(c, now, w, j, 20, 0); ok {
				d, out = x, true
			}
		}
		return d, out
	}
	var b Cluster
	if _, out := fail(&b, 1, "a", "a", "a", "a", "a", "a", "a"); out {
		t.Fatal("one job's failures exclude a worker")
	}
	if d, out := fail(&b, 1, "b"); !out || d != c.ExcludeFor {
		t.Fatalf("excluded %v for %v", out, d)
	}
	want := c.ExcludeFor
	for range 8 {
		want = min(2*want, c.ExcludeMost)
		if d, out := fail(&b, 1, "a", "b", "a", "b", "a"); !out || d != want {
			t.Fatalf("excluded %v for %v, want %v", out, d, want)
		}
	}
}

func TestR36ClusterNeedsMoreThanItsShare(t *testing.T) {
	c, now := config(), model.Instant(time.Hour)
	var b Cluster
	for k := range 400 {
		w := k % 20
		if _, out := b.Failed(c, now, w, plan.JobID(fmt.Sprint(k%3)), 20, 0); out && k >= 80 {
			t.Fatalf("worker %d is excluded, though all fail alike", w)
		}
	}
	var third Cluster
	for k := range 50 {
		if _, out := third.Failed(c, now, 1, plan.JobID(fmt.Sprint(k%3)), 20, 6); out {
			t.Fatal("a third is out already")
		}
	}
	var old Cluster
	for k := range 50 {
		now = now.Add(c.ExcludeFor/4 + 1)
		if _, out := old.Failed(c, now, 1, plan.JobID(fmt.Sprint(k%3)), 20, 0); out {
			t.Fatal("failures far apart exclude a worker")
		}
	}
	off := *c
	off.ExcludeCluster = 0
	var none Cluster
	for k := range 50 {
		if _, out := none.Failed(&off, now, 1, plan.JobID(fmt.Sprint(k%3)), 20, 0); out {
			t.Fatal("switched off")
		}
	}
}

func TestClusterIsBounded(t *testing.T) {
	c := config()
	var b Cluster
	for k := range 3 * kept {
		b.Failed(c, 5, k%1000, "a", 1000, 0)
	}
	if len(b.failures) > kept {
		t.Errorf("%d failures are kept", len(b.failures))
	}
}
