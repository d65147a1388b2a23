package master

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// What cannot be a worker or a driver is told why, and the master goes on.
func TestRefused(t *testing.T) {
	w := watch(t)
	from := model.From{Protocol: msg.Protocol, Worker: "w", Inc: 1}
	old := from
	old.Protocol = msg.Protocol - 1
	elsewhere := from
	elsewhere.Cluster = "another"
	path := from
	path.Worker = "../w"
	d := plan.DigestOf([]byte("nobody uploaded it"))
	there := w.put("a program")
	files := func(fs ...msg.File) msg.Open {
		return msg.Open{Protocol: msg.Protocol, Programs: forHere(there), Files: fs, Code: there}
	}
	for _, c := range []struct {
		method string
		says   any
		want   string
	}{
		{msg.MethodWork, model.Attach{From: old, Store: "s", Slots: 1}, fmt.Sprintf("speaks protocol %d, this master %d: use one release", old.Protocol, msg.Protocol)},
		{msg.MethodWork, model.Attach{From: elsewhere, Store: "s", Slots: 1}, "belongs to cluster another"},
		{msg.MethodWork, model.Attach{From: path, Store: "s", Slots: 1}, `"../w" is no name`},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Platform: plan.Here, Slots: 1, Rack: "<b>"}, `worker w: rack "<b>"`},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Platform: plan.Here, Slots: 1, Labels: []string{"x"}}, `worker w: label "x": give KEY=VALUE`},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Platform: plan.Here, Slots: 1, Version: "\x1b[2J"}, "worker w has version"},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Platform: plan.Here, Slots: 1, Hosts: make([]string, 65)}, "its machine has 65 names: the most is 64"},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Slots: 1, Platform: "<script>/x"}, `runs on "<script>/x", which is no platform`},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Platform: plan.Here, Slots: 1_000_000_000}, "says that it has 1000000000 slots: the most is 4096"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol + 1, Programs: forHere(d)}, fmt.Sprintf("speaks protocol %d, this master %d: use one release", msg.Protocol+1, msg.Protocol)},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol}, "programs for 0 platforms"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Programs: forHere(d)}, "the program for " + string(plan.Here) + " was not uploaded"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Programs: forHere("../../etc/passwd")}, "was not uploaded"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Programs: []model.Program{{Platform: "../x", Binary: d}}}, `"../x" is no platform`},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Programs: append(forHere(there), forHere(there)...)}, "two programs for " + string(plan.Here)},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Programs: forHere(there)}, "does not say what code it has"},
		{msg.MethodDrive, files(msg.File{Name: "f", Digest: d}), `file "f" was not uploaded`},
		{msg.MethodDrive, files(msg.File{Name: "../f", Digest: there}), `file "../f": give it a plain name`},
		{msg.MethodDrive, files(msg.File{Name: "f", Digest: there}, msg.File{Name: "f", Digest: there}), `two files are named "f"`},
		{msg.MethodDrive, files(make([]msg.File, wire.MaxFiles+1)...), "was not uploaded"},
		{msg.MethodDetach, msg.Detach{Open: msg.Open{Protocol: msg.Protocol, Programs: forHere(d)}}, "was not uploaded"},
		{msg.MethodDetach, msg.Detach{Open: msg.Open{Protocol: msg.Protocol, Programs: forHere(there)}}, "no worker is there that could run the driver"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Programs: forHere(d), Name: strings.Repeat("n", 1000)}, "a name of 1000 bytes: the most is 256"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Programs: forHere(d), Args: []string{strings.Repeat("a", 2<<20)}}, "arguments and environment of 2097153 bytes: the most is 2097152"},
	} {
		_, m := w.open(c.method, c.says)
		if r, ok := m.(msg.Refused); !ok || !strings.Contains(r.Why, c.want) {
			t.Errorf("%s, %.200v: %+v", c.method, c.says, m)
		}
	}
	if got := len(w.m.Workers()); got != 0 {
		t.Errorf("%d workers are there", got)
	}
	w.attach("good")
	w.submit("good")
	foreign := msg.Open{Protocol: msg.Protocol, Programs: []model.Program{{Platform: "plan9/arm", Binary: there}}, Code: there}
	for _, c := range []struct {
		method string
		says   any
		want   string
	}{
		{msg.MethodDrive, foreign, "its program is for plan9/arm, and the workers here are " + string(plan.Here)},
		{msg.MethodDetach, msg.Detach{Open: foreign}, "no worker is there that could run the driver"},
	} {
		_, m := w.open(c.method, c.says)
		if r, ok := m.(msg.Refused); !ok || !strings.Contains(r.Why, c.want) {
			t.Errorf("%s of a program for others: %+v", c.method, m)
		}
	}
}

