package gossip

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/hashicorp/serf/serf"
)

// told feeds a roster one event about process name of peer id.
func told(t *testing.T, r *roster, kind serf.EventType, name, id string) (kinds []Kind) {
	t.Helper()
	s, err := Tags{Role: Worker, ID: id}.encode("c1")
	if err != nil {
		t.Fatal(err)
	}
	m := serf.Member{Name: name, Addr: net.IPv4(10, 0, 0, 1), Port: 1, Tags: map[string]string{tagKey: s}}
	for _, e := range r.update(serf.MemberEvent{Type: kind, Members: []serf.Member{m}}) {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestThePeerLivesAsLongAsOneOfItsProcesses(t *testing.T) {
	r := newRoster("self", "c1")
	for _, step := range []struct {
		event serf.EventType
		name  string
		want  []Kind
		alive int
	}{
		{serf.EventMemberJoin, "self", nil, 0},
		{serf.EventMemberJoin, "old", []Kind{KindUp}, 1},
		{serf.EventMemberJoin, "new", []Kind{KindChanged}, 1},
		{serf.EventMemberFailed, "old", nil, 1}, // long replaced
		{serf.EventMemberReap, "old", nil, 1},
		{serf.EventMemberUpdate, "new", []Kind{KindChanged}, 1},
		{serf.EventMemberJoin, "newer", []Kind{KindChanged}, 1},
		{serf.EventMemberFailed, "newer", []Kind{KindChanged}, 1}, // new takes its place
		{serf.EventMemberFailed, "new", []Kind{KindFailed}, 0},
		{serf.EventMemberJoin, "new", []Kind{KindUp}, 1},
		{serf.EventMemberLeave, "new", []Kind{KindLeft}, 0},
		{serf.EventMemberReap, "new", nil, 0},
	} {
		got := told(t, r, step.event, step.name, "w")
		if len(got) != len(step.want) || len(got) > 0 && got[0] != step.want[0] || r.alive() != step.alive {
			t.Errorf("%v of %s: got %v and %d alive, want %v and %d", step.event, step.name, got, r.alive(), step.want, step.alive)
		}
	}
	if left := r.peers(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestTheQueueKeepsTheLastOfEachPeer(t *testing.T) {
	var q queue
	ev := func(k Kind, id string, inc uint64) Event {
		return Event{k, Peer{Tags: Tags{Role: Worker, ID: id, Incarnation: inc}}}
	}
	for i := range uint64(1000) {
		q.push(ev(KindUp, "a", i))
		q.push(ev(KindChanged, "a", i))
		q.push(ev(KindFailed, "b", i))
	}
	for _, want := range []Kind{KindUp, KindFailed} {
		if e, ok := q.first(); !ok || e.Kind != want || e.Peer.Tags.Incarnation != 999 {
			t.Errorf("got %+v, want %v", e, want)
		}
		q.pop()
	}
	if _, ok := q.first(); ok || len(q.last) != 0 {
		t.Error("something is left")
	}
}

func TestLinesOfSerfHaveLevels(t *testing.T) {
	for line, want := range map[string]slog.Level{
		"[ERR] serf: x":                    slog.LevelWarn,
		"[WARN] memberlist: x":             slog.LevelInfo,
		"[INFO] serf: x":                   slog.LevelDebug,
		"[DEBUG] x":                        slog.LevelDebug,
		"[ERR] memberlist: x from=1.2.3.4": slog.LevelDebug,
		"x":                                slog.LevelInfo,
	} {
		if got, text := parseLine(line); got != want || strings.HasPrefix(text, "[") {
			t.Errorf("%q: got %v %q", line, got, text)
		}
	}
}

func FuzzParseKeyring(f *testing.F) {
	f.Add([]byte(`["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeyring(b)
		if err == nil && (len(keys) == 0 || len(keys) > maxKeys || len(keys[0]) != KeySize) {
			t.Errorf("%d keys", len(keys))
		}
	})
}
