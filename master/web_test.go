package master

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// watched is a master with pages, and a connection to it.
type watched struct {
	t    *testing.T
	m    *Master
	url  string
	conn *grpc.ClientConn
}

func watch(t *testing.T) *watched {
	t.Helper()
	var ls [2]net.Listener
	for i := range ls {
		var err error
		if ls[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	m, err := New(Options{Cluster: "test", Dir: t.TempDir(), Listener: ls[0], HTTP: ls[1], HTTPToken: "token"})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(ls[0].Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &watched{t, m, "http://" + ls[1].Addr().String(), conn}
}

// open opens a stream with its first message and gives the answer.
func (w *watched) open(method string, m any) (*msg.Stream, any) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	st, err := msg.Dial(ctx, w.conn, method)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := st.Send(m); err != nil {
		w.t.Fatal(err)
	}
	got, err := st.Receive()
	if err != nil {
		w.t.Fatal(err)
	}
	return st, got
}

// answer asks, or tells, and gives what was answered.
func (w *watched) answer(method string, q, to any) string {
	w.t.Helper()
	_, m := w.open(method, q)
	a, ok := m.(msg.Answer)
	if !ok {
		w.t.Fatalf("%T answers %+v", m, q)
	}
	if a.Error == "" && to != nil {
		if err := json.Unmarshal(a.JSON, to); err != nil {
			w.t.Fatal(err)
		}
	}
	return a.Error
}

func (w *watched) get(path string, code int) string {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.Body.Close() != nil || answer.StatusCode != code {
		w.t.Errorf("%s: %d, %v", path, answer.StatusCode, err)
	}
	return string(b)
}

// attach attaches a worker that does nothing.
func (w *watched) attach(id plan.WorkerID) *msg.Stream {
	w.t.Helper()
	st, m := w.open(msg.MethodWork, model.Attach{From: model.From{Protocol: msg.Protocol, Worker: id, Inc: 1}, Store: "s", Slots: 3, PID: 77,
		Addresses: []string{"127.0.0.1:1"}, Platform: plan.Here})
	if _, ok := m.(msg.Welcome); !ok {
		w.t.Fatalf("%T welcomes a worker", m)
	}
	return st
}

// put uploads a program or file.
func (w *watched) put(text string) plan.Digest {
	w.t.Helper()
	st, err := msg.Dial(w.t.Context(), w.conn, msg.MethodPutBlob)
	if err != nil {
		w.t.Fatal(err)
	}
	d := plan.DigestOf([]byte(text))
	if err := st.Put("", d, int64(len(text)), strings.NewReader(text)); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// submit opens a job.
func (w *watched) submit(name string) (*msg.Stream, plan.JobID) {
	w.t.Helper()
	digest := w.put("program")
	st, m := w.open(msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Key: name, Name: name, User: "somebody", Programs: forHere(digest), Code: digest})
	opened, ok := m.(msg.Opened)
	if !ok {
		w.t.Fatalf("%+v opens a job", m)
	}
	return st, opened.Job
}

func wants(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, s := range want {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(got, not) {
			t.Errorf("%s: want %q in\n%s", what, s, got)
		}
	}
}

func TestPages(t *testing.T) {
	w := watch(t)
	wants(t, "an empty cluster", w.get("/", 200), "Cluster test", "None yet", "0 workers", `http-equiv="refresh" content="2"`, "!<script")
	wants(t, "its metrics", w.get("/metrics", 200), "\ngordd_slots 0\n", `gordd_jobs{state="running"} 0`, "gordd_worker_stream_ends_total 0\n", "!gordd_workers{")
	if got := w.get("/healthz", 200); got != "ok\n" {
		t.Errorf("health: %q", got)
	}
	wants(t, "the style", w.get("/page.css", 200), "font")
	w.get("/other", 404)
	work := w.attach("w1")
	drive, id := w.submit("<b>evil</b>")
	// What others name does not become a part of the page.
	wants(t, "a busy cluster", w.get("/", 200), "!<b>evil", "&lt;b&gt;evil", string(id), "somebody", "w1", ">77<", "worker attached")
	wants(t, "its metrics", w.get("/metrics", 200), "\ngordd_slots 3\n", "gordd_slots_free 3\n", `gordd_workers{state="live"} 1`, "gordd_task_launches_total 0\n")
	if err := drive.Send(&wire.Shown{Accumulators: []plan.Shown{{Name: "bad <i>lines", Value: "12"}}}); err != nil {
		t.Fatal(err)
	}
	for counted := false; !counted; { // the master takes what it is sent one after another
		counted = len(w.m.Jobs()[0].Accumulators) > 0
		if t.Context().Err() != nil {
			t.Fatal("the master does not show accumulators")
		}
	}
	wants(t, "accumulators", w.get("/", 200), ", so far</h2>", "<td>bad &lt;i&gt;lines</td><td>12</td>")
	if why := w.answer(msg.MethodTell, msg.Tell{Cancel: id, Reason: "enough"}, nil); why != "" {
		t.Fatal(why)
	}
	for ended := false; !ended; {
		m, err := drive.Receive()
		if err != nil {
			t.Fatal(err)
		}
		_, ended = m.(*wire.JobEnd)
	}
	wants(t, "after the job", w.get("/metrics", 200), `gordd_jobs{state="cancelled"} 1`, `gordd_jobs{state="running"} 0`)
	wants(t, "after the job", w.get("/", 200), `<td class="cancelled">`, "enough", "<td>12</td>", "!, so far")
	if err := work.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := work.Receive(); err != nil {
			break
		}
	}
	wants(t, "after the worker's stream", w.get("/metrics", 200), "gordd_worker_stream_ends_total 1\n")
}

// A page of many jobs shows the last ones.
func TestPageIsBounded(t *testing.T) {
	w := watch(t)
	var first, last plan.JobID
	for i := range shownJobs + 2 {
		_, id := w.submit(strings.Repeat("n", i+1))
		if last = id; i == 0 {
			first = id
		}
	}
	got := w.get("/", 200)
	wants(t, "many jobs", got, "<td>"+string(last)+"</td>", "!<td>"+string(first)+"</td><td>n</td>", "2 earlier ones are in")
}

func TestAskAndTell(t *testing.T) {
	w := watch(t)
	w.attach("w1")
	if why := w.answer(msg.MethodAsk, msg.Ask{About: msg.AboutJob, Job: "x"}, nil); !strings.Contains(why, "this master has had no jobs") {
		t.Error(why)
	}
	_, one := w.submit("one")
	_, two := w.submit("two")
	var jobs []status.Job
	if why := w.answer(msg.MethodAsk, msg.Ask{About: msg.AboutJobs}, &jobs); why != "" || len(jobs) != 2 || jobs[0].ID != string(one) || jobs[1].Name != "two" {
		t.Errorf("%+v, %s", jobs, why)
	}
	var job status.Job
	if why := w.answer(msg.MethodAsk, msg.Ask{About: msg.AboutJob, Job: two[:len(two)-1]}, &job); why != "" || job.ID != string(two) || job.Over() {
		t.Errorf("by the beginning of its id: %+v, %s", job, why)
	}
	var workers []status.Worker
	if why := w.answer(msg.MethodAsk, msg.Ask{About: msg.AboutWorkers}, &workers); why != "" || len(workers) != 1 || workers[0].PID != 77 || workers[0].LeaseAge <= 0 || workers[0].State != "live" {
		t.Errorf("%+v, %s", workers, why)
	}
	var totals status.Totals
	if why := w.answer(msg.MethodAsk, msg.Ask{About: msg.AboutTotals}, &totals); why != "" || totals.Slots != 3 || totals.Workers != 1 {
		t.Errorf("%+v, %s", totals, why)
	}
	var stages []status.Stage
	if why := w.answer(msg.MethodAsk, msg.Ask{About: msg.AboutStages, Job: one}, &stages); why != "" || stages == nil || len(stages) != 0 {
		t.Errorf("%+v, %s", stages, why)
	}
	for q, want := range map[msg.Ask]string{
		{About: msg.AboutJob, Job: "2"}:                         "several begin so",
		{About: msg.AboutJob, Job: "x"}:                         "is unknown to this master; the last ones are " + string(one),
		{About: msg.AboutTasks, Job: one, Stage: "s"}:           "has no stage",
		{About: "weather", Job: one}:                            "is unknown to this master",
		{About: msg.AboutLog, Job: one, Worker: "w9", Log: "1"}: "w9",
	} {
		if why := w.answer(msg.MethodAsk, q, nil); !strings.Contains(why, want) {
			t.Errorf("%+v: %q, want %q", q, why, want)
		}
	}
	for tell, want := range map[msg.Tell]string{
		{}:              "does not know what is wanted",
		{Cancel: "x"}:   "is unknown",
		{Drain: "w9"}:   "there is no worker w9; there are w1",
		{Undrain: "w9"}: "there is no worker w9",
		{Undrain: "w1"}: "",
		{Cancel: one}:   "",
	} {
		if why := w.answer(msg.MethodTell, tell, nil); (want == "") != (why == "") || !strings.Contains(why, want) {
			t.Errorf("%+v: %q, want %q", tell, why, want)
		}
	}
}
