package transfer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	crand "crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle/block"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http tells the standard logger of damaged responses
	goleak.VerifyTestMain(m)
}

const testJob plan.JobID = "job-3.7"

// testStore is a store whose answers tests can change.
type testStore struct {
	mu      sync.Mutex
	outputs map[outputID]*Output
	blobs   map[plan.Digest]*Content
	least   uint64                      // epoch
	asked   func(seq uint64)            // called without the lock
	counts  map[uint64]int              // how often each was asked for
	failing map[uint64][]error          // what to answer first
	write   func(context.Context) error // as an executor does before a block is there; nil: at once
}

func newStore() *testStore {
	return &testStore{outputs: map[outputID]*Output{}, blobs: map[plan.Digest]*Content{}, counts: map[uint64]int{}, failing: map[uint64][]error{}}
}

func (s *testStore) Output(job plan.JobID, term model.Term, seq, epoch uint64) (*Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ask := s.asked; ask != nil {
		s.mu.Unlock()
		ask(seq)
		s.mu.Lock()
	}
	s.counts[seq]++
	if errs := s.failing[seq]; len(errs) > 0 {
		s.failing[seq] = errs[1:]
		return nil, errs[0]
	}
	out := s.outputs[outputID{term, seq}]
	switch {
	case out == nil || out.Attempt.Stage.Job != job:
		return nil, ErrMissing
	case epoch < s.least:
		return nil, ErrStale
	}
	return out, nil
}

func (s *testStore) Blob(_ plan.JobID, d plan.Digest) (*Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.blobs[d]; c != nil {
		return c, nil
	}
	return nil, ErrMissing
}

