package show

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbauerster/mpb/v8"
	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer may be written to by several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func site(line int) plan.Site { return plan.Site{File: "main.go", Line: line} }

// story is an action's pictures: two stages, of which the first is skipped when
// it is run again.
func story(n int, again bool) []*plan.ActionStatus {
	first := func(tasks, running, done int) plan.StageStatus {
		return plan.StageStatus{Key: "m", Name: "Range → ReduceByKey", Tasks: tasks, Running: running, Done: done, Skipped: again, Elapsed: time.Second}
	}
	second := func(tasks, running, done int) plan.StageStatus {
		return plan.StageStatus{Key: "r", Name: "ReduceByKey → Count", Tasks: tasks, Running: running, Done: done, Elapsed: 2 * time.Second}
	}
	picture := func(state plan.ActionState, stages ...plan.StageStatus) *plan.ActionStatus {
		return &plan.ActionStatus{ID: plan.ActionID{Job: "j", N: n}, Name: "Count", Site: site(7), State: state, Stages: stages, Elapsed: 3 * time.Second}
	}
	return []*plan.ActionStatus{
		picture(plan.ActionPreparing, first(0, 0, 0), second(0, 0, 0)),
		picture(plan.ActionRunning, first(4, 1, 0), second(2, 0, 0)),
		picture(plan.ActionRunning, first(4, 2, 2), second(2, 0, 0)),
		picture(plan.ActionRunning, first(4, 0, 4), second(2, 1, 0)),
		picture(plan.ActionDone, first(4, 0, 4), second(2, 0, 2)),
	}
}

func TestPlainPrintsALineForEachChange(t *testing.T) {
	var out buffer
	p := NewPlain(&out)
	for _, s := range story(1, false) {
		p.Status(s)
	}
	p.Println("between")
	for _, s := range story(2, true) {
		p.Status(s)
	}
	p.Close()
	want := `action 1, stage 1 of 2: Range → ReduceByKey: 4 tasks
action 1, stage 1 of 2: Range → ReduceByKey: 4 tasks done in 1s
action 1, stage 2 of 2: ReduceByKey → Count: 2 tasks
action 1, stage 2 of 2: ReduceByKey → Count: 2 tasks done in 2s
action 1: Count (main.go:7): 2 stages, 6 tasks, 0 rows, 3s
between
action 2, stage 1 of 2: Range → ReduceByKey: skipped
action 2, stage 2 of 2: ReduceByKey → Count: 2 tasks
action 2, stage 2 of 2: ReduceByKey → Count: 2 tasks done in 2s
action 2: Count (main.go:7): 1 stage (+1 skipped), 2 tasks, 0 rows, 3s
`
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestOneTask(t *testing.T) {
	st := &plan.StageStatus{Tasks: 1, Elapsed: time.Second}
	if got := stageText(st, running); got != "1 task" {
		t.Errorf("got %s", got)
	}
	if got := stageText(st, ended); got != "1 task done in 1s" {
		t.Errorf("got %s", got)
	}
}

func TestBarsAreGoneWhenTheActionEnds(t *testing.T) {
	var out buffer
	b := newBars(&out, mpb.WithAutoRefresh())
	for _, again := range []bool{false, true} {
		for _, s := range story(1, again) {
			b.Status(s)
			b.Println("a notice")
		}
		if b.drawing != nil || len(b.actions) != 0 {
			t.Fatal("something still moves after the action")
		}
		if got := out.String(); !strings.HasSuffix(got, "s\na notice\n") || !strings.Contains(got, "Count (main.go:7): ") {
			t.Errorf("the action's line and the notice do not come last: %q", got)
		}
	}
	b.Close()
}

func TestBarsOfSeveralActions(t *testing.T) {
	var out buffer
	b := newBars(&out)
	one, two := story(1, false), story(2, false)
	for i := range one {
		b.Status(one[i])
		if i < len(two)-1 {
			b.Status(two[i])
		}
	}
	if b.drawing == nil || len(b.actions) != 1 {
		t.Error("the second action's bars went with the first's")
	}
	b.Close() // the program died
	if b.drawing != nil || len(b.actions) != 0 {
		t.Error("bars are left")
	}
}

// Accumulators stand below the bars while an action runs, and in a line at the end of
// one that changed them.
func TestAccumulatorsAreShown(t *testing.T) {
	var out buffer
	b := newBars(&out, mpb.WithAutoRefresh())
	w := NewWatch(b)
	for n, value := range []string{"12", "12", "40"} {
		for _, s := range story(n, false) {
			s.Accumulators = []plan.Shown{{Name: "bad lines", Value: "1"}, {Name: "longest", Value: value}}
			w.Status(s)
		}
		if b.values != nil {
			t.Fatal("they still stand where nothing runs")
		}
	}
	w.Close()
	for line, times := range map[string]int{"bad lines 1; longest 12": 1, "bad lines 1; longest 40": 1} {
		if n := strings.Count(out.String(), "s\naccumulators: "+line+"\n"); n != times {
			t.Errorf("%s: %d times, want %d, in %q", line, n, times, out.String())
		}
	}
	if got := w.Accumulators(); len(got) != 2 || got[1].Value != "40" {
		t.Errorf("at the end: %v", got)
	}
}

// Who wants no progress still gets notices.
func TestQuiet(t *testing.T) {
	var out buffer
	w := NewWatch(NewQuiet(&out))
	for _, s := range story(1, false) {
		s.Accumulators = []plan.Shown{{Name: "a", Value: "1"}}
		w.Status(s)
	}
	w.Notice("prog", "look out")
	w.Close()
	if got := out.String(); got != "prog: look out\n" {
		t.Errorf("%q", got)
	}
	if w.Sum().Actions != 1 || len(w.Accumulators()) != 1 {
		t.Error("the summary misses something")
	}
}

func TestClip(t *testing.T) {
	for _, test := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "…cd"}, {"→→→→", 2, "…→"}, {"", 1, ""}} {
		if got := clip(test.in, test.n); got != test.want {
			t.Errorf("%q to %d: got %q, want %q", test.in, test.n, got, test.want)
		}
	}
}

