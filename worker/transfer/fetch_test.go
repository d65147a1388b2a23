package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// world is some servers with outputs of all kinds.
type world struct {
	outputs []*Output
	sources []Source
}

func newWorld(t testing.TB, s span, o ServerOptions, maps int) (w world) {
	t.Helper()
	dir := t.TempDir()
	for i, ip := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		store := newStore()
		o.Store = store
		addr := serve(t, ip, o)
		for m := range maps {
			sh := shape{mapTask: m*3 + i, segments: m % 4, reduces: 6, row: 3000, rows: 4, memory: m%5 == 0}
			if m%7 == 3 {
				sh.row, sh.rows = 90_000, 12
			}
			out := store.make(t, dir, sh)
			w.outputs = append(w.outputs, out)
			w.sources = append(w.sources, out.source(addr, s))
		}
	}
	return w
}

func TestFetchGivesTheBytesOfEveryOutput(t *testing.T) {
	ca := newAuthority(t)
	for _, tt := range []struct {
		name   string
		server ServerOptions
		client Options
		span   span
	}{
		{name: "one partition", span: span{2, 3}},
		{name: "several partitions", span: span{1, 5}},
		{name: "all", span: span{0, 6}},
		{name: "everything is large", span: span{0, 6}, client: Options{Small: 1}},
		{name: "everything is small", span: span{0, 6}, client: Options{Small: 16 << 20}},
		{name: "no memory", span: span{0, 6}, client: Options{Held: 1}},
		{name: "no disk", span: span{0, 6}, client: Options{Spool: 1, Window: 20_000}},
		{name: "neither", span: span{0, 6}, client: Options{Held: 1, Spool: 1, Window: 1000}},
		{name: "little in flight", span: span{0, 6}, client: Options{InFlight: 1000, PeerConns: 1}},
		{name: "tls", span: span{1, 5}, server: ServerOptions{TLS: ca.config(t)}, client: Options{TLS: ca.config(t)}},
		{name: "tickets", span: span{1, 5}, server: ServerOptions{Tickets: &hmacTickets{key: "k"}}, client: Options{Tickets: &hmacTickets{key: "k"}}},
		{name: "busy at times", span: span{1, 5}, server: ServerOptions{PeerStreams: 2}},
		{name: "few connections", span: span{1, 5}, server: ServerOptions{PeerConns: 2}, client: Options{Retries: 100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.span, tt.server, 25)
			x := start(t, fetcher(t, tt.client), tt.span, w.sources...)
			for i, o := range w.outputs {
				mustGet(t, x, i, o, tt.span)
				p, err := x.Part(i)
				if err != nil {
					t.Fatal(err)
				}
				lens, _, err := o.lay(tt.span)
				if err != nil || !slices.EqualFunc(lens, p.Lens, slices.Equal[[]int64]) {
					t.Fatalf("lengths %v, want %v (%v)", p.Lens, lens, err)
				}
			}
		})
	}
}

func TestSizesMayBeUnknownOrWrong(t *testing.T) {
	s := span{0, 6}
	w := newWorld(t, s, ServerOptions{}, 15)
	for name, size := range map[string]int64{"unknown": 0, "far too large": 1 << 40, "too small": 1} {
		t.Run(name, func(t *testing.T) {
			sources := slices.Clone(w.sources)
			for i := range sources {
				sources[i].Size = size
			}
			x := start(t, fetcher(t, Options{}), s, sources...)
			for i, o := range w.outputs {
				mustGet(t, x, i, o, s)
			}
		})
	}
}

