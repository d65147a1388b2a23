package master

import (
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
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
		{msg.MethodWork, model.Attach{From: old, Store: "s", Slots: 1}, "speaks protocol 0, this master 1: use one release"},
		{msg.MethodWork, model.Attach{From: elsewhere, Store: "s", Slots: 1}, "belongs to cluster another"},
		{msg.MethodWork, model.Attach{From: path, Store: "s", Slots: 1}, `"../w" is no name`},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Slots: 1, Platform: "<script>/x"}, `runs on "<script>/x", which is no platform`},
		{msg.MethodWork, model.Attach{From: from, Store: "s", Platform: plan.Here, Slots: 1_000_000_000}, "says that it has 1000000000 slots: the most is 4096"},
		{msg.MethodDrive, msg.Open{Protocol: msg.Protocol + 1, Programs: forHere(d)}, "speaks protocol 2, this master 1: use one release"},
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
