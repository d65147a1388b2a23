package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

var fields = regexp.MustCompile(`^(\S+) - - \[(.*)\] "GET ([^ ?]*)\S* HTTP/1.1" 200 \d+ "-" "(.*)"$`)

// bySorting finds the sessions of lines, as they are written, by sorting all requests.
func bySorting(t *testing.T, lines []string) (all []string) {
	type request struct {
		from, agent, page string
		at                time.Time
	}
	var requests []request
	for _, line := range lines {
		m := fields.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		when, err := time.Parse("2/Jan/2006:15:04:05 -0700", m[2])
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, request{m[1], m[4], m[3], when})
	}
	slices.SortStableFunc(requests, func(a, b request) int {
		return cmp.Or(strings.Compare(a.from, b.from), strings.Compare(a.agent, b.agent), a.at.Compare(b.at))
	})
	for first, i := 0, 0; i < len(requests); i++ {
		a, last := requests[first], requests[i]
		if i+1 < len(requests) {
			next := requests[i+1]
			if next.from == a.from && next.agent == a.agent && next.at.Sub(last.at) <= 30*time.Minute {
				continue
			}
		}
		all = append(all, fmt.Sprintf("%s\t%s\t%v\t%d\t%s\t%s\t%s", a.from, a.at.UTC().Format(time.RFC3339),
			last.at.Sub(a.at), i-first+1, a.page, last.page, a.agent))
		first = i + 1
	}
	return all
}

// makeLog has a line in it that is no entry, and is in no order.
func makeLog() []string {
	lines := []string{"restarted"}
	for i := range int64(4000) {
		lines = append(lines, entry(3, 1+i*1237%4001*5))
	}
	return lines
}

var skip = typedtest.Options(typed.Options{Policy: typed.Skip(1)})

func TestSessions(t *testing.T) {
	lines := makeLog()
	want := bySorting(t, lines)
	if len(want) < 1500 || len(want) > 3500 {
		t.Fatalf("%d sessions of %d requests test little", len(want), len(lines))
	}
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[string] {
		return sessions(s.Parallelize(lines, 5)).Map(Session.Line)
	}, want, skip, typedtest.AnyOrder())
}

// TestGap: the gap itself is no pause that ends a session, a second more is.
func TestGap(t *testing.T) {
	var got []string
	for s := range split(Visitor{}, slices.Values([]Request{{0, "/a"}, {1800, "/b"}, {3601, "/c"}, {3601, "/d"}})) {
		got = append(got, fmt.Sprint(s.Start, s.End, s.Pages, s.Entry, s.Exit))
	}
	if want := []string{"0 1800 2/a/b", "3601 3601 2/c/d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range split(Visitor{}, slices.Values([]Request{{0, "/a"}, {1801, "/b"}})) {
		break
	}
}

// TestNetworksAreTogether looks for networks that are in two partitions.
func TestNetworksAreTogether(t *testing.T) {
	lines := makeLog()
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		where, err := networks(t.Context(), sessions(s.Parallelize(lines, 5)))
		slices.Sort(where)
		where = slices.Compact(where)
		if err != nil || len(where) != 8 {
			t.Errorf("8 networks are in %q, %v", where, err)
		}
	}, skip)
}

func networks(ctx context.Context, found typed.RDD[Session]) ([]string, error) {
	return found.MapPartitions(func(task *typed.Task, found iter.Seq[Session]) iter.Seq[string] {
		return func(yield func(string) bool) {
			for s := range found {
				if !yield(fmt.Sprintf("%x in %d", s.Visitor.From[:15], task.Partition())) {
					return
				}
			}
		}
	}).Collect(ctx)
}

func TestSummary(t *testing.T) {
	lines := makeLog()
	var all Tally
	pages := map[string]Tally{}
	for _, line := range bySorting(t, lines) {
		var n int
		f := strings.Split(line, "\t")
		if _, err := fmt.Sscan(f[3], &n); err != nil {
			t.Fatal(err)
		}
		all = Tally{all.Sessions + 1, all.Pages + n}
		pages[f[4]] = Tally{pages[f[4]].Sessions + 1, pages[f[4]].Pages + n}
	}
	var want []typed.Pair[string, Tally]
	for page, tally := range pages {
		want = append(want, typed.Pair[string, Tally]{Key: page, Value: tally})
	}
	slices.SortFunc(want, func(a, b typed.Pair[string, Tally]) int {
		return cmp.Or(b.Value.Sessions-a.Value.Sessions, strings.Compare(a.Key, b.Key))
	})
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		found := sessions(s.Parallelize(lines, 5))
		if got, err := total(t.Context(), found); err != nil || got != all {
			t.Errorf("%v, %v, want %v", got, err, all)
		}
		if got, err := entryPages(t.Context(), found, 5); err != nil || !slices.Equal(got, want[:5]) {
			t.Errorf("%v, %v, want %v", got, err, want[:5])
		}
	}, skip)
}

func TestParseRequestErrors(t *testing.T) {
	good := entry(1, 1)
	for name, line := range map[string]string{
		"an empty line":    "",
		"a common log":     `10.0.0.1 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`,
		"an empty request": `10.0.0.1 - - [10/Oct/2026:13:55:36 +0200] "-" 400 0 "-" "-"`,
		"a host's name":    strings.Replace(good, "10.0.", "host.", 1),
		"no month":         strings.Replace(good, "Oct", "Okt", 1),
	} {
		if _, _, err := ParseRequest(line); err == nil {
			t.Errorf("%s is a request: %q", name, line)
		}
	}
}
