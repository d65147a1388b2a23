package worker

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/web"
	"github.com/gordd-project/gordd/shuffle"
)

// A worker whose master is not there says that it lives, and what it has.
func TestMetrics(t *testing.T) {
	var ls [2]net.Listener
	for i := range ls {
		var err error
		if ls[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	w, err := New(Options{ID: "w", Store: "s", Master: "127.0.0.1:1", Dial: []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())},
		Data: ls[0], HTTP: ls[1], HTTPToken: "token", Dir: t.TempDir(), Slots: 3, Memory: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) string {
		r, err := http.NewRequest(http.MethodGet, "http://"+ls[1].Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer token")
		r.Close = true
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		if err != nil || answer.Body.Close() != nil {
			t.Errorf("%s: %v", path, err)
		}
		return answer.Status[:3] + " " + string(b)
	}
	if got := get("/healthz"); got != "200 ok\n" {
		t.Errorf("health: %q", got)
	}
	got := get("/metrics")
	for _, want := range []string{"gordd_worker_slots 3\n", "gordd_worker_memory_bytes 1.048576e+06\n", "gordd_worker_executors 0\n", "gordd_worker_outputs 0\n",
		"gordd_worker_served_bytes_total 0\n", "gordd_worker_fetched_bytes_total 0\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "lease_seconds") {
		t.Errorf("it never had a lease:\n%s", got)
	}
	if got := get("/"); !strings.HasPrefix(got, "404") {
		t.Errorf("a worker has no page: %s", got)
	}
	w.until.Store(int64(w.now()))
	w.store.add(&model.TaskDone{}, &shuffle.Output{})
	var m web.Metrics
	if w.collect(&m); !strings.Contains(m.String(), "gordd_worker_outputs 1\n") || !strings.Contains(m.String(), "gordd_worker_lease_seconds ") {
		t.Errorf("with a lease and an output:\n%s", m.String())
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