func TestWhereAPartLies(t *testing.T) {
	s := span{0, 1}
	store := newStore()
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
	small := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 500, rows: 9})
	large := store.make(t, t.TempDir(), shape{mapTask: 1, segments: 2, reduces: 1, row: 100_000, rows: 20})
	x := start(t, fetcher(t, Options{}), s, small.source(addr, s), large.source(addr, s))

	p, err := x.Part(0)
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := p.Bytes(); !ok || string(b) != string(small.want(t, s)) {
		t.Errorf("small part: %d bytes, in memory: %v", len(b), ok)
	}
	if p, err = x.Part(1); err != nil {
		t.Fatal(err)
	}
	f, off, ok := p.File()
	if !ok {
		t.Fatal("the large part is not in a file")
	}
	b := make([]byte, p.Size())
	if _, err := f.ReadAt(b, off); err != nil || string(b) != string(large.want(t, s)) {
		t.Errorf("what lies in the file is not the part: %v", err)
	}
	if _, ok := p.Bytes(); ok {
		t.Error("the large part is in memory")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Read(b); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

// TestRowsComeThrough reads what a Writer wrote with what tasks read it with.
func TestRowsComeThrough(t *testing.T) {
	dir := t.TempDir()
	want := map[string]bool{}
	store := newStore()
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
	typ := stringType
	enc := func(m int) *Output {
		o := store.make(t, dir, shape{mapTask: m, segments: 2, reduces: 3, row: 200, rows: 30})
		return o
	}
	s := span{1, 2}
	var sources []Source
	for m := range 4 {
		sources = append(sources, enc(m).source(addr, s))
	}
	x := start(t, fetcher(t, Options{}), s, sources...)
	var inputs []shuffle.Input
	for i := range sources {
		p, err := x.Part(i)
		if err != nil {
			t.Fatal(err)
		}
		in := shuffle.Input{Shuffle: testShuffle, Map: uint32(i), Reduce: 1}
		var at int64
		for _, seg := range p.Lens {
			in.Ranges = append(in.Ranges, [2]int64{at, at + seg[0]})
			at += seg[0]
		}
		b, _ := p.Bytes()
		in.Open = func() (io.ReaderAt, io.Closer, error) {
			r := bytesAt(b)
			return r, r, nil
		}
		inputs = append(inputs, in)
	}
	rows := 0
	err := shuffle.Read(t.Context(), inputs, typ)(func(r codec.Rows) bool {
		rows += r.Len
		for _, v := range codec.Slice[string](r) {
			want[v] = true
		}
		return true
	})
	if err != nil || rows == 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

type bytesAt []byte

func (b bytesAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (bytesAt) Close() error { return nil }

func TestSmallOutputsOfAPeerGoTogether(t *testing.T) {
	var requests atomic.Int32
	store := newStore()
	s := NewServer(ServerOptions{Store: store})
	addr := serveHandler(t, counting(s, &requests))
	var sources []Source
	var outputs []*Output
	dir := t.TempDir()
	for m := range 1000 {
		o := store.make(t, dir, shape{mapTask: m, segments: 1, reduces: 4, row: 100, rows: 3, memory: m%2 == 0})
		outputs = append(outputs, o)
		sources = append(sources, o.source(addr, span{1, 2}))
	}
	x := start(t, fetcher(t, Options{}), span{1, 2}, sources...)
	for i, o := range outputs {
		mustGet(t, x, i, o, span{1, 2})
	}
	if n := requests.Load(); n != 4 {
		t.Errorf("%d requests for 1000 outputs, want 4", n)
	}
}

func TestPeersAreBegunWithInDifferentOrders(t *testing.T) {
	f := NewFetcher(Options{})
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is to be fetched
	first := map[string]int{}
	for seed := range uint64(200) {
		r := Request{Job: testJob, To: 1, Seed: seed + 1}
		for i := range 10 {
			r.Sources = append(r.Sources, Source{Attempt: model.AttemptID{Partition: i}, Addr: fmt.Sprintf("127.0.0.9:%d", i+1)})
		}
		x, err := f.Fetch(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		first[x.order[0].addr]++
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for addr, n := range first {
		if n > 50 {
			t.Errorf("%d of 200 readers begin with %s", n, addr)
		}
	}
	if len(first) != 10 {
		t.Errorf("readers begin with %d of 10 peers", len(first))
	}
}

func TestRefusalsAreTypedErrors(t *testing.T) {
	s := span{0, 1}
	dir := t.TempDir()
	for _, tt := range []struct {
		name   string
		spoil  func(store *testStore, o *Output)
		client Options
		want   Cause
		model  model.FetchCause
		asked  int
	}{
		{"missing", func(st *testStore, o *Output) { delete(st.outputs, idOf(o.Attempt)) }, Options{}, Missing, model.FetchMissing, 1},
		{"stale", func(st *testStore, _ *Output) { st.least = 6 }, Options{}, Stale, model.FetchMissing, 1},
		{"forbidden", func(*testStore, *Output) {}, Options{Tickets: &hmacTickets{key: "other"}}, Forbidden, model.FetchRefused, 1},
		{"file is gone", func(_ *testStore, o *Output) {
			o.Open = func() (*os.File, error) { return os.Open(dir + "/nothing") }
		}, Options{}, Missing, model.FetchMissing, 1},
		{"file is cut", func(_ *testStore, o *Output) { o.change(t, func(b []byte) []byte { return b[:len(b)-1] }) }, Options{}, Missing, model.FetchMissing, 1},
		{"index is damaged", func(_ *testStore, o *Output) { o.Segments[0][1] = o.Size + 1 }, Options{}, Missing, model.FetchMissing, 1},
		{"a bit is flipped", func(_ *testStore, o *Output) {
			o.change(t, func(b []byte) []byte { b[60] ^= 1; return b })
		}, Options{}, Corrupt, model.FetchCorrupt, 2},
		{"store fails", func(st *testStore, o *Output) {
			st.failing[o.Attempt.Seq] = []error{errors.New("disk"), errors.New("disk")}
		}, Options{}, Missing, model.FetchMissing, 1},
	} {
		for _, small := range []int64{1, 1 << 20} {
			t.Run(fmt.Sprintf("%s, small is %d", tt.name, small), func(t *testing.T) {
				store := newStore()
				addr := serve(t, "127.0.0.1", ServerOptions{Store: store, Tickets: &hmacTickets{key: "k"}})
				o := store.make(t, dir, shape{mapTask: 4, segments: 1, reduces: 1, row: 5000, rows: 8})
				src := o.source(addr, s)
				tt.spoil(store, o)
				client := tt.client
				client.Small = small
				if client.Tickets == nil {
					client.Tickets = &hmacTickets{key: "k"}
				}
				x := start(t, fetcher(t, client), s, src)
				e := mustFail(t, x, 0, tt.want, o.Attempt.Seq)
				fs := e.FetchSource()
				if fs.Cause != tt.model || fs.Map != 4 || fs.Attempt != o.Attempt || fs.Store != "store-1" || fs.Key != "s1.0" {
					t.Errorf("for the scheduler: %+v", fs)
				}
				if n := store.count(o.Attempt.Seq); n != tt.asked {
					t.Errorf("asked %d times, want %d", n, tt.asked)
				}
			})
		}
	}
}

func TestSwappedFilesAreFound(t *testing.T) {
	s := span{0, 2}
	store := newStore()
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
	dir := t.TempDir()
	a := store.make(t, dir, shape{mapTask: 0, segments: 1, reduces: 2, row: 300, rows: 5})
	b := store.make(t, dir, shape{mapTask: 1, segments: 1, reduces: 2, row: 300, rows: 5})
	a.Content, b.Content = b.Content, a.Content
	a.Segments, b.Segments = b.Segments, a.Segments
	for _, small := range []int64{1, 1 << 20} {
		_ = mustFail(t, start(t, fetcher(t, Options{Small: small}), s, a.source(addr, s)), 0, Corrupt, a.Attempt.Seq)
	}
}

func TestPartitionsOfAnotherReaderAreFound(t *testing.T) {
	store := newStore()
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 3, row: 300, rows: 50})
	seg := o.Segments[0]
	o.Segments[0] = []int64{0, seg[1], seg[2]} // of partition 0 it says right, of 1 too
	src := o.source(addr, span{0, 2})
	o.Segments[0] = seg[1:] // now partition 1 is taken for partition 0
	_ = mustFail(t, start(t, fetcher(t, Options{}), span{0, 2}, src), 0, Corrupt, 1)
}

func TestNobodyListens(t *testing.T) {
	o := &Output{Attempt: model.AttemptID{Partition: 2, Seq: 9}}
	src := o.source("127.0.0.1:1", span{0, 1})
	x := start(t, fetcher(t, Options{Retries: 3}), span{0, 1}, src)
	if e := mustFail(t, x, 0, Refused, 9); e.Tries != 4 {
		t.Errorf("%d tries, want 4: %v", e.Tries, e)
	}
}

func TestBusyOwnersAreWaitedFor(t *testing.T) {
	s := span{0, 1}
	store := newStore()
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 300, rows: 5})
	store.failing[1] = slices.Repeat([]error{&os.PathError{Op: "open", Err: errTooManyFiles}}, 30)
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
	for _, small := range []int64{1, 1 << 20} {
		mustGet(t, start(t, fetcher(t, Options{Retries: 1, Small: small}), s, o.source(addr, s)), 0, o, s)
	}
	store.failing[1] = slices.Repeat(store.failing[1][:0], 0)
	always := newStore()
	always.outputs = store.outputs
	always.failing[1] = slices.Repeat([]error{errTooManyFiles}, 100_000)
	addr = serve(t, "127.0.0.1", ServerOptions{Store: always})
	_ = mustFail(t, start(t, fetcher(t, Options{Busy: 1}), s, o.source(addr, s)), 0, TimedOut, 1)
}

func TestCancelledFetchEndsAtOnce(t *testing.T) {
	release := make(chan struct{})
	var once sync.Once
	store := newStore()
	reached := make(chan struct{})
	store.asked = func(uint64) {
		once.Do(func() { close(reached) })
		<-release
	}
	addr := serve(t, "127.0.0.1", ServerOptions{Store: store})
	t.Cleanup(func() { close(release) })
	o := store.make(t, t.TempDir(), shape{mapTask: 0, segments: 1, reduces: 1, row: 300, rows: 5})
	why := errors.New("killed")
	ctx, cancel := context.WithCancelCause(t.Context())
	x, err := fetcher(t, Options{}).Fetch(ctx, Request{Job: testJob, To: 1, Sources: []Source{o.source(addr, span{0, 1})}})
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	cancel(why)
	if _, err := x.Part(0); !errors.Is(err, why) {
		t.Errorf("after the cancel: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

func TestFetchChecksItsRequest(t *testing.T) {
	f := fetcher(t, Options{})
	for name, r := range map[string]Request{
		"no partitions": {Job: testJob, From: 2, To: 2},
		"too many":      {Job: testJob, To: maxLengths + 1},
		"no job":        {To: 1},
	} {
		if _, err := f.Fetch(t.Context(), r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	x := start(t, f, span{0, 1})
	x.Update(6, []int{3}, []Source{{Attempt: model.AttemptID{Partition: 4}}})
}
