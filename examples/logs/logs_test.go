package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// request is a line of the log as it was made.
type request struct {
	at     time.Time
	page   string
	status int
	took   time.Duration
}

// makeLog writes a log, with a line in it that is no entry.
func makeLog(t *testing.T) (path string, requests []request) {
	r := rand.New(rand.NewPCG(1, 2))
	text := "restarted\n"
	for i := range 2000 {
		q := request{
			at:     time.Date(2026, 10, 10, 13, 55, i, 0, time.FixedZone("", 2*60*60)),
			page:   fmt.Sprintf("/page/%d", int(20*r.Float64()*r.Float64())),
			status: []int{200, 200, 404, 500, 503}[r.IntN(5)],
			took:   time.Duration(r.IntN(90_000)) * time.Microsecond,
		}
		requests = append(requests, q)
		text += fmt.Sprintf("192.0.2.%d - - [%s] \"GET %s?q=%d HTTP/1.1\" %d %d %d\n",
			r.IntN(256), q.at.Format(layout), q.page, i, q.status, r.IntN(9999), q.took.Microseconds())
	}
	path = filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path, requests
}

var skip = typedtest.Options(typed.Options{Policy: typed.Skip(1)})

func TestTopPages(t *testing.T) {
	path, requests := makeLog(t)
	times := map[string][]time.Duration{}
	for _, q := range requests {
		times[q.page] = append(times[q.page], q.took)
	}
	var want []typed.Pair[string, Times]
	for page, took := range times {
		slices.Sort(took)
		// The rank of a percentile is rounded up.
		at := func(percent int) time.Duration { return took[len(took)*percent/100-btoi(len(took)*percent%100 == 0)] }
		want = append(want, typed.Pair[string, Times]{Key: page, Value: Times{len(took), at(50), at(95), at(99)}})
	}
	slices.SortFunc(want, func(a, b typed.Pair[string, Times]) int {
		if d := b.Value.Requests - a.Value.Requests; d != 0 {
			return d
		}
		return strings.Compare(a.Key, b.Key)
	})
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) ([]typed.Pair[string, Times], error) {
		return topPages(ctx, s.TextFile(path).TryMap(ParseEntry), 5)
	}, want[:5], skip)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestErrorsPerMinute(t *testing.T) {
	path, requests := makeLog(t)
	counts := map[string]int{}
	for _, q := range requests {
		if q.status >= 500 {
			counts[q.at.UTC().Format("2006-01-02 15:04")]++
		}
	}
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		minutes, err := errorsPerMinute(s.TextFile(path).TryMap(ParseEntry)).Collect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(minutes) != len(counts) {
			t.Errorf("%d minutes, want %d", len(minutes), len(counts))
		}
		last := ""
		for _, m := range minutes {
			at := m.Key.String()
			if m.Value != counts[at] || at <= last {
				t.Errorf("%s after %s: %d, want %d", at, last, m.Value, counts[at])
			}
			last = at
		}
	}, skip)
}

func TestParseEntry(t *testing.T) {
	const good = `192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET /a?q=1 HTTP/1.1" 503 2326 1500`
	e, err := ParseEntry(good)
	if err != nil || e.Page != "/a" || !e.Failed() || e.Bytes != 2326 || e.Took != 1500*time.Microsecond || e.Time.UTC().Hour() != 11 {
		t.Errorf("%+v, %v", e, err)
	}
	for _, bad := range []string{"", "restarted", good[1:30], good + " 7", strings.Replace(good, "192", "1920", 1),
		strings.Replace(good, "Oct", "October", 1), strings.Replace(good, "503", "5o3", 1),
		strings.Replace(good, "2326", "-", 1), strings.Replace(good, "1500", "1.5", 1)} {
		if e, err := ParseEntry(bad); err == nil {
			t.Errorf("%q: %+v", bad, e)
		}
	}
}
