package sim

import (
	"flag"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
)

var seeds = flag.Uint64("seeds", 0, "how many seeds TestSoak runs")

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
	o.Short = pick(7, 2) == 0
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
	n := uint64(400)
	if testing.Short() {
		n = 50
	}
	sum := runSeeds(t, 1, n)
	if sum.Done < int(n)/2 || sum.Losses == 0 || sum.Rollbacks == 0 || sum.Twins == 0 || sum.Restarts == 0 || sum.Drains == 0 || sum.Early == 0 || sum.Recalled == 0 || sum.Cut == 0 || sum.Saved == 0 || sum.Copied == 0 || sum.Missed == 0 {
		t.Errorf("the seeds do not reach what they are for: %+v", sum)
	}
}

// Any number of seeds: go test ./internal/sched/sim -run Soak -seeds N -from M.
func TestSoak(t *testing.T) {
	if *seeds == 0 {
		t.Skip("no -seeds")
	}
	runSeeds(t, *from, *seeds)
}

// runSeeds runs n seeds. What fails is shrunk and printed as a line for
// TestGraveyard; after a few it ends.
func runSeeds(t *testing.T, from, n uint64) (sum Report) {
	sum.Ends = map[model.CauseKind]int{}
	bad := 0
	for s := from; s < from+n && bad < 3; s++ {
		rep, err := Run(options(s))
		if err != nil {
			bad++
			t.Errorf("%v\nreplay: go test ./internal/sched/sim -run Replay -seed %d -v\nshrunk: %v", err, s, Shrink(options(s), Run, 300))
		}
		sum.add(rep)
	}
	t.Logf("%+v", sum)
	return sum
}

