package locality

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/internal/sched/model"
)

const rack = 100

var here = Worker{Process: Process(1), Hosts: []int32{1}, Rack: rack}

func live(name int32, l model.Level) Place { return Place{Name: name, Level: l, Live: true} }

func TestR10Levels(t *testing.T) {
	cached := []Place{live(Process(2), model.AtProcess), live(1, model.AtNode), live(rack, model.AtRack)}
	block := []Place{live(2, model.AtNode), live(rack, model.AtRack)}
	far := []Place{live(2, model.AtNode), live(rack+1, model.AtRack)}
	gone := []Place{{Name: 2, Level: model.AtNode}, live(rack, model.AtRack)}
	for _, c := range []struct {
		name   string
		places []Place
		upTo   model.Level
		at     model.Level
		ok     bool
	}{
		{"nothing preferred", nil, model.AtProcess, model.Anywhere, true},
		{"its own block", []Place{live(Process(1), model.AtProcess)}, model.AtProcess, model.AtProcess, true},
		{"another's block waits", cached, model.AtProcess, 0, false},
		{"then a host will do", cached, model.AtNode, model.AtNode, true},
		{"its own host", []Place{live(1, model.AtNode)}, model.AtProcess, model.AtNode, true},
		{"another host waits", block, model.AtNode, 0, false},
		{"then the rack will do", block, model.AtRack, model.AtRack, true},
		{"another rack waits", far, model.AtRack, 0, false},
		{"then any will do", far, model.Anywhere, model.Anywhere, true},
		{"a host without workers is not waited for", gone, model.AtProcess, model.AtRack, true},
		{"nor anything that is gone", []Place{{Name: 2, Level: model.AtNode}}, model.AtProcess, model.Anywhere, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Pending
			p.Push(7, c.places)
			i, at, ok := p.For(here, c.upTo)
			if ok != c.ok || ok && (i != 7 || at != c.at) {
				t.Errorf("task %d at %s, %v; want %s, %v", i, at, ok, c.at, c.ok)
			}
		})
	}
}

func TestATaskThatWaitsDoesNotHideOthers(t *testing.T) {
	var p Pending
	p.Push(0, []Place{live(Process(2), model.AtProcess), live(1, model.AtNode)})
	p.Push(1, []Place{live(1, model.AtNode)})
	if i, _, ok := p.For(here, model.AtProcess); !ok || i != 1 {
		t.Errorf("task %d, %v", i, ok)
	}
}

func TestAHostThatComesBackGetsItsTasksFirst(t *testing.T) {
	var p Pending
	p.Push(0, nil)
	p.Push(1, []Place{{Name: 1, Level: model.AtNode}})
	if i, at, ok := p.For(here, model.AtProcess); !ok || i != 1 || at != model.AtNode {
		t.Errorf("task %d at %s, %v", i, at, ok)
	}
	if p.Fussy() != 0 || p.Some(model.AtNode) {
		t.Error("somebody waits for a host without workers")
	}
}

func TestR12Backlog(t *testing.T) {
	var p Pending
	two := func(int32) int { return 2 }
	for i := range 10 {
		p.Push(i, []Place{live(5, model.AtNode)})
	}
	p.Push(10, []Place{live(6, model.AtNode)})
	if _, ok := p.Backlog(0, 0, two); ok {
		t.Error("nobody knows yet how long a task takes")
	}
	if _, ok := p.Backlog(time.Second, 5*time.Second, two); ok {
		t.Error("ten tasks of a second in two slots are done in five")
	}
	if i, ok := p.Backlog(time.Second, 5*time.Second-1, two); !ok || i != 9 {
		t.Errorf("task %d, %v", i, ok)
	}
	if i, ok := p.Backlog(time.Second, time.Hour, func(int32) int { return 0 }); !ok || i != 9 {
		t.Errorf("a host without slots: task %d, %v", i, ok)
	}
	p.Remove(9, []Place{live(5, model.AtNode)})
	if _, ok := p.Backlog(time.Second, 9*time.Second/2, two); ok {
		t.Error("a task that was taken counts")
	}
	var none Pending
	none.Push(1, nil)
	if _, ok := none.Backlog(time.Second, 0, two); ok {
		t.Error("a backlog of nobody")
	}
}

// Three hosts that hold the same blocks run a third of their tasks each.
func TestR12SharesReplicas(t *testing.T) {
	var p Pending
	two := func(int32) int { return 2 }
	for i := range 12 {
		p.Push(i, []Place{live(5, model.AtNode), live(6, model.AtNode), live(7, model.AtNode)})
	}
	if i, ok := p.Backlog(time.Second, 2*time.Second, two); ok {
		t.Errorf("task %d is given away: twelve of a second in six slots are done in two", i)
	}
	if _, ok := p.Backlog(time.Second, 2*time.Second-1, two); !ok {
		t.Error("they take two seconds, and nobody waits so long")
	}
}

// Whatever is pushed, removed and queued anew, each task is in one set, sums are
// right, and a worker that may take anything gets something.
func TestPendingIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Pending
		in := map[int][]Place{}
		place := rapid.Custom(func(t *rapid.T) Place {
			l := model.Level(rapid.IntRange(0, 2).Draw(t, "level"))
			n := rapid.Int32Range(0, 3).Draw(t, "name")
			return Place{[]int32{Process(int(n)), n, rack + n}[l], l, rapid.Bool().Draw(t, "live")}
		})
		for range rapid.IntRange(1, 80).Draw(t, "ops") {
			i := rapid.IntRange(0, 70).Draw(t, "i")
			switch places, there := in[i]; {
			case there:
				p.Remove(i, places)
				delete(in, i)
			case rapid.IntRange(0, 9).Draw(t, "picky") == 0:
				p.PushPicky(i)
				in[i] = nil
			default:
				in[i] = rapid.SliceOfN(place, 0, 8).Draw(t, "places")
				p.Push(i, in[i])
			}
			if rapid.IntRange(0, 9).Draw(t, "again") == 0 {
				p.Again(func(i int) { p.Push(i, in[i]) })
			}
			checkPending(t, &p, in)
		}
	})
}

