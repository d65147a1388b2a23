package msg

import (
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers answer as tests want.
type answers struct {
	work, put, get func(*Stream) error
}

func (s answers) Work(st *Stream) error    { return s.work(st) }
func (s answers) Drive(st *Stream) error   { return errors.New("nobody drives") }
func (s answers) PutBlob(st *Stream) error { return s.put(st) }
func (s answers) GetBlob(st *Stream) error { return s.get(st) }
func (s answers) Ask(st *Stream) error     { return errors.New("nobody answers") }
func (s answers) Tell(st *Stream) error    { return errors.New("nobody obeys") }
func (s answers) Detach(st *Stream) error  { return errors.New("nobody detaches") }
func (s answers) Enrol(*Stream) error      { return errors.New("nobody enrols") }
func (s answers) Renew(*Stream) error      { return errors.New("nobody renews") }

// dial starts a server and connects to it.
func dial(t *testing.T, s answers, token string) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(ServerOptions(), RequireToken(func(t string) bool { return t == "good" }))...)
	Register(server, s)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return conn
}

func open(t *testing.T, conn *grpc.ClientConn, method string) *Stream {
	t.Helper()
	st, err := Dial(t.Context(), conn, method)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// good has a message of each type that the zero value is no good message of.
var good = []any{
	&wire.Begin{N: 1, Plan: []byte("p"), Partitions: []int{1, 3}, Ahead: 2}, &wire.Taken{N: 1, Gen: 2, Partitions: []int{7}},
	&wire.Portion{N: 1, At: 2, Updates: []plan.StageUpdates{{Stage: "s", Tasks: []plan.TaskUpdates{{Partition: 2, Updates: plan.Updates("u")}}}}},
	&wire.Added{N: 1, Updates: []plan.StageUpdates{{Stage: "s", Own: true, Tasks: []plan.TaskUpdates{{Partition: 2, Updates: plan.Updates("u")}}}}},
	&wire.Result{N: 1, Partition: 4, Bytes: []byte("b"), Address: "a"},
	&wire.ActionEnd{Status: plan.ActionStatus{ID: plan.ActionID{Job: "j", N: 1}, State: plan.ActionFailed},
		Trouble: &wire.Trouble{Text: "t", Path: "p", Kind: 2, Stage: &plan.StageError{Partition: 3}}},
	model.Copy{Job: "j", Exec: 1, Block: model.BlockID{RDD: "c", Gen: 1, Partition: 2}, From: []plan.WorkerID{"w"}},
	model.CopyDone{Job: "j", Block: model.HeldBlock{BlockID: model.BlockID{RDD: "c", Partition: 2}, Bytes: 9}, Done: true},
	Launch{Launch: model.Launch{Tasks: []model.Assignment{{Attempt: model.AttemptID{Seq: 4}}}}, Plan: "d", Splits: [][]plan.PipeSplit{{{At: 1, Split: []byte("s")}}}},
}

// Every message arrives as it was sent, several to a frame.
func TestMessagesArrive(t *testing.T) {
	ms := append([]any{}, good...)
	have := map[reflect.Type]bool{}
	for _, m := range good {
		have[reflect.TypeOf(m)] = true
	}
	for _, typ := range Types() {
		switch {
		case have[typ]:
		case typ.Kind() == reflect.Pointer:
			ms = append(ms, reflect.New(typ.Elem()).Interface())
		default:
			ms = append(ms, reflect.New(typ).Elem().Interface())
		}
	}
	conn := dial(t, answers{work: func(st *Stream) error {
		for {
			m, err := st.Receive()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = st.Send(m)
			}
			if err != nil {
				return err
			}
		}
	}}, "good")
	st := open(t, conn, MethodWork)
	if err := errors.Join(st.Send(ms...), st.Send(), st.CloseSend()); err != nil {
		t.Fatal(err)
	}
	for _, want := range ms {
		got, err := st.Receive()
		if err != nil {
			t.Fatalf("in place of %T: %v", want, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%T (-want +got):\n%s", want, d)
		}
	}
	if m, err := st.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, %v", m, err)
	}
	if err := st.Send(3); err == nil {
		t.Error("a number was sent")
	}
}

func TestTokens(t *testing.T) {
	for _, token := range []string{"", "bad"} {
		conn := dial(t, answers{work: func(*Stream) error { return nil }}, token)
		_, err := open(t, conn, MethodWork).Receive()
		if err == nil || !strings.Contains(err.Error(), "missing or wrong") {
			t.Errorf("token %q: %v", token, err)
		}
	}
	conn := dial(t, answers{}, "good")
	if _, err := open(t, conn, MethodDrive).Receive(); err == nil || !strings.Contains(err.Error(), "nobody drives") {
		t.Errorf("got %v", err)
	}
}

