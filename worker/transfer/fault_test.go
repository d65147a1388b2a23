package transfer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/chaos/proxy"
)

// TestConnectionsThatAreResetCostNothingButTime cuts one chunk in twenty.
func TestConnectionsThatAreResetCostNothingButTime(t *testing.T) {
	s := span{1, 5}
	for seed := range uint64(6) {
		w := newWorld(t, s, ServerOptions{}, 12)
		p := map[string]string{}
		for i := range w.sources {
			to := w.sources[i].Addr
			if p[to] == "" {
				_, p[to] = through(t, to, proxy.Faults{Seed: seed, Reset: 0.05, Chunk: 16 << 10})
			}
			w.sources[i].Addr = p[to]
		}
		o := Options{Retries: 20}
		if seed%2 == 1 {
			o.Spool, o.Window = 1, 50_000
		}
		x := start(t, fetcher(t, o), s, w.sources...)
		for i, o := range w.outputs {
			mustGet(t, x, i, o, s)
		}
	}
}

// TestNoFaultMakesWrongBytes does everything to the bytes at once. What comes
// is right, or an error says what went wrong.
func TestNoFaultMakesWrongBytes(t *testing.T) {
	s := span{0, 6}
	kinds := map[Cause]int{}
	right := 0
	var hurt int64
	for seed := range uint64(12) {
		store := newStore()
		addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
		p, by := through(t, addr, proxy.Faults{Seed: seed, Reset: 0.003, Flip: 0.003, Drop: 0.001, Twice: 0.001, Stall: 0.0005, Chunk: 2000})
		var outputs []*Output
		var sources []Source
		dir := t.TempDir()
		for m := range 40 {
			sh := shape{mapTask: m, segments: 1 + m%3, reduces: 6, row: 2000, rows: 4}
			if m%10 == 0 {
				sh.row = 100_000
			}
			o := store.make(t, dir, sh)
			outputs, sources = append(outputs, o), append(sources, o.source(by, s))
		}
		o := Options{Stall: 200 * time.Millisecond}
		if seed%3 == 0 {
			o.Spool, o.Window = 1, 50_000
		}
		x := start(t, fetcher(t, o), s, sources...)
		for i, o := range outputs {
			got, err := get(x, i)
			var fe *Error
			switch {
			case err == nil && bytes.Equal(got, o.want(t, s)):
				right++
			case errors.As(err, &fe):
				kinds[fe.Cause]++
			default:
				t.Fatalf("seed %d, output %d: %d bytes, %v", seed, i, len(got), err)
			}
		}
		hurt += p.Hurt()
	}
	t.Logf("%d faults: %d outputs right, errors %v", hurt, right, kinds)
	if right == 0 || hurt == 0 {
		t.Errorf("%d faults, %d outputs right: the test tests nothing", hurt, right)
	}
}

// TestABitFlippedOnTheWireIsFetchedOnceMore flips bits so rarely that the
// second time is well.
func TestABitFlippedOnTheWireIsFetchedOnceMore(t *testing.T) {
	s := span{0, 1}
	for _, o := range []Options{{}, {Small: 1}, {Small: 1, Spool: 1, Window: 30_000}} {
		store := newStore()
		out := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 2, reduces: 1, row: 5000, rows: 20})
		flipped := false
		addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
		o.Dial = editing(addr, func(b []byte) {
			if i := bytes.Index(b, []byte("quick brown")); i >= 0 && !flipped {
				b[i] ^= 8
				flipped = true
			}
		})
		mustGet(t, start(t, fetcher(t, o), s, out.source(addr, s)), 0, out, s)
		if !flipped {
			t.Error("nothing was flipped")
		}
	}
}

// TestEveryFlippedBitIsFound flips a hundred thousand bits of an answer.
func TestEveryFlippedBitIsFound(t *testing.T) {
	store := newStore()
	s := span{1, 3}
	o := store.make(t, t.TempDir(), shape{mapTask: 2, segments: 2, reduces: 4, row: 300, rows: 9, memory: true})
	src := o.source("", s)
	lens, pieces, err := o.lay(s)
	if err != nil {
		t.Fatal(err)
	}
	h := head{id: idOf(o.Attempt), span: s, epoch: 5, lens: lens}
	message := h.append(nil)
	for _, p := range pieces {
		message = append(message, o.Bytes[p.off:p.off+p.n]...)
	}
	read := func(b []byte) error {
		r := bytes.NewReader(b)
		h, _, err := readHead(r, idOf(o.Attempt), s, 5)
		if err != nil {
			return err
		}
		if h.status != statusOK || h.size() != int64(r.Len()) {
			return fmt.Errorf("%v, %d bytes", h.status, h.size())
		}
		return newVerifier(&src, s, h.lens).write(b[len(b)-r.Len():])
	}
	if err := read(message); err != nil {
		t.Fatalf("the message as it was sent: %v", err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	missed := 0
	for range 100_000 {
		i, bit := rng.IntN(len(message)), byte(1)<<rng.IntN(8)
		message[i] ^= bit
		if read(message) == nil {
			missed++
		}
		message[i] ^= bit
	}
	if missed != 0 {
		t.Errorf("%d of 100,000 flipped bits were not found", missed)
	}
	for cut := range len(message) {
		if read(message[:cut]) == nil {
			t.Errorf("a message of %d bytes of %d passes", cut, len(message))
		}
	}
}

// TestABrokenTransferGoesOnWhereItStopped lets no connection live for longer
// than a fifth of the bytes.
func TestABrokenTransferGoesOnWhereItStopped(t *testing.T) {
	s := span{0, 1}
	store := newStore()
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 3, reduces: 1, row: 100_000, rows: 20})
	size := o.source("", s).Size
	p, addr := through(t, serve(t, "127.0.0.1", ServerOptions{Store: store}), proxy.Faults{After: size / 5})
	x := start(t, fetcher(t, Options{Retries: -1}), s, o.source(addr, s))
	// Without a try: each connection brings something, so none of them counts.
	mustGet(t, x, 0, o, s)
	if sent := p.Sent(); sent > size*11/10 {
		t.Errorf("%d bytes were sent for %d", sent, size)
	}
}