// Block gives the blocks that are among blobs, by the RDD's key.
func (s *testStore) Block(ctx context.Context, _ plan.JobID, b plan.Block) (*os.File, error) {
	if s.write != nil {
		if err := s.write(ctx); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[uint64(b.Partition)]++
	c := s.blobs[plan.Digest(b.RDD)]
	if c == nil {
		return nil, ErrMissing
	}
	return c.Open()
}

func (s *testStore) count(seq uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[seq]
}

// shape is what a test output looks like.
type shape struct {
	mapTask, segments, reduces int
	seq                        uint64 // 0: the map task + 1
	row                        int    // bytes of the largest row
	rows                       int    // of a partition and segment, at most
	memory                     bool
	exact                      bool // all rows there may be, and of the largest size
}

const testShuffle = 77

var stringType = func() *codec.Type {
	t, err := codec.TypeOf[string]()
	if err != nil {
		panic(err)
	}
	return t
}()

// make builds an output like those of map tasks and stores it.
func (s *testStore) make(t testing.TB, dir string, sh shape) *Output {
	t.Helper()
	if sh.seq == 0 {
		sh.seq = uint64(sh.mapTask) + 1
	}
	rng := rand.New(rand.NewPCG(uint64(sh.mapTask), 1))
	text := strings.Repeat("the quick brown fox ", sh.row/20+1)
	enc := block.Encoder{Type: stringType}
	var all []byte
	out := &Output{Attempt: model.AttemptID{Stage: model.StageID{Job: testJob, Key: "s1.0"}, Partition: sh.mapTask, Term: 3, Seq: sh.seq}}
	for seg := range sh.segments {
		offsets := []int64{int64(len(all))}
		for r := range sh.reduces {
			id := block.ID{Shuffle: testShuffle, Map: uint32(sh.mapTask), Reduce: uint32(r), Segment: uint32(seg)}
			rows := rng.IntN(sh.rows + 1)
			if sh.exact {
				rows = sh.rows
			}
			for range rows {
				row := rng.IntN(sh.row + 1)
				if sh.exact {
					row = sh.row
				}
				var err error
				if all, _, err = enc.Append(all, id, codec.RowsOf([]string{text[:row]})); err != nil {
					t.Fatal(err)
				}
				id.Seq++
			}
			offsets = append(offsets, int64(len(all)))
		}
		out.Segments = append(out.Segments, offsets)
	}
	if sh.memory {
		out.Bytes = all
	} else {
		path := filepath.Join(dir, fmt.Sprintf("3.%d.data", sh.seq))
		if err := os.WriteFile(path, all, 0o600); err != nil {
			t.Fatal(err)
		}
		out.Size = int64(len(all))
		out.Open = func() (*os.File, error) { return os.Open(path) }
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outputs[idOf(out.Attempt)] = out
	return out
}

// whole are all bytes of an output.
func (o *Output) whole(t testing.TB) []byte {
	t.Helper()
	if o.Open == nil {
		return o.Bytes
	}
	f, err := o.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// want are the bytes that a fetch of a span should give.
func (o *Output) want(t testing.TB, s span) (b []byte) {
	all := o.whole(t)
	for _, seg := range o.Segments {
		b = append(b, all[seg[s.from]:seg[s.to]]...)
	}
	return b
}

// change rewrites an output's file.
func (o *Output) change(t testing.TB, edit func([]byte) []byte) {
	t.Helper()
	f, err := o.Open()
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if err := os.WriteFile(f.Name(), edit(o.whole(t)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// source is an output as readers know it.
func (o *Output) source(addr string, s span) Source {
	var n int64
	for _, seg := range o.Segments {
		n += seg[s.to] - seg[s.from]
	}
	return Source{Attempt: o.Attempt, Worker: "w1", Store: "store-1", Addr: addr, Shuffle: testShuffle, Size: n}
}

// serve runs a server until the test ends.
func serve(t testing.TB, ip string, o ServerOptions) string {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, o)
	return l.Addr().String()
}

// serveOn is serve with a listener.
func serveOn(t testing.TB, l net.Listener, o ServerOptions) {
	t.Helper()
	s := NewServer(o)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// pipes is a listener in memory, for synctest bubbles. Unlike those with buffers its
// connections fail once a deadline is over, as sockets do.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// fetcher makes a fetcher that gives up soon, and looks at the end whether all
// it lent came back.
func fetcher(t testing.TB, o Options) *Fetcher {
	t.Helper()
	if o.Scratch == "" {
		o.Scratch = t.TempDir()
	}
	if o.Backoff == 0 {
		o.Backoff, o.MaxBackoff = time.Millisecond, 4*time.Millisecond
	}
	f := NewFetcher(o)
	t.Cleanup(func() {
		f.Close()
		for name, c := range map[string]*credit{"in flight": f.inFlight, "held": f.held, "spool": f.spool} {
			if c.left != c.all || len(c.queue) != 0 {
				t.Errorf("%s: %d of %d came back", name, c.left, c.all)
			}
		}
		if len(f.peers) != 0 {
			t.Errorf("%d peers are left", len(f.peers))
		}
		left, err := os.ReadDir(o.Scratch)
		if err != nil || len(left) != 0 {
			t.Errorf("left in the scratch directory: %v, %v", left, err)
		}
	})
	return f
}

// start begins a fetch of partitions and closes it at the end of the test.
func start(t testing.TB, f *Fetcher, s span, sources ...Source) *Fetch {
	t.Helper()
	x, err := f.Fetch(context.Background(), Request{Job: testJob, From: s.from, To: s.to, Epoch: 5, Sources: sources, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// get reads a part to its end.
func get(x *Fetch, i int) ([]byte, error) {
	p, err := x.Part(i)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(p)
	if err == nil && int64(len(b)) != p.Size() {
		err = fmt.Errorf("%d bytes of %d", len(b), p.Size())
	}
	return b, err
}

// mustGet compares a part with what was stored.
func mustGet(t testing.TB, x *Fetch, i int, o *Output, s span) {
	t.Helper()
	got, err := get(x, i)
	if err != nil {
		t.Fatalf("part %d: %v", i, err)
	}
	if !bytes.Equal(got, o.want(t, s)) {
		t.Fatalf("part %d: %d bytes, not those of the output", i, len(got))
	}
}

// mustFail demands an error of a cause about an output.
func mustFail(t testing.TB, x *Fetch, i int, want Cause, seq uint64) *Error {
	t.Helper()
	_, err := get(x, i)
	var fe *Error
	if !errors.As(err, &fe) || fe.Cause != want || fe.Source.Attempt.Seq != seq {
		t.Fatalf("part %d: %v, want an error of output %d: %v", i, err, seq, want)
	}
	return fe
}

// hmacTickets sign with a key, so that each side makes its own.
type hmacTickets struct {
	key     string
	refused atomic.Int32
}

func (h *hmacTickets) Sign(c Claim) ([]byte, error) {
	m := hmac.New(sha256.New, []byte(h.key))
	_, _ = fmt.Fprintf(m, "%q %v %d %d %d %q", c.Job, c.Attempt, c.From, c.To, c.Epoch, c.Blob)
	return m.Sum(nil), nil
}

func (h *hmacTickets) Check(ticket []byte, c Claim) error {
	want, err := h.Sign(c)
	if err == nil && !hmac.Equal(ticket, want) {
		h.refused.Add(1)
		err = errors.New("signature")
	}
	return err
}

// authority makes certificates that its own configurations accept.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), crand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true,
		BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(crand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// config is for both ends.
func (a *authority) config(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2), net.IPv4(127, 0, 0, 3)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(crand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: pool,
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
}

var errTooManyFiles error = syscall.EMFILE

// serveHandler serves a handler instead of a Server.
func serveHandler(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func counting(h http.Handler, n *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h.ServeHTTP(w, r)
	})
}
