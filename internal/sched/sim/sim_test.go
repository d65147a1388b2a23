package sim

import (
	"flag"
	"testing"
)

var seeds = flag.Uint64("seeds", 400, "how many seeds TestSeeds runs")

var from = flag.Uint64("from", 1, "the first of them")

var seed = flag.Uint64("seed", 0, "replay this seed, with its trace")

func options(seed uint64) Options {
	o := Options{Seed: seed, CheckEvery: 1}
	pick := func(k uint64, n int) int { return int(mix(seed*31+k) % uint64(n)) }
	o.Workers = 1 + pick(1, 8)
	o.Jobs = 1 + pick(2, 4)
	o.Tasks = []int{3, 8, 20, 60}[pick(3, 4)]
	o.Faults = []float64{0, 1, 4, 20}[pick(4, 4)]
	o.Restarts = []float64{0, 1, 5}[pick(6, 3)]
	if o.Faults == 0 {
		o.Restarts = 0
	}
	o.TaskFaults = pick(5, 2) == 0 && o.Faults > 0
	return o
}

func TestReplay(t *testing.T) {
	if *seed == 0 {
		t.Skip("no -seed")
	}
	o := options(*seed)
	o.Trace = func(line string) { t.Log(line) }
	rep, err := New(o).Run()
	t.Logf("%+v", rep)
	if err != nil {
		t.Fatal(err)
	}
}

func TestSeeds(t *testing.T) {
	n := *seeds
	if testing.Short() {
		n = 50
	}
	var sum Report
	for s := *from; s < *from+n; s++ {
		rep, err := New(options(s)).Run()
		if err != nil {
			t.Errorf("%v\nreplay: go test ./internal/sched/sim -run Replay -seed %d -v", err, s)
		}
		sum.Steps += rep.Steps
		sum.Completions += rep.Completions
		sum.Done += rep.Done
		sum.Failed += rep.Failed
		sum.Cancelled += rep.Cancelled
		sum.Losses += rep.Losses
		sum.Twins += rep.Twins
		sum.Restarts += rep.Restarts
		sum.Rollbacks += rep.Rollbacks
		if t.Failed() && s > *from+20 {
			break
		}
	}
	t.Logf("%+v", sum)
	if sum.Done < int(n)/2 || sum.Losses == 0 || sum.Rollbacks == 0 || sum.Twins == 0 {
		t.Errorf("the seeds do not reach what they are for: %+v", sum)
	}
}

// The same seed gives the same commands (I29).
func TestSameSeedSameCommands(t *testing.T) {
	for s := uint64(1); s <= 40; s++ {
		a, err := New(options(s)).Run()
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(options(s)).Run()
		if err != nil {
			t.Fatal(err)
		}
		if a.Digest != b.Digest || a.Steps != b.Steps {
			t.Errorf("seed %d: digest %x after %d steps, then %x after %d", s, a.Digest, a.Steps, b.Digest, b.Steps)
		}
	}
}

// Few workers, many tasks and no checks in between: the size of a small cluster.
func TestManyTasks(t *testing.T) {
	rep, err := New(Options{Seed: 11, Workers: 40, Jobs: 6, Tasks: 3000, Faults: 1, Restarts: 0.2, CheckEvery: 5000}).Run()
	t.Logf("%+v", rep)
	if err != nil {
		t.Fatal(err)
	}
}

// Seeds that once found something.
func TestGraveyard(t *testing.T) {
	for _, s := range []uint64{20, 38, 45, 105, 238, 273, 298, 411, 1622, 2830, 2971, 3682, 4069, 5031, 5142, 8462, 12928, 27510, 40524, 43365, 43668, 44624} {
		if _, err := New(options(s)).Run(); err != nil {
			t.Error(err)
		}
	}
}
