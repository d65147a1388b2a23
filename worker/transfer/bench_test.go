package transfer

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// exact makes an output of one partition with about so many bytes.
func (s *testStore) exact(tb testing.TB, dir string, task, size int) *Output {
	rows := 1
	for size/rows > 256<<10 { // blocks as the shuffle cuts them
		rows *= 2
	}
	return s.make(tb, dir, shape{mapTask: task, segments: 1, reduces: 1, row: size/rows - 60, rows: rows, exact: true})
}

// BenchmarkFetch fetches map outputs of one size from another agent over mutual TLS 1.3 on the loopback: verified, and
// put where readers find them. After each round net/http alone gets the same files over as many connections, a request
// each, and throws them away. The rounds alternate because the machine is not equally fast at all times; %-of-http is
// the median over them. What ours costs more is the file that large outputs lie in; http keeps nothing.
func BenchmarkFetch(b *testing.B) {
	for _, bb := range []struct{ n, size int }{
		{1000, 4 << 10}, {500, 16 << 10}, {500, 64 << 10}, {100, 1 << 20}, {12, 8 << 20}, {3, 64 << 20},
	} {
		b.Run(fmt.Sprintf("%dx%dKiB", bb.n, bb.size>>10), func(b *testing.B) { benchmarkFetch(b, bb.n, bb.size) })
	}
}

func benchmarkFetch(b *testing.B, n, size int) {
	ca, store, dir := newAuthority(b), newStore(), b.TempDir()
	addr := serve(b, "127.0.0.1", ServerOptions{Store: store, TLS: ca.config(b)})
	var sources []Source
	var bytes int64
	for i := range n {
		o := store.exact(b, dir, i, size)
		sources = append(sources, o.source(addr, one))
		bytes += o.Size
	}
	f := NewFetcher(Options{TLS: ca.config(b), Scratch: b.TempDir()})
	defer f.Close()
	plain := newPlain(b, ca, dir)
	var shares []float64
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		fetchAll(b, f, sources)
		fetched := time.Now()
		plain.getAll(b)
		took, against := fetched.Sub(start), time.Since(fetched)
		ours, theirs = ours+took, theirs+against
		shares = append(shares, 100*against.Seconds()/took.Seconds())
	}
	rate := func(d time.Duration) float64 { return float64(bytes) / 1e6 * float64(len(shares)) / d.Seconds() }
	slices.Sort(shares)
	b.ReportMetric(0, "ns/op") // of both together: it means nothing
	b.ReportMetric(rate(ours), "MB/s")
	b.ReportMetric(rate(theirs), "http-MB/s")
	b.ReportMetric(shares[len(shares)/2], "%-of-http")
}

// fetchAll waits for all parts of a fetch.
func fetchAll(b *testing.B, f *Fetcher, sources []Source) {
	x, err := f.Fetch(b.Context(), Request{Job: testJob, To: 1, Sources: sources})
	if err != nil {
		b.Fatal(err)
	}
	for i := range sources {
		if _, err := x.Part(i); err != nil {
			b.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
}

// plain serves the files of a directory by net/http, and gets them.
type plain struct {
	client *http.Client
	urls   []string
}

const plainConns = 3 // as a Fetcher has to one peer

func newPlain(b *testing.B, ca *authority, dir string) *plain {
	s := httptest.NewUnstartedServer(http.FileServer(http.Dir(dir)))
	s.TLS = ca.config(b)
	s.StartTLS()
	p := &plain{client: &http.Client{Transport: &http.Transport{TLSClientConfig: ca.config(b), MaxIdleConnsPerHost: plainConns}}}
	b.Cleanup(func() { p.client.CloseIdleConnections(); s.Close() })
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		p.urls = append(p.urls, s.URL+"/"+filepath.Base(f))
	}
	return p
}

func (p *plain) getAll(b *testing.B) {
	work := make(chan string, len(p.urls))
	for _, u := range p.urls {
		work <- u
	}
	close(work)
	ended := make(chan error, plainConns)
	for range plainConns {
		go func() { ended <- p.get(work) }()
	}
	for range plainConns {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

func (p *plain) get(work <-chan string) error {
	for url := range work {
		resp, err := p.client.Get(url)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s: %w", url, resp.Status, err)
		}
	}
	return nil
}