func op(name string, line int, part string) plan.Op {
	return plan.Op{ID: plan.OpID(name), Name: name, Part: part, Site: site(line)}
}

// join is an explained join of a union with a side that is placed already.
func join() *wire.Explained {
	rng := func(line, n int) plan.Pipe {
		return plan.Pipe{Source: plan.Source{Op: op("Range", line, ""), Range: &plan.Range{Count: 9, N: n}}}
	}
	side := plan.Pipe{Source: plan.Source{Op: op("ReduceByKey", 5, "reduce"), Wide: []plan.Input{{Shuffle: "a"}}}}
	sideExplain := plan.PipeExplain{Source: op("ReduceByKey", 5, "reduce")}
	key := plan.PieceExplain{Ops: []plan.Op{op("KeyBy", 4, ""), op("Join", 6, "left")}, Way: plan.Fused}
	return &wire.Explained{Action: "Collect", Site: site(9), Stages: []plan.StageExplain{
		{
			Stage: plan.Stage{Key: "a", Name: "Parallelize → ReduceByKey",
				Pipe: plan.Pipe{Source: plan.Source{Op: op("Parallelize", 3, ""), Data: &plan.Data{Ends: []int64{1}}}},
				Sink: plan.Sink{Op: op("ReduceByKey", 5, "map"), Part: &plan.Partitioner{N: 8}}},
			Pipe: plan.PipeExplain{Source: op("Parallelize", 3, ""), Pieces: []plan.PieceExplain{
				{Ops: []plan.Op{op("ReduceByKey", 5, "map")}, Way: plan.Closure, Why: "no code"}}},
		},
		{
			Stage: plan.Stage{Key: "b", Name: "Union → KeyBy → Join",
				Pipe: plan.Pipe{Source: plan.Source{Union: []plan.Pipe{rng(1, 2), rng(2, 0)}}},
				Sink: plan.Sink{Op: op("Join", 6, "left"), Part: &plan.Partitioner{N: 8}}},
			Pipe: plan.PipeExplain{Union: []plan.PipeExplain{
				{Source: op("Range", 1, ""), Pieces: []plan.PieceExplain{key}},
				{Source: op("Range", 2, ""), Pieces: []plan.PieceExplain{key}}}},
		},
		{
			Stage: plan.Stage{Key: "r", Kind: plan.ResultStage, Name: "Join → Collect",
				Parents: []plan.Parent{{Key: "b"}, {Key: "a"}, {Key: "nowhere"}},
				Pipe: plan.Pipe{Source: plan.Source{Op: op("Join", 6, "reduce"),
					Wide: []plan.Input{{Shuffle: "b"}, {Pipe: &side}}}},
				Sink: plan.Sink{Op: op("Collect", 9, "")}},
			Pipe: plan.PipeExplain{Source: op("Join", 6, "reduce"), Inputs: []plan.PipeExplain{sideExplain},
				Pieces: []plan.PieceExplain{{Ops: []plan.Op{op("Join", 6, ""), op("Collect", 9, "")}, Way: plan.Composed}}},
		},
	}}
}