func TestBlobs(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789"), 100_000)
	d := plan.DigestOf(big)
	var taken []byte
	conn := dial(t, answers{
		put: func(st *Stream) error {
			m, err := st.Receive()
			head, ok := m.(BlobHead)
			if err != nil || !ok {
				return err
			}
			if head.Digest != d {
				return st.Send(BlobDone{Error: "not this one"})
			}
			taken, err = io.ReadAll(st.Body(head.Size))
			return errors.Join(err, st.Send(BlobDone{}))
		},
		get: func(st *Stream) error {
			m, err := st.Receive()
			head, ok := m.(BlobHead)
			switch {
			case err != nil || !ok:
				return err
			case head.Digest != d:
				return st.Give(head.Digest, 0, nil, errors.New("nobody has it"))
			case head.Look:
				return st.Send(BlobHead{Digest: d, Size: 1})
			}
			return st.Give(d, int64(len(big)), bytes.NewReader(big), nil)
		},
	}, "good")
	if err := open(t, conn, MethodPutBlob).Put("j", d, int64(len(big)), bytes.NewReader(big)); err != nil || !bytes.Equal(taken, big) {
		t.Errorf("%d bytes were taken, %v", len(taken), err)
	}
	if err := open(t, conn, MethodPutBlob).Put("j", "x", 3, strings.NewReader("abc")); err == nil || err.Error() != "not this one" {
		t.Errorf("got %v", err)
	}
	size, r, err := open(t, conn, MethodGetBlob).Get(d)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || size != int64(len(big)) || !bytes.Equal(got, big) {
		t.Errorf("%d of %d bytes, %v", len(got), size, err)
	}
	if _, _, err := open(t, conn, MethodGetBlob).Get("x"); err == nil || err.Error() != "nobody has it" {
		t.Errorf("got %v", err)
	}
	for digest, want := range map[plan.Digest]bool{d: true, "x": false} {
		if got, err := open(t, conn, MethodGetBlob).Look(digest); err != nil || got != want {
			t.Errorf("%s: %v, %v", digest, got, err)
		}
	}
}

// A blob that is cut short, or has more than was said, is none.
func TestBlobOfAnotherSize(t *testing.T) {
	for name, parts := range map[string][]any{
		"short": {BlobPart{Bytes: []byte("ab")}}, "long": {BlobPart{Bytes: []byte("abcd")}}, "something else": {BlobDone{}},
	} {
		conn := dial(t, answers{get: func(st *Stream) error {
			if _, err := st.Receive(); err != nil {
				return err
			}
			return st.Send(append([]any{BlobHead{Digest: "d", Size: 3}}, parts...)...)
		}}, "good")
		_, r, err := open(t, conn, MethodGetBlob).Get("d")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err == nil {
			t.Errorf("%s: %q", name, b)
		}
	}
}

func TestBadFrames(t *testing.T) {
	for name, frame := range map[string][]byte{
		"no length": {kindLease}, "long": {kindLease, 200, 1}, "unknown kind": {250, 0}, "huge length": {kindLease, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"bomb": {kindLocations, 5, 0xdd, 0x7f, 0xff, 0xff, 0xff}, "empty body": {kindLease, 0},
	} {
		if ms, err := split(frame); err == nil {
			t.Errorf("%s: %v", name, ms)
		}
	}
	for _, bad := range []any{
		model.TaskDone{Rows: -1}, model.TaskFailed{Class: 200}, model.TaskStarted{Attempt: model.AttemptID{Partition: -1}}, model.Attach{Slots: -1},
		model.Attach{Inventory: model.Inventory{Outputs: []model.MapOutput{{Partition: -1}}}}, model.OutputVerdict{Verdict: 9},
		Launch{Splits: [][]plan.PipeSplit{nil}}, model.Locations{Lost: []int{-1}}, &wire.Begin{N: 1, Partitions: []int{2, 2}}, &wire.Taken{N: 1, Partitions: []int{-1}},
		&wire.Result{N: 1, Partition: -1}, &wire.ActionEnd{}, &wire.Added{}, &wire.Portion{N: 1, At: -1}, &wire.Shown{Accumulators: make([]plan.Shown, plan.MaxShown+1)}, BlobHead{Size: -1},
	} {
		kind, body, err := table.Encode(bad)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := table.Decode(kind, body); err == nil {
			t.Errorf("%T passed: %+v", bad, m)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, m := range good {
		kind, body, err := table.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{kind, byte(len(body))}, body...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, err := split(b)
		if err != nil {
			return
		}
		for _, m := range ms {
			if _, _, err := table.Encode(m); err != nil {
				t.Fatalf("%+v was read and cannot be sent: %v", m, err)
			}
		}
	})
}
