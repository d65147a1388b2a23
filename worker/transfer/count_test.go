package transfer

import (
	"errors"
	"net"
	"net/http"
	"testing"
)

// What a server gives, in whatever way, and what a fetcher gets are counted alike.
func TestBytesAreCounted(t *testing.T) {
	for name, o := range map[string]Options{"each by itself": {Small: 1}, "together": {Small: 16 << 20}, "as they come": {Held: 1, Spool: 1, Window: 20_000}} {
		t.Run(name, func(t *testing.T) {
			store, all := newStore(), span{0, 6}
			dir := t.TempDir()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := NewServer(ServerOptions{Store: store})
			ended := make(chan error, 1)
			go func() { ended <- s.Serve(l) }()
			var outputs []*Output
			var sources []Source
			for m := range 12 {
				out := store.make(t, dir, shape{mapTask: m, segments: m % 4, reduces: 6, row: 3000, rows: 4, memory: m%5 == 0})
				outputs, sources = append(outputs, out), append(sources, out.source(l.Addr().String(), all))
			}
			f := fetcher(t, o)
			if f.Fetched() != 0 || s.Served() != 0 {
				t.Errorf("before: %d and %d", f.Fetched(), s.Served())
			}
			x := start(t, f, all, sources...)
			for i, out := range outputs {
				mustGet(t, x, i, out, all)
			}
			// The last bytes are counted behind the reader's back, but before the server ends.
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
			var rows int64
			for _, out := range outputs {
				lens, _, err := out.lay(all)
				if err != nil {
					t.Fatal(err)
				}
				for _, segment := range lens {
					for _, n := range segment {
						rows += n
					}
				}
			}
			if s.Served() != f.Fetched() || s.Served() <= rows {
				t.Errorf("%d bytes served, %d fetched, %d of them rows", s.Served(), f.Fetched(), rows)
			}
		})
	}
}
