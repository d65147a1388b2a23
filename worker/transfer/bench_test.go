package transfer

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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
// the loopback: through this package (into its file, or memory), and by one plain
// GET for each block with nothing verified, thrown away or stored in a file, which is what it is measured against.
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
		fetch := func(b *testing.B, small int64) {
			f := NewFetcher(Options{TLS: ca.config(b), Scratch: b.TempDir(), Small: small, Held: 1 << 30})
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
		}
		name := fmt.Sprintf("%dx%d", bb.n, bb.size)
		b.Run("fetch/"+name, func(b *testing.B) { fetch(b, 0) })
		b.Run("memory/"+name, func(b *testing.B) { fetch(b, 2<<20) })
		b.Run("plain/"+name, func(b *testing.B) { plain(b, io.Discard, ca, srv, paths, bytes) })
		b.Run("stored/"+name, func(b *testing.B) {
			f, err := os.CreateTemp(b.TempDir(), "")
			if err != nil {
				b.Fatal(err)
			}
			plain(b, f, ca, srv, paths, bytes)
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// plain gets all paths with nothing but net/http. What is written to a file is
// written over in each round.
func plain(b *testing.B, to io.Writer, ca *authority, srv http.Handler, paths []string, bytes int64) {
	s := httptest.NewUnstartedServer(srv)
	s.TLS = ca.config(b)
	s.StartTLS()
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.config(b), MaxIdleConnsPerHost: 3}}
	defer client.CloseIdleConnections()
	b.SetBytes(bytes)
	for b.Loop() {
		if f, ok := to.(*os.File); ok {
			if err := f.Truncate(0); err != nil {
				b.Fatal(err)
			}
			size := bytes/int64(len(paths)) + 1000 // with its header
			plainGets(b, client, s.URL, paths, func(i int) io.Writer { return io.NewOffsetWriter(f, int64(i)*size) })
			continue
		}
		plainGets(b, client, s.URL, paths, func(int) io.Writer { return to })
	}
}

// plainGets gets all paths over three connections.
func plainGets(b *testing.B, client *http.Client, url string, paths []string, to func(i int) io.Writer) {
	work := make(chan int, len(paths))
	for i := range paths {
		work <- i
	}
	close(work)
	ended := make(chan error, 3)
	for range 3 {
		go func() {
			ended <- func() error {
				for i := range work {
					r, err := http.NewRequest(http.MethodGet, url+paths[i], nil)
					if err != nil {
						return err
					}
					r.Header.Set(epochHeader, "5")
					resp, err := client.Do(r)
					if err != nil {
						return err
					}
					_, err = io.Copy(to(i), resp.Body)
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
