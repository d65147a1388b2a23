package pace

import (
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

func stage(took ...time.Duration) *Stage {
	p := &Stage{}
	for _, d := range took {
		p.Done(d)
	}
	return p
}

func TestMedianNeedsThree(t *testing.T) {
	if m := stage(time.Second, time.Second).Median(); m != 0 {
		t.Errorf("the median of two is %v", m)
	}
	m := stage(time.Second, 2*time.Second, 30*time.Second).Median()
	if m < 1700*time.Millisecond || m > 2300*time.Millisecond {
		t.Errorf("the median is %v", m)
	}
}

func TestR48aSlow(t *testing.T) {
	c := model.Defaults("c", 1)
	p := stage(10*time.Second, 10*time.Second, 10*time.Second)
	for _, x := range []struct {
		name string
		age  time.Duration
		done float64
		want bool
	}{
		{"as fast as others", 5 * time.Second, 0.5, false},
		{"a bit slower", 10 * time.Second, 0.6, false},
		{"far behind", 10 * time.Second, 0.1, true},
		{"far behind, but young", 4 * time.Second, 0.01, false},
		{"far behind, but nearly there", 100 * time.Second, 0.95, false},
		{"nothing known", 100 * time.Second, 0, false},
		{"done", 100 * time.Second, 1, false},
	} {
		if got := p.Slow(&c, x.age, x.done); got != x.want {
			t.Errorf("%s: %v", x.name, got)
		}
	}
	if stage(time.Second).Slow(&c, time.Hour, 0.01) {
		t.Error("slow, compared with nothing")
	}
}

func TestR48bStraggler(t *testing.T) {
	c := model.Defaults("c", 1)
	p := stage(time.Second, time.Second, time.Second)
	if _, ok := p.Straggler(&c, 7, 10); ok {
		t.Error("too few are done")
	}
	if d, ok := p.Straggler(&c, 8, 10); !ok || d < 1700*time.Millisecond || d > 2300*time.Millisecond {
		t.Errorf("straggler after %v, %v", d, ok)
	}
	if d, ok := stage(time.Millisecond).Straggler(&c, 1, 1); !ok || d != c.SpecMin {
		t.Errorf("tasks of no time: %v, %v", d, ok)
	}
	if _, ok := stage().Straggler(&c, 0, 0); ok {
		t.Error("a straggler of nobody")
	}
}

func TestTwinsMustBeWorthIt(t *testing.T) {
	p := stage(10 * time.Second)
	if !p.Worthwhile() {
		t.Error("nothing was wasted")
	}
	p.Wasted(time.Second)
	if !p.Worthwhile() {
		t.Error("a tenth is allowed")
	}
	p.Wasted(1)
	if p.Worthwhile() {
		t.Error("more than a tenth is")
	}
	p.Done(time.Minute)
	if !p.Worthwhile() {
		t.Error("not any more")
	}
}
