package master

import (
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// What cannot be a worker or a driver is told why, and the master goes on.
func TestRefused(t *testing.T) {
	w := watch(t)
	from := model.From{Protocol: msg.Protocol, Worker: "w", Inc: 1}
	old := from
	old.Protocol = msg.Protocol - 1
	foreign := from
	foreign.Cluster = "another"
	path := from
	path.Worker = "../w"
	d := plan.DigestOf([]byte("nobody uploaded it"))
	for _, c := range []struct {
		method string
		says   any
		want   string
	}{
		{msg.MethodWork, model.Attach{From: old, Store: "s", Slots: 1}, "speaks protocol 0, this master 1: use one release"},
		{msg.MethodWork, model.Attach{From: foreign, Store: "s", Slots: 1}, "belongs to cluster another"},
		{msg.MethodWork, model.Attach{From: path, Store: "s", Slots: 1}, `"../w" is no name`},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Slots: 1_000_000_000}, "says that it has 1000000000 slots: the most is 4096"},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Slots: 1, Hosts: make([]string, 65)}, "its machine has 65 names: the most is 64"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol + 1, Binary: d}, "speaks protocol 2, this master 1: use one release"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Binary: d}, "the program was not uploaded"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Binary: "../../etc/passwd"}, "the program was not uploaded"},
		{msg.MethodDetach, msg.Detach{Open: msg.Open{Protocol: msg.Protocol, Binary: d}}, "the program was not uploaded"},
	} {
		_, m := w.open(c.method, c.says)
		if r, ok := m.(msg.Refused); !ok || !strings.Contains(r.Why, c.want) {
			t.Errorf("%s, %+v: %+v", c.method, c.says, m)
		}
	}
	if got := len(w.m.Workers()); got != 0 {
		t.Errorf("%d workers are there", got)
	}
	w.attach("good")
	w.submit("good")
}