func checkPending(t *rapid.T, p *Pending, in map[int][]Place) {
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	for i := range 72 {
		if _, there := in[i]; there != p.Has(i) {
			t.Fatalf("task %d: %v, want %v", i, p.Has(i), there)
		}
	}
	if p.Len() != len(in) {
		t.Fatalf("%d tasks, want %d", p.Len(), len(in))
	}
	if i, _, ok := p.For(here, model.Anywhere); ok != (len(in) > len(p.Picky())) || ok && !p.Has(i) {
		t.Fatalf("For: %d, %v of %d", i, ok, len(in))
	}
}

func waits(process, node, rack time.Duration) Waits {
	return func(l model.Level) time.Duration { return [...]time.Duration{process, node, rack, 0}[l] }
}

func TestR11ClockLoosensLevelByLevel(t *testing.T) {
	var k Clock
	w := waits(3, 2, 1)
	at, ok := k.Declined(10, 1, w)
	if !ok || at != 13 || k.UpTo(w) != model.AtProcess {
		t.Fatalf("look at %d, %v, up to %s", at, ok, k.UpTo(w))
	}
	if _, again := k.Declined(11, 1, w); again {
		t.Error("a second timer")
	}
	for _, x := range []struct{ now, next model.Instant }{{13, 15}, {15, 16}, {16, 0}} {
		loosened, at, ok := k.Due(x.now, 1, w)
		if !loosened || at != x.next || ok != (x.next != 0) {
			t.Fatalf("at %d: %v, look at %d, %v", x.now, loosened, at, ok)
		}
	}
	if k.UpTo(w) != model.Anywhere {
		t.Errorf("in the end up to %s", k.UpTo(w))
	}
}

func TestR11ClockSkipsLevelsOfNobody(t *testing.T) {
	var k Clock
	w := waits(0, 0, 5)
	if k.UpTo(w) != model.AtRack {
		t.Errorf("up to %s without a wait", k.UpTo(w))
	}
	if at, ok := k.Declined(10, 1, w); !ok || at != 15 {
		t.Errorf("look at %d, %v", at, ok)
	}
	none := waits(0, 0, 0)
	var free Clock
	if _, ok := free.Declined(10, 1, none); ok || free.UpTo(none) != model.Anywhere {
		t.Error("nobody to wait for, and it waits")
	}
}

func TestR11ClockStartsAnewWhenNoSlotWasIdle(t *testing.T) {
	var k Clock
	w := waits(0, 10, 0)
	k.Declined(0, 1, w)
	if at, ok := k.Declined(9, 2, w); !ok || at != 19 {
		t.Errorf("in the next epoch look at %d, %v", at, ok)
	}
	if loosened, _, _ := k.Due(10, 2, w); loosened {
		t.Error("the old timer counts")
	}
	if loosened, _, _ := k.Due(19, 1, w); loosened {
		t.Error("the old epoch counts")
	}
	k.Stop()
	if k.Waiting(2) || k.UpTo(w) != model.AtNode {
		t.Error("it was stopped and runs")
	}
}

// A wait that becomes shorter while it runs ends sooner: the median is known.
func TestR13ClockTakesAShorterWait(t *testing.T) {
	var k Clock
	if at, ok := k.Declined(0, 1, waits(0, 1000, 0)); !ok || at != 1000 {
		t.Fatal(at, ok)
	}
	short := waits(0, 40, 0)
	if at, ok := k.Declined(30, 1, short); !ok || at != 40 {
		t.Errorf("look at %d, %v", at, ok)
	}
	if loosened, _, _ := k.Due(40, 1, short); !loosened {
		t.Error("not loosened")
	}
	for _, x := range []struct{ wait, median, want time.Duration }{
		{time.Second, 0, time.Second},
		{time.Second, time.Minute, time.Second},
		{time.Second, 100 * time.Millisecond, 200 * time.Millisecond},
		{time.Second, time.Millisecond, 20 * time.Millisecond},
		{0, time.Minute, 0},
	} {
		if got := Cap(x.wait, x.median); got != x.want {
			t.Errorf("Cap(%v, %v) = %v, want %v", x.wait, x.median, got, x.want)
		}
	}
}

func TestPrefs(t *testing.T) {
	var p Prefs
	if p.Of(0) != nil || !p.Empty() {
		t.Error("a zero Prefs has some")
	}
	p.Append()
	p.Append(1, 2)
	p.Append(3)
	for i, want := range [][]int32{{}, {1, 2}, {3}, nil} {
		if got := p.Of(i); !slices.Equal(got, want) {
			t.Errorf("task %d prefers %v, want %v", i, got, want)
		}
	}
	if p.Empty() {
		t.Error("empty")
	}
}

func TestR10HeavyHosts(t *testing.T) {
	var h Heavy
	h.Add(1, 10)
	h.Add(2, 70)
	h.Add(1, 11)
	h.Add(3, 9)
	if got := h.Hosts(5); !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("a fifth of 100: %v", got)
	}
	h.Add(4, 1)
	if got := h.Hosts(5); !slices.Equal(got, []int32{4}) {
		t.Errorf("the next one: %v", got)
	}
	h.Add(4, 0)
	if got := h.Hosts(5); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
