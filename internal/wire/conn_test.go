package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream is both ends of a connection in memory.
type stream struct{ bytes.Buffer }

func (*stream) Close() error { return nil }

var site = plan.Site{File: "main.go", Line: 12, Func: "main.run"}

func messages() []Message {
	status := &plan.ActionStatus{
		ID: plan.ActionID{Job: "local-1", N: 3}, Name: "Collect", Site: site, State: plan.ActionDone, Partitions: 4,
		Started: time.Unix(1700000000, 0), Elapsed: 3 * time.Second,
		Stages: []plan.StageStatus{{Key: "r1", Name: "Range → Collect", Kind: plan.ResultStage, Tasks: 4, Done: 4,
			Counters: plan.Counters{RowsIn: 1 << 40, Spilled: 7}}},
	}
	explained := &Explained{Action: "Collect", Site: site, Stages: []plan.StageExplain{{
		Stage: plan.Stage{Key: "r1", Kind: plan.ResultStage, Name: "x", Pipe: plan.Pipe{Source: plan.Source{Range: &plan.Range{Count: 3, Step: 1, N: 2}}}},
		Pipe: plan.PipeExplain{Source: plan.Op{Name: "Range"}, Union: []plan.PipeExplain{{Source: plan.Op{Name: "u"}}},
			Pieces: []plan.PieceExplain{{Ops: []plan.Op{{ID: "a", Name: "Map", Site: site}}, Way: plan.Fused, Why: "because"}}},
	}}}
	for kind := range plan.SkewPartitioner + 1 {
		explained.Stages = append(explained.Stages, plan.StageExplain{Stage: plan.Stage{Key: "m", Sink: plan.Sink{Part: &plan.Partitioner{Kind: kind}}}})
	}
	return []Message{
		&Options{Cores: 2, Memory: 256 << 20, MaxResult: 9, Scratch: "/x", Fresh: true, Explain: true}, &Options{},
		&Started{Program: "words", PID: 7}, status, &Notice{Text: "näh\x00\xff"}, explained,
		&Seen{ID: plan.ActionID{Job: "j", N: 1}}, &Cancel{Now: true}, &Ended{Code: 130},
		&TaskPlan{Digest: "d", Plan: []byte{1}}, &ForgetPlan{Digest: "d"}, &ForgetShuffle{Stage: "s"},
		&RunTask{Seq: 3, Plan: "d", Stage: "s", Task: plan.Task{Partition: 7, Attempt: "1.2", Inputs: []plan.ShuffleInput{{Stage: "m", Parts: []byte("p"), Partition: 7}}}},
		&KillTask{Seq: 3, Reason: "enough"}, &TaskEnded{Seq: 3, Result: &plan.Result{Rows: 5, Value: []byte("v")}},
		&TaskEnded{Seq: 4, Failure: &plan.Failure{Class: plan.FailFetch, Fetch: &plan.FetchSource{Stage: "m", Map: 2}}},
		&WantBlob{Digest: "d"}, &BlobAt{Digest: "d", Path: "/x"},
		&WantInput{Seq: 4, Attempt: "1.2", Shuffle: "m", Partition: 3}, &InputAt{Seq: 4, Parts: []byte("p")},
		&InputAt{Seq: 5, Failure: &plan.Failure{Class: plan.FailFetch, Fetch: &plan.FetchSource{Stage: "m", Map: 2}}},
		&Arrive{Attempt: "1.2", Round: 3, Data: []byte("m")}, &Gathered{Attempt: "1.2", Round: 3, Data: [][]byte{[]byte("m"), {}}}, &Gathered{Error: "no"},
	}
}

