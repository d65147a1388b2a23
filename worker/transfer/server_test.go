package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/shuffle"
)

// try sends one request to a handler.
func try(h http.Handler, method, path string, body []byte, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://x/", bytes.NewReader(body))
	r.URL.Path, r.URL.RawPath = path, ""
	r.ContentLength = int64(len(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryRefusalHasACode(t *testing.T) {
	store := newStore()
	o := store.make(t, t.TempDir(), shape{mapTask: 1, segments: 1, reduces: 4, row: 100, rows: 9})
	s := NewServer(ServerOptions{Store: store})
	good := address{job: testJob, one: true, id: idOf(o.Attempt), span: span{1, 2}}
	job := "/v1/shuffle/" + fmt.Sprintf("%x", testJob)
	epoch := []string{epochHeader, "5"}
	for name, tt := range map[string]struct {
		method, path string
		body         []byte
		headers      []string
		code         string
		status       int
	}{
		"another path":          {"GET", "/v1/other", nil, epoch, "bad", 400},
		"a path of files":       {"GET", "/v1/shuffle/../../etc/passwd", nil, epoch, "bad", 400},
		"job not in hex":        {"GET", "/v1/shuffle/job/3-1/0-1", nil, epoch, "bad", 400},
		"upper case":            {"GET", job + "/3-A/0-1", nil, epoch, "bad", 400},
		"sign":                  {"GET", job + "/3-+2/0-1", nil, epoch, "bad", 400},
		"leading zero":          {"GET", job + "/3-02/0-1", nil, epoch, "bad", 400},
		"more behind":           {"GET", job + "/3-2/0-1/x", nil, epoch, "bad", 400},
		"no partitions":         {"GET", job + "/3-2/1-1", nil, epoch, "bad", 400},
		"partitions not there":  {"GET", job + "/3-2/3-5", nil, epoch, "bad", 400},
		"too many partitions":   {"GET", job + "/3-2/0-4294967295", nil, epoch, "bad", 400},
		"no epoch":              {"GET", good.path(), nil, nil, "bad", 400},
		"put":                   {"PUT", good.path(), nil, epoch, "bad", 400},
		"get of many":           {"GET", job, nil, epoch, "bad", 400},
		"get with a body":       {"GET", good.path(), []byte("x"), epoch, "bad", 400},
		"post of one":           {"POST", good.path(), []byte("x"), epoch, "bad", 400},
		"post of nothing":       {"POST", job, nil, nil, "bad", 400},
		"post of garbage":       {"POST", job, make([]byte, 500), nil, "bad", 400},
		"post too long":         {"POST", job, make([]byte, maxAsk+1), nil, "bad", 400},
		"range of other units":  {"GET", good.path(), nil, append([]string{"Range", "rows=1-2"}, epoch...), "bad", 400},
		"two ranges":            {"GET", good.path(), nil, append([]string{"Range", "bytes=1-2,4-5"}, epoch...), "bad", 400},
		"range behind the end":  {"GET", good.path(), nil, append([]string{"Range", "bytes=999999-"}, epoch...), "bad", 400},
		"range from the end":    {"GET", good.path(), nil, append([]string{"Range", "bytes=-5"}, epoch...), "bad", 400},
		"output not there":      {"GET", job + "/3-99/0-1", nil, epoch, "missing", 404},
		"job not there":         {"GET", "/v1/shuffle/aa/3-2/0-1", nil, epoch, "missing", 404},
		"blob not there":        {"GET", "/v1/blob/aa/" + strings.Repeat("0", 64), nil, nil, "missing", 404},
		"blob that is no sum":   {"GET", "/v1/blob/aa/" + strings.Repeat("g", 64), nil, nil, "bad", 400},
		"blob that is too long": {"GET", "/v1/blob/aa/" + strings.Repeat("0", 65), nil, nil, "bad", 400},
	} {
		w := try(s, tt.method, tt.path, tt.body, tt.headers...)
		if w.Code != tt.status || w.Header().Get(codeHeader) != tt.code || w.Body.Len() != 0 {
			t.Errorf("%s: %d, code %q, %d bytes; want %d, %q", name, w.Code, w.Header().Get(codeHeader), w.Body.Len(), tt.status, tt.code)
		}
	}
	if w := try(s, "GET", good.path(), nil, epoch...); w.Code != 200 || w.Header().Get(codeHeader) != "" {
		t.Errorf("a good request: %d", w.Code)
	}
}

func TestRangesGiveTheSameBytes(t *testing.T) {
	store := newStore()
	dir := t.TempDir()
	for _, memory := range []bool{false, true} {
		o := store.make(t, dir, shape{mapTask: 1, segments: 3, reduces: 4, row: 60, rows: 4, memory: memory})
		s := NewServer(ServerOptions{Store: store})
		path := address{job: testJob, one: true, id: idOf(o.Attempt), span: span{1, 4}}.path()
		all := try(s, "GET", path, nil, epochHeader, "5").Body.Bytes()
		if !bytes.HasSuffix(all, o.want(t, span{1, 4})) {
			t.Fatal("not the output")
		}
		for from := 0; from < len(all); from += 3 {
			w := try(s, "GET", path, nil, epochHeader, "5", "Range", fmt.Sprintf("bytes=%d-", from))
			if w.Code != 206 || !bytes.Equal(w.Body.Bytes(), all[from:]) {
				t.Fatalf("from %d: %d, %d bytes of %d", from, w.Code, w.Body.Len(), len(all)-from)
			}
			to := from + rand.IntN(len(all)-from)
			w = try(s, "GET", path, nil, epochHeader, "5", "Range", fmt.Sprintf("bytes=%d-%d", from, to))
			want := fmt.Sprintf("bytes %d-%d/%d", from, to, len(all))
			if !bytes.Equal(w.Body.Bytes(), all[from:to+1]) || w.Header().Get("Content-Range") != want {
				t.Fatalf("%s: %d bytes, %q", want, w.Body.Len(), w.Header().Get("Content-Range"))
			}
		}
	}
}

func TestRequestsAboveTheLimitAreBusy(t *testing.T) {
	for _, o := range []ServerOptions{{Streams: 2}, {PeerStreams: 2}} {
		store := newStore()
		out := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 100, rows: 9})
		release, reached := make(chan struct{}), make(chan struct{}, 2)
		store.asked = func(uint64) {
			reached <- struct{}{}
			<-release
		}
		o.Store = store
		s := NewServer(o)
		path := address{job: testJob, one: true, id: idOf(out.Attempt), span: one}.path()
		done := make(chan int, 2)
		for range 2 {
			go func() { done <- try(s, "GET", path, nil, epochHeader, "5").Code }()
			<-reached
		}
		w := try(s, "GET", path, nil, epochHeader, "5")
		if w.Code != 503 || w.Header().Get(codeHeader) != "busy" || w.Header().Get("Retry-After") == "" {
			t.Errorf("a third request: %d %v", w.Code, w.Header())
		}
		close(release)
		if a, b := <-done, <-done; a != 200 || b != 200 {
			t.Errorf("the others: %d, %d", a, b)
		}
		store.asked = nil
		if w := try(s, "GET", path, nil, epochHeader, "5"); w.Code != 200 {
			t.Errorf("after them: %d", w.Code)
		}
		if len(s.peers.n) != 0 {
			t.Errorf("peers that are remembered: %v", s.peers.n)
		}
	}
}

func TestConnectionsAboveTheLimitAreClosed(t *testing.T) {
	store := newStore()
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, PeerConns: 2})
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c, bufio.NewReader(c)
	}
	ask := func(c net.Conn, r *bufio.Reader) error {
		if _, err := io.WriteString(c, "GET /v1/other HTTP/1.1\r\nHost: anything\r\n\r\n"); err != nil {
			return err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	first, r1 := dial()
	second, r2 := dial()
	if err := errors.Join(ask(first, r1), ask(second, r2)); err != nil {
		t.Fatal(err)
	}
	if err := ask(dial()); err == nil {
		t.Error("a third connection is served")
	}
	if err := errors.Join(ask(first, r1), ask(second, r2)); err != nil {
		t.Errorf("the first two: %v", err)
	}
	_ = first.Close()
	for { // until the server has seen it
		if err := ask(dial()); err == nil {
			break
		}
	}
}

// TestGarbageOnThePort writes what is not HTTP to a server, and half requests.
func TestGarbageOnThePort(t *testing.T) {
	store := newStore()
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 100, rows: 9})
	ca := newAuthority(t)
	for name, so := range map[string]ServerOptions{
		"plain": {Store: store, PeerConns: 1000}, "tls": {Store: store, PeerConns: 1000, TLS: ca.config(t)},
	} {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, "127.0.0.1", so)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rng := rand.New(rand.NewPCG(3, 4))
			for i := range 200 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, rng.IntN(40_000))
				for j := range b {
					b[j] = byte(rng.Uint32())
				}
				if i%3 == 0 {
					b = append([]byte("POST /v1/shuffle/aa HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"), b...)
				}
				_, _ = c.Write(b)
				_ = c.Close()
			}
			var to Options
			if so.TLS != nil {
				to.TLS = ca.config(t)
			}
			mustGet(t, start(t, fetcher(t, to), one, o.source(addr, one)), 0, o, one)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if after.HeapAlloc > before.HeapAlloc+32<<20 {
				t.Errorf("heap grew from %d to %d", before.HeapAlloc, after.HeapAlloc)
			}
		})
	}
}

