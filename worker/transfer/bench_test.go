package transfer

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// exact makes an output of one partition with about so many bytes.
func (s *testStore) exact(tb testing.TB, dir string, task, size int) *Output {
	rows := 1
	for size/rows > 256<<10 { // blocks as the shuffle cuts them
		rows *= 2
	}
	return s.make(tb, dir, shape{mapTask: task, segments: 1, reduces: 1, row: size/rows - 60, rows: rows, exact: true})
}

// BenchmarkTLS moves blocks of two sizes from one agent to another over TLS on
// the loopback: through this package, and by one plain GET for each block with
// nothing verified or stored, which is what it is measured against.
func BenchmarkTLS(b *testing.B) {
	for _, bb := range []struct{ size, n int }{{1 << 20, 100}, {4 << 10, 1000}} {
		ca := newAuthority(b)
		store := newStore()
		dir := b.TempDir()
		srv := NewServer(ServerOptions{Store: store})
		addr := serve(b, "127.0.0.1", ServerOptions{Store: store, TLS: ca.config(b)})
		var sources []Source
		var paths []string
		var bytes int64
		for i := range bb.n {
			o := store.exact(b, dir, i, bb.size)
			sources = append(sources, o.source(addr, one))
			bytes += o.Size
			paths = append(paths, address{job: testJob, one: true, id: idOf(o.Attempt), span: one}.path())
		}
		b.Run(fmt.Sprintf("fetch/%dx%d", bb.n, bb.size), func(b *testing.B) {
			f := NewFetcher(Options{TLS: ca.config(b), Scratch: b.TempDir()})
			defer f.Close()
			b.SetBytes(bytes)
			for b.Loop() {
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
		})
		b.Run(fmt.Sprintf("plain/%dx%d", bb.n, bb.size), func(b *testing.B) {
			plain := httptest.NewUnstartedServer(srv)
			plain.TLS = ca.config(b)
			plain.StartTLS()
			defer plain.Close()
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.config(b), MaxIdleConnsPerHost: 3}}
			defer client.CloseIdleConnections()
			b.SetBytes(bytes)
			for b.Loop() {
				plainGets(b, client, plain.URL, paths)
			}
		})
	}
}

// plainGets gets all paths over three connections.
func plainGets(b *testing.B, client *http.Client, url string, paths []string) {
	work := make(chan string, len(paths))
	for _, p := range paths {
		work <- p
	}
	close(work)
	ended := make(chan error, 3)
	for range 3 {
		go func() {
			ended <- func() error {
				for p := range work {
					r, err := http.NewRequest(http.MethodGet, url+p, nil)
					if err != nil {
						return err
					}
					r.Header.Set(epochHeader, "5")
					resp, err := client.Do(r)
					if err != nil {
						return err
					}
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range 3 {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}
