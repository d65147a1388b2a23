package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/chaos/proxy"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle/block"
)

// keep stores what is served as block n.
func (s *testStore) keep(t *testing.T, n int, b []byte) plan.Block {
	d := s.blob(t, b, false)
	return plan.Block{RDD: plan.StageKey(d), Partition: n}
}

// exactly is a check for what was served.
func exactly(want []byte) func(*os.File, int64) error {
	return func(f *os.File, size int64) error {
		got, err := io.ReadAll(io.NewSectionReader(f, 0, size))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%w: %d bytes", block.ErrCorrupt, size)
		}
		return err
	}
}

func target(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "block"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestBlocksComeWhole(t *testing.T) {
	store := newStore()
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, Tickets: SecretTickets([]byte("k"))})
	f := fetcher(t, Options{Tickets: SecretTickets([]byte("k"))})
	to := target(t)
	for _, n := range []int{5 << 20, 0, 1, 300_000} {
		want := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		got := 0
		r := BlockRequest{Job: testJob, Block: store.keep(t, 1, want), Owner: Source{Worker: "w1", Addr: addr}, Got: func() { got++ }, Check: exactly(want)}
		if err := f.Block(t.Context(), r, to); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if info, err := to.Stat(); err != nil || info.Size() != int64(n) || (got == 0) != (n == 0) {
			t.Errorf("%d bytes: the file has %d, %d times some came", n, info.Size(), got)
		}
	}
}

// A transfer that breaks begins again; what is damaged is fetched once more.
func TestBlocksAreTriedAgain(t *testing.T) {
	store := newStore()
	want := bytes.Repeat([]byte("0123456789"), 30_000)
	b := store.keep(t, 1, want)
	right := serve(t, "127.0.0.1", ServerOptions{Store: store})
	_, broken := through(t, right, proxy.Faults{After: 200_000})
	f := fetcher(t, Options{Retries: 1})
	to := target(t)
	get := func(addr string, check func(*os.File, int64) error) error {
		return f.Block(t.Context(), BlockRequest{Job: testJob, Block: b, Owner: Source{Worker: "w1", Addr: addr}, Check: check}, to)
	}
	var fe *Error
	if err := get(broken, exactly(want)); !errors.As(err, &fe) || fe.Cause != Refused || fe.Tries != 2 || fe.Block != b {
		t.Errorf("over connections that break: %v", err)
	}
	once := func(f *os.File, size int64) error {
		if store.count(1) == 3 {
			return block.ErrCorrupt
		}
		return exactly(want)(f, size)
	}
	if err := get(right, once); err != nil {
		t.Errorf("damaged once: %v", err)
	}
	if err := get(right, exactly(want[1:])); !errors.As(err, &fe) || fe.Cause != Corrupt || fe.Tries != 2 {
		t.Errorf("damaged twice: %v", err)
	}
	if err := get("127.0.0.1:1", exactly(want)); !errors.As(err, &fe) || fe.Cause != Refused {
		t.Errorf("from nobody: %v", err)
	}
	b.RDD = "other"
	if err := get(right, exactly(want)); !errors.As(err, &fe) || fe.Cause != Missing || fe.Tries != 1 {
		t.Errorf("what is not kept: %v", err)
	}
}

// However long an executor writes, within blockWait, what it has written comes at the first
// try: no time for slow peers runs meanwhile, at neither end.
func TestBlocksAreWaitedFor(t *testing.T) {
	for _, n := range []int{10, 5 << 20} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			want := bytes.Repeat([]byte("0123456789"), n/10)
			b := store.keep(t, 1, want)
			takes := blockWait - time.Second
			store.write = func(ctx context.Context) error { return pause(ctx, takes) }
			l := newPipes()
			serveOn(t, l, ServerOptions{Store: store})
			f := fetcher(t, Options{Dial: l.dial, Retries: -1})
			to, begun := target(t), time.Now()
			get := func() error {
				return f.Block(t.Context(), BlockRequest{Job: testJob, Block: b, Owner: Source{Worker: "w1", Addr: "w1"}, Check: exactly(want)}, to)
			}
			if err := get(); err != nil || time.Since(begun) != takes {
				t.Errorf("%d bytes, after %v: %v", n, time.Since(begun), err)
			}
			takes, begun = 2*blockWait, time.Now()
			var fe *Error
			if err := get(); !errors.As(err, &fe) || fe.Cause != TimedOut || time.Since(begun) != blockWait {
				t.Errorf("from one that hangs, after %v: %v", time.Since(begun), err)
			}
		})
	}
}

