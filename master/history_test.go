package master

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Whoever follows the events gets each one once, as long as it is not further
// behind than is kept.
func TestEvents(t *testing.T) {
	h := history{term: 7}
	if es := h.last(10); len(es) != 0 {
		t.Errorf("before anything happened: %v", es)
	}
	const all = keptEvents + 1000
	var got []string
	after := uint64(0)
	for i := 1; i <= all; i++ {
		h.add(status.Event{Text: fmt.Sprint(i)})
		if i%700 != 0 && i != all {
			continue
		}
		for {
			es := h.after(7, after, 300)
			for _, e := range es {
				got = append(got, e.Text)
				if after = e.Seq; e.Text != fmt.Sprint(e.Seq) {
					t.Fatalf("event %d is %q", e.Seq, e.Text)
				}
			}
			if len(es) < 300 {
				break
			}
		}
	}
	if len(got) != all || got[0] != "1" {
		t.Errorf("%d of %d events, the first is %s", len(got), all, got[0])
	}
	if es := h.last(5); len(es) != 5 || es[4].Seq != all {
		t.Errorf("the last ones: %v", es)
	}
	if es := h.after(7, 1, 5); len(es) != 5 || es[0].Seq != all-keptEvents+1 {
		t.Errorf("of those that are gone: %v", es)
	}
	if es := h.after(6, all, 5); len(es) != 5 || es[0].Seq != all-keptEvents+1 || es[0].Term != 7 {
		t.Errorf("behind those of another master: %v", es)
	}
	if es := h.after(7, all, 5); len(es) != 0 {
		t.Errorf("behind the last one: %v", es)
	}
	h.add(status.Event{Text: strings.Repeat("é", keptText)})
	if text := h.last(1)[0].Text; len(text) > keptText+3 || !utf8.ValidString(text) {
		t.Errorf("%d bytes are kept of one that says much", len(text))
	}
}

func TestStoriesAreBounded(t *testing.T) {
	var h history
	for i := range keptStories + 10 {
		h.jobBegan(plan.JobID(fmt.Sprint("j", i)), &msg.Open{Name: "n", User: "u"}, "w")
	}
	if len(h.jobs) != keptStories || len(h.order) != keptStories {
		t.Errorf("%d and %d", len(h.jobs), len(h.order))
	}
	last := plan.JobID(fmt.Sprint("j", keptStories))
	j := status.Job{ID: string(last)}
	if h.tell(&j); j.Driver != "w" || j.Began.IsZero() || !j.Ended.IsZero() || j.Duration < 0 {
		t.Errorf("a running job: %+v", j)
	}
	h.jobEnded(model.JobEnd{Job: last, State: model.JobDone})
	h.jobEnded(model.JobEnd{Job: "unknown", State: model.JobFailed})
	if h.tell(&j); j.Ended.IsZero() || j.Duration != j.Ended.Sub(j.Began).Seconds() {
		t.Errorf("an ended job: %+v", j)
	}
}