func TestATransferThatStallsIsGivenUp(t *testing.T) {
	s := span{0, 1}
	for _, small := range []int64{1, 1 << 20} {
		store := newStore()
		o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 5000, rows: 20})
		_, addr := through(t, serve(t, "127.0.0.1", ServerOptions{Store: store}), proxy.Faults{Stall: 1})
		x := start(t, fetcher(t, Options{Stall: 20 * time.Millisecond, Retries: 2, Small: small}), s, o.source(addr, s))
		if e := mustFail(t, x, 0, TimedOut, 1); e.Tries != 3 || !errors.Is(e, errStalled) {
			t.Errorf("%d tries: %v", e.Tries, e)
		}
	}
}

// TestAnOwnerThatAcceptsAndSaysNothing is one whose process is stopped.
func TestAnOwnerThatAcceptsAndSaysNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ca := newAuthority(t)
	for _, o := range []Options{{}, {TLS: ca.config(t), Connect: 20 * time.Millisecond}} {
		o.Stall, o.Retries = 40*time.Millisecond, 1
		x := start(t, fetcher(t, o), span{0, 1}, Source{Addr: l.Addr().String()})
		_ = mustFail(t, x, 0, TimedOut, 0)
	}
}

func TestCertificatesOfOthersAreForbidden(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	s := span{0, 1}
	store := newStore()
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 500, rows: 20})
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, TLS: ours.config(t)})
	_ = mustFail(t, start(t, fetcher(t, Options{TLS: theirs.config(t)}), s, o.source(addr, s)), 0, Forbidden, 1)

	unknown := ours.config(t)
	unknown.Certificates = theirs.config(t).Certificates // we trust them, they do not trust us
	x := start(t, fetcher(t, Options{TLS: unknown}), s, o.source(addr, s))
	if e := mustFail(t, x, 0, Forbidden, 1); e.Tries != 1 {
		t.Errorf("tried %d times: %v", e.Tries, e)
	}
	if n := store.count(1); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
}

// TestWhoMayNotBeThereAnyMore is refused on the connection that it has.
func TestWhoMayNotBeThereAnyMore(t *testing.T) {
	ca, s, store := newAuthority(t), span{0, 1}, newStore()
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 500, rows: 20})
	var out atomic.Bool
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, TLS: ca.config(t), Recheck: func(c tls.ConnectionState) error {
		if len(c.PeerCertificates) != 1 || out.Load() {
			return errors.New("revoked")
		}
		return nil
	}})
	var dials atomic.Int32
	f := fetcher(t, Options{TLS: ca.config(t), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	mustGet(t, start(t, f, s, o.source(addr, s)), 0, o, s)
	out.Store(true)
	_ = mustFail(t, start(t, f, s, o.source(addr, s)), 0, Forbidden, 1)
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestAServerOfSomethingElse is what answers at an address that has been given
// to another program.
func TestAServerOfSomethingElse(t *testing.T) {
	for name, reply := range map[string]string{
		"not http":  "SSH-2.0-OpenSSH_9.7\r\n",
		"redirect":  "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
		"a page":    "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found",
		"all right": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"garbage":   "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + "hello, world, what a day it is, with nothing but fair weather",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan bool)
			go func() {
				defer close(ended)
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = c.Read(make([]byte, 4096))
					_, _ = c.Write([]byte(reply))
					_ = c.Close()
				}
			}()
			t.Cleanup(func() { _ = l.Close(); <-ended })
			for _, small := range []int64{1, 1 << 20} {
				o := &Output{Segments: [][]int64{{0, 500}}}
				x := start(t, fetcher(t, Options{Small: small}), span{0, 1}, o.source(l.Addr().String(), span{0, 1}))
				_, err := get(x, 0)
				var fe *Error
				if !errors.As(err, &fe) || fe.Cause != Refused && fe.Cause != Corrupt {
					t.Errorf("small is %d: %v", small, err)
				}
			}
		})
	}
}
