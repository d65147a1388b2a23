package driver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// counted are accumulators that note of what they are told.
type counted struct{ log []string }

func (c *counted) Running(int, []plan.StageUpdates) {}
func (c *counted) Shown() []plan.Shown              { return nil }
func (c *counted) Ended(n int, all []plan.StageUpdates) {
	text := fmt.Sprint(n, ":")
	for _, st := range all {
		for _, t := range st.Tasks {
			text += fmt.Sprint(" ", st.Stage, t.Partition)
		}
	}
	c.log = append(c.log, text)
}

// TestPortionsCountTogether with the end that follows them, once, and not at all where
// one is missing.
func TestPortionsCountTogether(t *testing.T) {
	told := func(key plan.StageKey, part int) []plan.StageUpdates {
		return []plan.StageUpdates{{Stage: key, Tasks: []plan.TaskUpdates{{Partition: part, Updates: plan.Updates{1, 0}}}}}
	}
	end := func(n, portions int, all []plan.StageUpdates) *wire.ActionEnd {
		return &wire.ActionEnd{Status: plan.ActionStatus{ID: plan.ActionID{N: n}, State: plan.ActionDone}, Portions: portions, Updates: all}
	}
	portion := func(n, at int) *wire.Portion { return &wire.Portion{N: n, At: at, Updates: told("p", at)} }
	for name, test := range map[string]struct {
		said []wire.Message
		want string
	}{
		"none":                  {[]wire.Message{end(1, 0, told("e", 0))}, "1: e0"},
		"two":                   {[]wire.Message{portion(1, 0), portion(1, 1), end(1, 2, told("e", 0))}, "1: p0 p1 e0"},
		"of two actions":        {[]wire.Message{portion(1, 0), portion(2, 0), end(2, 1, nil), portion(1, 1), end(1, 2, nil)}, "2: p0,1: p0 p1"},
		"by another master":     {[]wire.Message{portion(1, 0), portion(1, 1), portion(1, 0), portion(1, 1), end(1, 2, told("e", 0))}, "1: p0 p1 e0"},
		"by one that has fewer": {[]wire.Message{portion(1, 0), portion(1, 1), portion(1, 0), end(1, 1, told("e", 0))}, "1: p0 e0"},
		"by one that has none":  {[]wire.Message{portion(1, 0), end(1, 0, told("e", 0))}, "1: e0"},
		"one is missing":        {[]wire.Message{portion(1, 1), end(1, 2, told("e", 0))}, "1:"},
		"all are missing":       {[]wire.Message{end(1, 2, told("e", 0))}, "1:"},
	} {
		c := &counted{}
		r := NewRemote(RemoteOptions{Scratch: t.TempDir(), MakeScratch: func() error { return nil }, Accumulators: c})
		for _, m := range test.said {
			if !r.Heed(m) {
				t.Errorf("%s: %T is not heeded", name, m)
			}
		}
		if got := strings.Join(c.log, ","); got != test.want || len(r.portions) > 0 {
			t.Errorf("%s: got %q, want %q, and %d are kept", name, got, test.want, len(r.portions))
		}
		r.client.Close()
	}
}

func TestRemoteTellsNotices(t *testing.T) {
	var told []string
	o := RemoteOptions{Scratch: t.TempDir(), MakeScratch: func() error { return nil }, Accumulators: &counted{}}
	for _, notice := range []func(string){nil, func(text string) { told = append(told, text) }} {
		o.Notice = notice
		r := NewRemote(o)
		if !r.Heed(&wire.Notice{Text: "rows differ"}) {
			t.Error("a notice is not heeded")
		}
		r.client.Close()
	}
	if len(told) != 1 || told[0] != "rows differ" {
		t.Errorf("told %q", told)
	}
}