// counting is a plan of one stage that counts numbers.
func counting(partitions int) plan.Stage {
	return plan.Stage{Key: "r", Kind: plan.ResultStage, Pipe: plan.Pipe{Source: plan.Source{Range: &plan.Range{Step: 1, Count: 1, N: partitions}}}}
}

// of is a map stage that reads another one.
func of(key, reads plan.StageKey) plan.Stage {
	return plan.Stage{Key: key, Pipe: plan.Pipe{Source: plan.Source{Wide: []plan.Input{{Shuffle: reads}}}}, Parents: []plan.Parent{{Key: reads}},
		Sink: plan.Sink{Part: &plan.Partitioner{N: 2}}}
}

// nested is a pipe within a pipe, and so on.
func nested(depth int) plan.Stage {
	st := counting(1)
	for range depth {
		st.Pipe = plan.Pipe{Source: plan.Source{Union: []plan.Pipe{st.Pipe}}}
	}
	return st
}

// hostile are plans that no program of ours sends, with what the action's end must
// say; "" means that the job ends, and "done" that the action may run.
func hostile(t *testing.T) map[string]struct {
	plan []byte
	want string
} {
	encoded := func(stages ...plan.Stage) []byte {
		b, err := plan.Encode(&plan.Plan{Action: "Test", Target: "r", Stages: stages})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	many := []plan.Stage{counting(1)}
	for i := range 20_000 {
		many = append(many, plan.Stage{Key: plan.StageKey(fmt.Sprint(i)), Sink: plan.Sink{Part: &plan.Partitioner{}}})
	}
	reader := of("r", "a")
	reader.Kind = plan.ResultStage
	kind := counting(1)
	kind.Kind = 255
	return map[string]struct {
		plan []byte
		want string
	}{
		"cycle":          {encoded(of("a", "b"), of("b", "a"), reader), "has a cycle"},
		"itself":         {encoded(of("a", "a"), reader), "has a cycle"},
		"partitions":     {encoded(counting(2_000_000)), "2000000 partitions: too many partitions: the most is 1000000"},
		"below zero":     {encoded(counting(-1)), "-1 partitions"},
		"no such kind":   {encoded(kind), "it is of kind 255"},
		"no target":      {encoded(), "no target stage"},
		"many stages":    {encoded(many...), "20001 stages: the most is 10000"},
		"deep":           {encoded(nested(2000)), "done"},
		"too deep":       {encoded(nested(5000)), ""},
		"garbage":        {[]byte("garbage"), ""},
		"huge count":     {[]byte{0xdd, 0x7f, 0xff, 0xff, 0xff}, ""},
		"begun twice":    {nil, ""},
		"nothing at all": {[]byte{}, ""},
	}
}

// What no program of ours sends ends its own action or job, and says why. Another
// job goes on beside it.
func TestHostilePlans(t *testing.T) {
	for name, c := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, workers, drivers := startMaster(t)
				w := workers.holds(t, "w1")
				good, bad := drivers.drives(t), drivers.drives(t)
				good.begin(1, 2)
				synctest.Wait() // its attempts are the first that end below
				if c.plan == nil {
					bad.begin(1, 2)
					bad.begin(1, 3)
				} else {
					bad.job.Heed(&wire.Begin{N: 1, Plan: c.plan})
				}
				time.Sleep(40 * time.Second)
				got := ""
				if ends := heard[*wire.ActionEnd](bad); len(ends) > 0 && ends[0].Trouble != nil {
					got = ends[0].Trouble.Text
				}
				jobEnds := heard[*wire.JobEnd](bad)
				switch {
				case c.want == "done":
					if got != "" || len(jobEnds) > 0 {
						t.Errorf("got %q, %v", got, jobEnds)
					}
				case c.want == "" && len(jobEnds) == 0, !strings.Contains(got, c.want):
					t.Errorf("got %q, want %q; %v", got, c.want, jobEnds)
				}
				w.end(2)
				if ends := heard[*wire.ActionEnd](good); len(ends) != 1 || ends[0].Status.State != plan.ActionDone {
					t.Errorf("the other job: %+v", ends)
				}
			})
		})
	}
}