// TestExplainBroadcast draws a join that reads one side whole.
func TestExplainBroadcast(t *testing.T) {
	x := join()
	x.Stages[2].Stage.Pipe.Source.Broadcast = true
	text := Explain(x)
	for _, line := range []string{
		"source   Join (main.go:6) by broadcast, each task reads all of stage 2\n", "side     streamed where it is: no shuffle\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

func TestExplain(t *testing.T) {
	want := `Collect (main.go:9)
└─ stage 3: Join → Collect
   ├─ source   Join (main.go:6), reads the shuffle of stage 2
   ├─ side     already placed: no shuffle
   │  └─ source   ReduceByKey (main.go:5), reads the shuffle of stage 1
   ├─ composed Join (main.go:6), Collect (main.go:9)
   ├─ stage 2: Union → KeyBy → Join
   │  ├─ union    part 1 of 2
   │  │  ├─ source   Range (main.go:1), 9 numbers in 2 partitions
   │  │  └─ fused    KeyBy (main.go:4), Join (main.go:6) left side
   │  ├─ union    part 2 of 2
   │  │  ├─ source   Range (main.go:2), 9 numbers in as many partitions as the input asks for
   │  │  └─ fused    KeyBy (main.go:4), Join (main.go:6) left side
   │  └─ output   shuffle by hash into 8 partitions
   └─ stage 1: Parallelize → ReduceByKey
      ├─ source   Parallelize (main.go:3), rows of the driver in 1 partition
      ├─ closure  ReduceByKey (main.go:5) map side: no code
      └─ output   shuffle by hash into 8 partitions
`
	if got := Explain(join()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestExplainKeptRows draws the stage that keeps rows for a sort, and one that
// reads them.
func TestExplainKeptRows(t *testing.T) {
	one := &plan.Partitioner{Kind: plan.SinglePartitioner, N: 1}
	got := Explain(&wire.Explained{Action: "Count", Site: site(9), Stages: []plan.StageExplain{
		{
			Stage: plan.Stage{Key: "k", Name: "ReduceByKey → SortByKey rows", Sink: plan.Sink{Op: op("SortByKey", 7, "rows"), Part: one},
				Pipe: plan.Pipe{Source: plan.Source{Op: op("ReduceByKey", 5, "reduce"), Wide: []plan.Input{{Shuffle: "nowhere"}}}}},
		},
		{
			Stage: plan.Stage{Key: "s", Kind: plan.ResultStage, Name: "SortByKey → SortByKey sample", Parents: []plan.Parent{{Key: "k"}},
				Pipe: plan.Pipe{Source: plan.Source{Op: op("SortByKey", 7, "kept"), Wide: []plan.Input{{Shuffle: "k", Own: true}}}},
				Sink: plan.Sink{Op: op("SortByKey", 7, "sample"), Part: one}},
		},
	}})
	want := `Count (main.go:9)
└─ stage 2: SortByKey → SortByKey sample
   ├─ source   SortByKey (main.go:7) kept side, reads the rows kept by stage 1
   ├─ output   shuffle into one partition
   └─ stage 1: ReduceByKey → SortByKey rows
      ├─ source   ReduceByKey (main.go:5)
      └─ output   kept where they are: they are read twice
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestExplainSkewJoin draws the stages by which a join splits hot keys.
func TestExplainSkewJoin(t *testing.T) {
	skew := func(hot plan.StageKey, from int64) *plan.Partitioner {
		return &plan.Partitioner{Kind: plan.SkewPartitioner, N: 8, Hot: hot, HotFrom: from}
	}
	got := Explain(&wire.Explained{Action: "Count", Site: site(9), Stages: []plan.StageExplain{
		{Stage: plan.Stage{Key: "k", Name: "Distinct → Join rows", Pipe: plan.Pipe{Source: plan.Source{Op: op("Distinct", 5, "reduce"), Wide: []plan.Input{{Shuffle: "nowhere"}}}},
			Sink: plan.Sink{Op: op("Join", 7, "left.rows"), Part: &plan.Partitioner{Kind: plan.SinglePartitioner, N: 1}}}},
		{Stage: plan.Stage{Key: "h", Kind: plan.ValueStage, Name: "Join hot keys", Parents: []plan.Parent{{Key: "k"}},
			Pipe: plan.Pipe{Source: plan.Source{Op: op("Join", 7, "samples"), Wide: []plan.Input{{Shuffle: "k"}}}}, Sink: plan.Sink{Op: op("Join", 7, "hot"), Part: skew("", 64<<20)}}},
		{Stage: plan.Stage{Key: "m", Kind: plan.ResultStage, Name: "Range → Join", Parents: []plan.Parent{{Key: "h", Kind: plan.Value}},
			Pipe: plan.Pipe{Source: plan.Source{Op: op("Range", 2, ""), Range: &plan.Range{Count: 9, N: 2}}}, Sink: plan.Sink{Op: op("Join", 7, "left"), Part: skew("h", 0)}}},
	}})
	want := `Count (main.go:9)
└─ stage 3: Range → Join
   ├─ source   Range (main.go:2), 9 numbers in 2 partitions
   ├─ output   shuffle by hash, hot keys split, into 8 partitions
   └─ stage 2: Join hot keys
      ├─ source   Join (main.go:7) samples side, reads the shuffle of stage 1
      ├─ output   the keys that have 64 MiB of one side or more, for the stages that split them
      └─ stage 1: Distinct → Join rows
         ├─ source   Distinct (main.go:5)
         └─ output   kept where they are: they are read twice
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestExplainBarrier says that tasks wait for one another.
func TestExplainBarrier(t *testing.T) {
	pipe := plan.Pipe{Source: plan.Source{Op: op("Range", 1, ""), Range: &plan.Range{Count: 9, N: 2}}, Ops: []plan.Op{op("MapPartitionsWithBarrier", 5, "")}}
	got := Explain(&wire.Explained{Action: "Count", Site: site(9), Stages: []plan.StageExplain{{
		Stage: plan.Stage{Key: "r", Kind: plan.ResultStage, Name: "Range → MapPartitionsWithBarrier → Count", Barrier: true, Pipe: pipe, Sink: plan.Sink{Op: op("Count", 9, "")}},
	}}})
	want := `Count (main.go:9)
└─ stage 1: Range → MapPartitionsWithBarrier → Count
   ├─ source   Range (main.go:1), 9 numbers in 2 partitions
   └─ barrier  all tasks at once: they wait for one another
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestExplainWithoutParts draws what a program of another build may send.
func TestExplainWithoutParts(t *testing.T) {
	x := join()
	x.Stages[1].Pipe, x.Stages[2].Pipe = plan.PipeExplain{}, plan.PipeExplain{}
	x.Stages[2].Stage.Parents = append(x.Stages[2].Stage.Parents, plan.Parent{Key: "r"}, plan.Parent{Key: "a"})
	if got := Explain(x); strings.Count(got, "drawn above") != 2 {
		t.Errorf("got\n%s", got)
	}
	if got := Explain(&wire.Explained{Action: "Count", Site: site(1), Output: "out"}); got != "Count (main.go:1) into out\n" {
		t.Errorf("got %q", got)
	}
}

func TestPlansCountsThoseThatLookAlike(t *testing.T) {
	var p Plans
	for range 3 {
		p.Add(join())
	}
	other := &wire.Explained{Action: "Count", Site: site(1)}
	p.Add(other)
	p.Add(other)
	p.Add(join())
	var out strings.Builder
	if err := p.Draw(&out); err != nil || p.Len() != 6 {
		t.Fatal(p.Len(), err)
	}
	want := strings.Replace(Explain(join()), "\n", ", 4 times\n", 1) + "\nCount (main.go:1), 2 times\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if err := p.Draw(full{}); err == nil {
		t.Error("a writer's error is lost")
	}
}

// full is a writer without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("full") }