// Who waits for a block does not keep others from what its holder has at hand.
func TestBlocksHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		b := store.keep(t, 1, []byte("some"))
		store.write = func(ctx context.Context) error { return pause(ctx, time.Minute) }
		l := newPipes()
		serveOn(t, l, ServerOptions{Store: store})
		f := fetcher(t, Options{Dial: l.dial, PeerConns: 1})
		to, begun, came := target(t), time.Now(), make(chan error, 1)
		go func() {
			came <- f.Block(t.Context(), BlockRequest{Job: testJob, Block: b, Owner: Source{Worker: "w1", Addr: "w1"}, Check: exactly([]byte("some"))}, to)
		}()
		synctest.Wait()
		s := span{0, 1}
		o := store.make(t, "", shape{segments: 1, reduces: 1, row: 10, rows: 3, memory: true, exact: true})
		mustGet(t, start(t, f, s, o.source("w1", s)), 0, o, s)
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("an output came after %v", waited)
		}
		if err := <-came; err != nil {
			t.Error(err)
		}
	})
}

// Once a block has begun to come, its holder is as any other peer.
func TestBlocksThatStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})}
		go func() { _ = s.Serve(l) }()
		defer func() { _ = s.Close() }()
		f := fetcher(t, Options{Dial: l.dial, Retries: -1})
		begun := time.Now()
		err := f.Block(t.Context(), BlockRequest{Job: testJob, Block: plan.Block{RDD: "c"}, Owner: Source{Worker: "w1", Addr: "w1"}, Check: exactly(nil)}, target(t))
		var fe *Error
		if !errors.As(err, &fe) || fe.Cause != TimedOut || time.Since(begun) != f.o.Stall {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// Who is told that the holder is busy asks again.
func TestBlocksOfBusyHolders(t *testing.T) {
	store := newStore()
	want := []byte("0123456789")
	b := store.keep(t, 1, want)
	asked := 0
	store.write = func(context.Context) error {
		if asked++; asked < 4 {
			return fmt.Errorf("so many are written: %w", ErrBusy)
		}
		return nil
	}
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
	f := fetcher(t, Options{Retries: -1})
	r := BlockRequest{Job: testJob, Block: b, Owner: Source{Worker: "w1", Addr: addr}, Check: exactly(want)}
	if err := f.Block(t.Context(), r, target(t)); err != nil || asked != 4 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// Who has no ticket for a block does not get it, nor a part of one.
func TestBlocksNeedTickets(t *testing.T) {
	store := newStore()
	b := store.keep(t, 1, []byte("some"))
	tickets := SecretTickets([]byte("k"))
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, Tickets: tickets})
	good, err := tickets.Sign(Claim{Job: testJob, Block: b})
	if err != nil {
		t.Fatal(err)
	}
	next := b
	next.Partition++
	for name, c := range map[string]struct {
		block  plan.Block
		ticket []byte
		part   string
		want   int
	}{
		"good":         {b, good, "", http.StatusOK},
		"none":         {b, nil, "", http.StatusForbidden},
		"of another":   {next, good, "", http.StatusForbidden},
		"for a part":   {b, good, "bytes=1-", http.StatusBadRequest},
		"of another's": {plan.Block{RDD: "x", Partition: 1}, good, "", http.StatusForbidden},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+address{job: testJob, block: c.block}.path(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.ticket != nil {
			r.Header.Set("Authorization", ticketText(c.ticket))
		}
		if c.part != "" {
			r.Header.Set("Range", c.part)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %s, want %d", name, resp.Status, c.want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestBlockPaths(t *testing.T) {
	want := address{job: "job/1", block: plan.Block{RDD: "c/../1", Partition: 7}}
	if got, ok := parsePath(want.path()); !ok || got != want {
		t.Errorf("%s is %+v", want.path(), got)
	}
	for _, bad := range []string{"", "6a", "6a/", "6a/63", "6a/63/", "6a/63/-1", "6a/63/01", "6a/63/2147483648", "6a/63/1/", "6A/63/1", "6a/6C/1", "6a//1", "6a/6/1"} {
		if got, ok := parsePath(blockPath + bad); ok {
			t.Errorf("%q is taken for %+v", bad, got)
		}
	}
}