// TestEveryStageIsExplained: whatever a stage's rows are placed by.
func TestEveryStageIsExplained(t *testing.T) {
	x := &Explained{Action: "Count", Site: site}
	for kind := plan.PartitionerKind(0); kind.Known(); kind++ {
		x.Stages = append(x.Stages, plan.StageExplain{Stage: plan.Stage{Key: "s", Sink: plan.Sink{Part: &plan.Partitioner{Kind: kind}}}})
	}
	s := &stream{}
	c := New(s)
	if err := c.Send(x); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Receive(); err != nil || len(m.(*Explained).Stages) != int(plan.SkewPartitioner)+1 {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestMessagesArriveAsSent(t *testing.T) {
	s := &stream{}
	c := New(s)
	for _, m := range messages() {
		if err := c.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range messages() {
		got, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%T (-want +got):\n%s", want, d)
		}
	}
	if _, err := c.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestSendRefusesOthers(t *testing.T) {
	if err := New(&stream{}).Send(7); err == nil {
		t.Error("a number was sent")
	}
	big := &Notice{Text: strings.Repeat("x", plan.MaxEncoded)}
	if err := New(&stream{}).Send(big); !errors.Is(err, plan.ErrTooLarge) {
		t.Errorf("a large notice: %v", err)
	}
}

// header makes a frame's header.
func header(version, kind byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{version, kind, 0, 0}, n)
}

func TestReceiveRefuses(t *testing.T) {
	body := func(m any) []byte {
		kind, b, err := table.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		return append(header(Version, kind, uint32(len(b))), b...)
	}
	whole := body(&Notice{Text: "hello"})
	for name, test := range map[string]struct {
		in   []byte
		want string
	}{
		"cut header":     {whole[:5], "unexpected EOF"},
		"cut body":       {whole[:len(whole)-1], "unexpected EOF"},
		"no body":        {whole[:headerSize], "unexpected EOF"},
		"other version":  {header(Version+1, kindNotice, 0), "another release"},
		"unknown kind":   {header(Version, 99, 0), "none of ours"},
		"kind zero":      {header(Version, 0, 0), "none of ours"},
		"reserved bytes": {[]byte{Version, kindNotice, 1, 0, 0, 0, 0, 0}, "none of ours"},
		"huge frame":     {header(Version, kindNotice, 1<<31), "too large"},
		"long, not sent": {header(Version, kindNotice, plan.MaxEncoded), "unexpected EOF"},
		"empty body":     {header(Version, kindNotice, 0), "cut short"},
		"bomb":           {append(header(Version, kindStatus, 5), 0xdd, 0x7f, 0xff, 0xff, 0xff), "cut short"},
		"bad state":      {body(&plan.ActionStatus{State: 77}), "none of its kind"},
		"bad stage kind": {body(&plan.ActionStatus{Stages: []plan.StageStatus{{Kind: 9}}}), "none of its kind"},
		"negative tasks": {body(&plan.ActionStatus{Stages: []plan.StageStatus{{Tasks: -1}}}), "none of its kind"},
		"no end":         {body(&TaskEnded{}), "none of its kind"},
		"two ends":       {body(&TaskEnded{Result: &plan.Result{}, Failure: &plan.Failure{Class: plan.FailUser}}), "none of its kind"},
		"bad class":      {body(&TaskEnded{Failure: &plan.Failure{Class: 200}}), "none of its kind"},
		"negative map":   {body(&TaskEnded{Failure: &plan.Failure{Class: plan.FailFetch, Fetch: &plan.FetchSource{Map: -1}}}), "none of its kind"},
		"negative rows":  {body(&TaskEnded{Result: &plan.Result{Rows: -1}}), "none of its kind"},
		"bad partition":  {body(&RunTask{Task: plan.Task{Partition: -1}}), "none of its kind"},
		"no partition":   {body(&WantInput{Shuffle: "m", Partition: -1}), "none of its kind"},
		"no input":       {body(&InputAt{}), "none of its kind"},
		"input and none": {body(&InputAt{Parts: []byte("p"), Failure: &plan.Failure{Class: plan.FailFetch}}), "none of its kind"},
		"no such class":  {body(&InputAt{Failure: &plan.Failure{Class: 200}}), "none of its kind"},
		"bad stage": {body(&Explained{Stages: []plan.StageExplain{{Stage: plan.Stage{
			Sink: plan.Sink{Part: &plan.Partitioner{Kind: 9}}}}}}), "none of its kind"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stream{}
			s.Write(test.in)
			m, err := New(s).Receive()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want an error with %q", m, err, test.want)
			}
		})
	}
}

// failing takes half of what is written.
type failing struct{ stream }

func (f *failing) Write(b []byte) (int, error) {
	n, _ := f.stream.Write(b[:len(b)/2])
	return n, io.ErrClosedPipe
}

func TestSendStopsAfterHalfAFrame(t *testing.T) {
	f := &failing{}
	c := New(f)
	first := c.Send(&Ended{})
	n := f.Len()
	if err := c.Send(&Ended{}); !errors.Is(first, io.ErrClosedPipe) || !errors.Is(err, first) || f.Len() != n {
		t.Errorf("second send: %v and %d bytes, want the first's error and %d", err, f.Len(), n)
	}
}

func FuzzReceive(f *testing.F) {
	for _, m := range messages() {
		s := &stream{}
		if err := New(s).Send(m); err != nil {
			f.Fatal(err)
		}
		f.Add(s.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &stream{}
		s.Write(b)
		m, err := New(s).Receive()
		if err != nil {
			return
		}
		if st, ok := m.(*plan.ActionStatus); ok {
			_ = st.State.String() // must not be out of its range
		}
		again := &stream{}
		if err := New(again).Send(m); err != nil {
			t.Fatalf("%+v was read and cannot be sent: %v", m, err)
		}
		if _, err := New(again).Receive(); err != nil {
			t.Fatalf("%+v was read and sent and cannot be read: %v", m, err)
		}
	})
}
