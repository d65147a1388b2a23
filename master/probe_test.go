package master

import (
	"net"
	"net/http/httptest"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/worker/transfer"
)

func TestKnock(t *testing.T) {
	worker := httptest.NewServer(transfer.NewServer(transfer.ServerOptions{Inc: 5}))
	defer worker.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, address string
		inc           model.Inc
		want          model.ProbeAnswer
	}{
		{"the process", worker.Listener.Addr().String(), 5, model.ProbeSame},
		{"a newer one", worker.Listener.Addr().String(), 4, model.ProbeOther},
		{"nobody", gone.Addr().String(), 5, model.ProbeRefused},
		{"one that is stopped", silent.Addr().String(), 5, model.ProbeTimeout},
		{"no address", "", 5, model.ProbeTimeout},
	} {
		if got := knock(c.address, c.inc, nil); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