// TestAReaderThatDoesNotReadIsGivenUp lets the server's buffers fill.
func TestAReaderThatDoesNotReadIsGivenUp(t *testing.T) {
	store := newStore()
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 1 << 20, rows: 400})
	if o.Size < 12<<20 {
		t.Fatalf("%d bytes fit into the buffers", o.Size)
	}
	said := make(heard, 10)
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, Stall: 30 * time.Millisecond, Logger: slog.New(said)})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	path := address{job: testJob, one: true, id: idOf(o.Attempt), span: one}.path()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n%s: 5\r\n\r\n", path, epochHeader); err != nil {
		t.Fatal(err)
	}
	for msg := range said {
		if msg == "reader gone" {
			break
		}
	}
}

// heard is a log handler that passes messages on.
type heard chan string

func (heard) Enabled(context.Context, slog.Level) bool { return true }
func (h heard) Handle(_ context.Context, r slog.Record) error {
	select {
	case h <- r.Message:
	default:
	}
	return nil
}
func (h heard) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h heard) WithGroup(string) slog.Handler      { return h }

func TestShutdownLetsRequestsEnd(t *testing.T) {
	store := newStore()
	g := newGate(1)
	store.asked = g.asked
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 100, rows: 9})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(ServerOptions{Store: store})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	x := start(t, fetcher(t, Options{Retries: -1}), one, o.source(l.Addr().String(), one))
	<-g.reached
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	close(g.open)
	mustGet(t, x, 0, o, one)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func FuzzServer(f *testing.F) {
	store := newStore()
	o := store.make(f, f.TempDir(), shape{mapTask: 0, segments: 1, reduces: 4, row: 100, rows: 9})
	s := NewServer(ServerOptions{Store: store, Tickets: &hmacTickets{key: "k"}})
	a := address{job: testJob, one: true, id: idOf(o.Attempt), span: one}
	q := ask{span: one, epoch: 5, each: 1000, budget: 10_000, items: []askItem{{a.id, []byte("ticket")}}}
	f.Add("GET", a.path(), "bytes=0-", "Bearer aaaa", "5", []byte{})
	a.one = false
	f.Add("POST", a.path(), "", "", "", q.append(nil))
	f.Add("GET", "/v1/blob/aa/"+strings.Repeat("0", 64), "", "", "", []byte{})
	f.Fuzz(func(t *testing.T, method, path, rng, auth, epoch string, body []byte) {
		if _, err := http.NewRequest(method, "http://x/", nil); err != nil {
			return
		}
		w := try(s, method, path, body, "Range", rng, "Authorization", auth, epochHeader, epoch)
		if w.Code == 200 || w.Code == 206 {
			if w.Body.Len() > 0 && method != "POST" {
				t.Fatalf("%s %s: %d bytes without a ticket", method, path, w.Body.Len())
			}
			return
		}
		if w.Header().Get(codeHeader) == "" || w.Body.Len() != 0 {
			t.Fatalf("%d without a code", w.Code)
		}
	})
}

func TestNewOutput(t *testing.T) {
	path := t.TempDir() + "/x.data"
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := NewOutput(attemptOne, &shuffleOutput)
	if _, err := o.open(); statusFor(err) != statusMissing {
		t.Errorf("a file that is not there: %v", err)
	}
	out := shuffleOutput
	out.Path, out.Bytes = path, 10
	o = NewOutput(attemptOne, &out)
	lens, pieces, err := o.lay(span{1, 3})
	if err != nil || fmt.Sprint(lens, pieces) != "[[2 3] [0 1]] [{2 5} {9 1}]" {
		t.Errorf("%v %v %v", lens, pieces, err)
	}
	if string(o.whole(t)) != "0123456789" {
		t.Error("not the file")
	}
}

var (
	attemptOne    = model.AttemptID{Stage: model.StageID{Job: testJob, Key: "s1.0"}, Term: 3, Seq: 1}
	shuffleOutput = shuffle.Output{Path: "/nowhere/x.data", Segments: [][]int64{{0, 2, 4, 7}, {7, 9, 9, 10}}}
)