// Who connects and says nothing is let go of, and so is who has no call under way.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r, _ := startMaster(t)
		silent, err := r.dial(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := io.Copy(io.Discard, silent); err != nil {
			t.Error(err)
		}
		if d := time.Since(begun); d > 15*time.Second {
			t.Errorf("it may be silent for %s", d)
		}
		conn := r.conn(t)
		conn.Connect()
		synctest.Wait()
		if s := conn.GetState(); s != connectivity.Ready {
			t.Fatalf("the connection is %s", s)
		}
		time.Sleep(3 * time.Minute)
		if s := conn.GetState(); s != connectivity.Idle {
			t.Errorf("a connection without a call is %s", s)
		}
	})
}

// A call's headers, and how many calls a connection has, are bounded.
func TestCallsAreBounded(t *testing.T) {
	w := watch(t)
	long := metadata.AppendToOutgoingContext(t.Context(), "x", strings.Repeat("x", 100<<10))
	if st, err := msg.Dial(long, w.conn, msg.MethodAsk); err == nil {
		if _, err := st.Ask(msg.Ask{About: msg.AboutTotals}); err == nil {
			t.Error("a call with headers of 100 KiB is answered")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan *msg.Stream)
	go func() {
		defer close(opened)
		for {
			st, err := msg.Dial(ctx, w.conn, msg.MethodWork)
			if err != nil {
				return
			}
			opened <- st
		}
	}()
	for range 256 {
		<-opened
	}
	select {
	case <-opened:
		t.Error("a connection has 257 calls")
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	for range opened {
	}
	w.answer(msg.MethodAsk, msg.Ask{About: msg.AboutTotals}, new(status.Totals))
}

// A worker that tells of more than it may, or of what cannot be, is not heard: its stream
// ends, and the master goes on. As much as is allowed is taken.
func TestReportsAreBounded(t *testing.T) {
	w := watch(t)
	held := func(n, partition int, bytes int64) []model.HeldBlock {
		all := make([]model.HeldBlock, n)
		for i := range all {
			all[i] = model.HeldBlock{BlockID: model.BlockID{RDD: "c", Partition: partition}, Bytes: bytes}
		}
		return all
	}
	ids := func(n int) []model.BlockID { return slices.Repeat([]model.BlockID{{RDD: "c", Partition: 1}}, n) }
	const most = plan.MaxBlocks
	for name, c := range map[string]struct {
		report any
		good   bool
	}{
		"updates":                     {model.TaskDone{Updates: make(plan.Updates, plan.MaxUpdates)}, true},
		"too many bytes of updates":   {model.TaskDone{Updates: make(plan.Updates, plan.MaxUpdates+1)}, false},
		"blocks":                      {model.TaskDone{Blocks: held(most, plan.MaxPartitions-1, 1<<62)}, true},
		"too many blocks":             {model.TaskDone{Blocks: held(most+1, 1, 1)}, false},
		"a block beyond the last":     {model.TaskDone{Blocks: held(1, plan.MaxPartitions, 1)}, false},
		"a block before the first":    {model.TaskDone{Blocks: held(1, -1, 1)}, false},
		"a block of no bytes at all":  {model.TaskDone{Blocks: held(1, 1, -1)}, false},
		"a block of no RDD":           {model.TaskDone{Blocks: make([]model.HeldBlock, 1)}, false},
		"changed blocks":              {model.BlocksChanged{Job: "j", Added: held(most, 1, 1), Dropped: ids(most)}, true},
		"too many that came":          {model.BlocksChanged{Job: "j", Added: held(most+1, 1, 1)}, false},
		"too many that went":          {model.BlocksChanged{Job: "j", Dropped: ids(most + 1)}, false},
		"one that came from nowhere":  {model.BlocksChanged{Job: "j", Added: held(1, 1<<40, 1)}, false},
		"one that went and never was": {model.BlocksChanged{Job: "j", Dropped: []model.BlockID{{RDD: "c", Gen: -1}}}, false},
		"a copy":                      {model.CopyDone{Job: "j", Block: held(1, 1, 1)[0], Done: true}, true},
		"a copy of nothing":           {model.CopyDone{Job: "j", Done: true}, false},
		"a copy of less than nothing": {model.CopyDone{Job: "j", Block: held(1, 1, -1)[0]}, false},
		"no block that was missing":   {model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Block: &model.BlockID{}}}, false},
	} {
		st := w.attach("w")
		if err := st.Send(c.report); err != nil && c.good {
			t.Errorf("%s: %v", name, err)
		}
		obeyed := false
		for !obeyed {
			m, err := st.Receive()
			if err != nil {
				break
			}
			_, obeyed = m.(model.NewerTerm) // which the report does not know
		}
		_ = st.CloseSend() // it may have ended
		if obeyed != c.good {
			t.Errorf("%s: heard %v", name, obeyed)
		}
	}
	w.attach("good")
}
