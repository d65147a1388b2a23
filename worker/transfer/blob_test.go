package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/chaos/proxy"
	"github.com/gordd-project/gordd/rdd/plan"
)

// blob stores bytes and gives their digest.
func (s *testStore) blob(t testing.TB, b []byte, memory bool) plan.Digest {
	t.Helper()
	d := plan.DigestOf(b)
	c := &Content{Bytes: b}
	if !memory {
		path := filepath.Join(t.TempDir(), string(d))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c = &Content{Size: int64(len(b)), Open: func() (*os.File, error) { return os.Open(path) }}
	}
	s.blobs[d] = c
	return d
}

func getBlob(t *testing.T, f *Fetcher, d plan.Digest, addrs ...string) ([]byte, *Part, error) {
	t.Helper()
	r := BlobRequest{Job: testJob, Digest: d, Limit: 10 << 20}
	for _, a := range addrs {
		r.Owners = append(r.Owners, Source{Worker: "w1", Addr: a})
	}
	p, err := f.Blob(t.Context(), r)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, p, nil
}

func TestBlobsComeWhole(t *testing.T) {
	store := newStore()
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, Tickets: &hmacTickets{key: "k"}})
	f := fetcher(t, Options{Tickets: &hmacTickets{key: "k"}})
	for _, n := range []int{0, 1, 1000, 300_000, 5 << 20} {
		for _, memory := range []bool{false, true} {
			want := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
			d := store.blob(t, want, memory)
			got, p, err := getBlob(t, f, d, addr)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: %d, %v", n, len(got), err)
			}
			if _, _, ok := p.File(); ok != (n > 256<<10) {
				t.Errorf("%d bytes lie in a file: %v", n, ok)
			}
		}
	}
}

func TestBlobsGoOnWithTheNextOwner(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	good, bad := newStore(), newStore()
	d := good.blob(t, want, false)
	bad.blobs[d] = &Content{Bytes: bytes.Repeat([]byte("012345678-"), 100_000)}
	right, wrong := serve(t, "127.0.0.1", ServerOptions{Store: good}), serve(t, "127.0.0.2", ServerOptions{Store: bad})
	empty := serve(t, "127.0.0.3", ServerOptions{Store: newStore()})
	short := newStore()
	short.blobs[d] = &Content{Bytes: want[:len(want)-1]}
	cut := serve(t, "127.0.0.3", ServerOptions{Store: short})
	_, broken := through(t, right, proxy.Faults{After: 300_000})
	f := fetcher(t, Options{Retries: -1})
	for range 10 { // the order is drawn
		got, _, err := getBlob(t, f, d, "127.0.0.1:1", empty, wrong, cut, broken, right)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	got, _, err := getBlob(t, f, d, broken)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("over connections that break: %d bytes, %v", len(got), err)
	}
}

func TestBlobErrors(t *testing.T) {
	store := newStore()
	d := store.blob(t, []byte("some bytes"), true)
	lies := plan.DigestOf([]byte("other"))
	store.blobs[lies] = store.blobs[d]
	large := store.blob(t, make([]byte, 11<<20), true)
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store, Tickets: &hmacTickets{key: "k"}})
	f := fetcher(t, Options{Retries: 1, Tickets: &hmacTickets{key: "k"}})
	other := fetcher(t, Options{Retries: 1})
	for name, tt := range map[string]struct {
		f    *Fetcher
		d    plan.Digest
		addr string
		want Cause
	}{
		"missing":   {f, plan.DigestOf(nil), addr, Missing},
		"corrupt":   {f, lies, addr, Corrupt},
		"forbidden": {other, d, addr, Forbidden},
		"refused":   {f, d, "127.0.0.1:1", Refused},
		"too large": {f, large, addr, Refused},
	} {
		_, _, err := getBlob(t, tt.f, tt.d, tt.addr)
		var fe *Error
		if !errors.As(err, &fe) || fe.Cause != tt.want || fe.Blob != tt.d || fe.Source.Addr != tt.addr {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, ErrBlobTooLarge) != (name == "too large") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Blob(t.Context(), BlobRequest{Job: testJob, Digest: "../x", Owners: []Source{{Addr: addr}}}); err == nil {
		t.Error("a digest that is none")
	}
	if _, err := f.Blob(t.Context(), BlobRequest{Job: testJob, Digest: d}); err == nil {
		t.Error("no owners")
	}
	full := fetcher(t, Options{Spool: 1, Small: 1, Tickets: &hmacTickets{key: "k"}})
	if _, _, err := getBlob(t, full, d, addr); !errors.Is(err, errNoRoom) {
		t.Errorf("no room: %v", err)
	}
}

func TestBlobEndsWithItsContext(t *testing.T) {
	store := newStore()
	d := store.blob(t, make([]byte, 1<<20), true)
	_, addr := through(t, serve(t, "127.0.0.1", ServerOptions{Store: store}), proxy.Faults{Stall: 1})
	f := fetcher(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := f.Blob(ctx, BlobRequest{Job: testJob, Digest: d, Limit: 1 << 30, Owners: []Source{{Addr: addr}}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