func (r *Report) add(o Report) {
	r.Steps += o.Steps
	r.Completions += o.Completions
	r.Done += o.Done
	r.Failed += o.Failed
	r.Cancelled += o.Cancelled
	r.Losses += o.Losses
	r.Twins += o.Twins
	r.Restarts += o.Restarts
	r.Drains += o.Drains
	r.Early += o.Early
	r.Recalled += o.Recalled
	r.Copied += o.Copied
	r.Compacted += o.Compacted
	r.Rollbacks += o.Rollbacks
	r.Missed += o.Missed
	r.Cut += o.Cut
	r.Saved += o.Saved
	for k, n := range o.Ends {
		r.Ends[k] += n
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

// Runs that found broken rules, as Shrink prints them: outputs of a lost worker
// that stay registered; a gang that was too large once and is not looked at again;
// a gang that waits for workers to prove themselves; outputs that an earlier
// master dropped, and that do not count as lost by their worker; a gang that keeps
// the slots in which what it reads should be made; a reader that counts one loss once for
// each of the outputs; an attempt that is not asked for in place of one that had
// begun; readers that meet one fault of the network and each count it.
func TestGraveyard(t *testing.T) {
	for _, o := range []Options{
		{Seed: 1, Workers: 6, Jobs: 4, Tasks: 2, CheckEvery: 1, Faults: 4, TaskFaults: true, Restarts: 1, Stages: 1, Out: []string{"j0", "j3", "j1"}, Only: []string{"w5#1"}},
		{Seed: 2, Workers: 3, Jobs: 4, Tasks: 37, CheckEvery: 1, Faults: 20, TaskFaults: true, Stages: 3, Out: []string{"j0", "j1", "j2"}, Only: []string{"w2#1"}},
		{Seed: 116, Workers: 1, Jobs: 2, Tasks: 3, CheckEvery: 1, Faults: 1, Stages: 2, Out: []string{"j1"}, Only: []string{}},
		{Seed: 163, Workers: 1, Jobs: 3, Tasks: 2, CheckEvery: 1, Stages: 2, Out: []string{"j0", "j1"}, Only: []string{}},
		{Seed: 539, Workers: 2, Jobs: 3, Tasks: 6, CheckEvery: 1, Faults: 20, TaskFaults: true, Stages: 4, Out: []string{"j0", "j2"}, Only: []string{"w0#1", "w0#2", "w1#3", "w1#9"}},
		{Seed: 882, Workers: 3, Jobs: 4, Tasks: 7, CheckEvery: 1, Faults: 4, TaskFaults: true, Restarts: 1, Stages: 3, Out: []string{"j0", "j2", "j3"}, Only: []string{"w1#1", "w0#2", "w1#5"}},
		{Seed: 20252, Workers: 2, Jobs: 4, Tasks: 60, CheckEvery: 1, Faults: 20, Restarts: 1, Stages: 4, Out: []string{"j2"}, Only: []string{"compact", "master#1", "w0#3", "w1#7", "w0#20", "w1#13", "w0#28", "w0#38", "w1#25", "w1#39", "w0#59", "w1#42", "master#5"}},
		{Seed: 204029, Workers: 6, Jobs: 3, Tasks: 60, CheckEvery: 1, Faults: 20, Restarts: 5, Stages: 4, Only: []string{"master#1", "late", "twice", "w1#1", "w5#1", "w0#1", "w0#2", "w5#2", "w5#3", "master#2", "w1#8", "w1#9", "w5#8", "master#3", "w0#9", "master#4", "w3#1", "w4#1", "w4#5", "w2#11", "master#5", "w0#17", "w2#13", "w5#21", "w5#28", "w3#14", "w3#16", "master#7", "w4#19", "w0#30", "master#8", "w0#31", "w0#32", "w4#26", "w0#33", "w1#37", "w1#38", "master#9", "w5#44", "master#11", "w4#39", "w3#32", "w0#46", "w5#47", "w2#38", "master#12", "w3#35", "master#13", "w1#58", "w4#52", "w1#59", "w4#55", "w2#51", "master#14", "w5#63", "w3#49", "w0#61", "w1#69", "master#15"}},
		{Seed: 22739, Workers: 4, Jobs: 1, Tasks: 60, CheckEvery: 1, Short: true, Stages: 4, Only: []string{}},
		{Seed: 32495, Workers: 5, Jobs: 4, Tasks: 5, CheckEvery: 1, Faults: 1, TaskFaults: true, Stages: 2, Out: []string{"j2", "j1", "j3"}, Only: []string{"w4#1", "j0/s1/2#1!", "w1#1"}},
		{Seed: 302, Workers: 4, Jobs: 3, Tasks: 5, CheckEvery: 1, Faults: 1, Stages: 3, Out: []string{"j0", "j2"}, Only: []string{"w3#1"}},
		{Seed: 3528, Workers: 3, Jobs: 1, Tasks: 7, CheckEvery: 1, Faults: 20, TaskFaults: true, Short: true, Restarts: 1, Stages: 3, Only: []string{"j0/t1/5#1!", "j0/t1/5#2!", "w2#1"}},
		{Seed: 24527, Workers: 2, Jobs: 3, Tasks: 1, CheckEvery: 1, Faults: 1, Restarts: 5, Stages: 1, Out: []string{"j0", "j1"}, Only: []string{"master#1", "j2#1", "compact", "master#3"}},
		{Seed: 33313, Workers: 5, Jobs: 1, Tasks: 17, CheckEvery: 1, Faults: 4, TaskFaults: true, Restarts: 1, Stages: 6, Only: []string{"j0/s0/1#1!", "w1#2", "j0/s1/6#2!", "w0#2", "j0/s1/4#3!", "j0/s1/4#4!", "j0/s1/4#5!", "j0/s1/2#3!", "master#1", "w4#1", "j0/s2/0#3!", "w0#5", "w2#3", "master#2"}},
		{Seed: 5963, Workers: 7, Jobs: 1, Tasks: 60, CheckEvery: 1, Faults: 20, Restarts: 1, Stages: 5, Only: []string{"w5#1", "w1#1", "twice", "w5#2", "w5#3", "w0#1", "w6#1", "w1#10", "w5#11", "w6#3", "w6#5", "w4#1", "w2#6", "w1#21", "w5#18", "w3#7", "w3#8", "w0#17", "master#1", "w3#9", "w2#10", "w4#10", "w5#23", "mute", "w2#12", "w6#20", "w5#24", "w5#25", "w1#32", "w0#23", "w3#16", "master#2", "w4#19", "w1#37", "w6#27"}},
		{Seed: 13241, Workers: 4, Jobs: 3, Tasks: 5, CheckEvery: 1, Faults: 20, Restarts: 5, Stages: 1, Out: []string{"j0"}, Only: []string{"apart#1", "apart#2"}},
		{Seed: 15147, Workers: 6, Jobs: 2, Tasks: 14, CheckEvery: 1, Faults: 20, Stages: 6, Out: []string{"j0"}, Only: []string{"apart#2", "apart#3"}},
		{Seed: 6218, Workers: 2, Jobs: 3, Tasks: 9, CheckEvery: 1, Faults: 1, Stages: 3, Out: []string{"j1", "j0"}, Only: []string{"w1#2"}},
	} {
		if _, err := Run(o); err != nil {
			t.Errorf("%v: %v", o, err)
		}
	}
}
