package transfer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a [Fetcher] needs. The zero value of every field works.
type Options struct {
	// Tickets signs what is asked for; nil sends no tickets.
	Tickets Tickets
	// TLS is the configuration of connections, with our certificate and how to check the peers'; nil means no TLS.
	TLS *tls.Config
	// Dial makes connections; the default is that of [net.Dialer].
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Scratch is the directory for what is too large for memory; the default is that for temporary files.
	Scratch string

	// InFlight bounds the bytes that are asked for and not yet here; the default is 48 MiB.
	InFlight int64
	// Held bounds the bytes of pieces that lie in memory until somebody reads them; the default is 64 MiB.
	Held int64
	// Spool bounds the bytes in files; the default is 16 GiB. What does not fit is streamed.
	Spool int64
	// Small is the size up to which pieces stay in memory and are asked for together; the default is 256 KiB.
	Small int64
	// Window is what a stream fetches at a time; the default is 4 MiB.
	Window int64
	// PeerConns is how many connections there are to one peer, and how many more for blocks; the default is 3.
	PeerConns int

	// Retries is how often a transfer is tried again that brought nothing; the default is 5, −1 means never.
	Retries int
	// Backoff is the longest wait before the first of them, each later one may wait twice as long; the default is
	// 100 ms. How long exactly is drawn by lot, so that readers do not come back together.
	Backoff time.Duration
	// MaxBackoff bounds it; the default is 2 s.
	MaxBackoff time.Duration
	// Stall is how long a transfer may bring no byte before it is given up; the default is 15 s. The first of a block may
	// take longer, for it is written then.
	Stall time.Duration
	// Connect is how long connecting may take; the default is 5 s.
	Connect time.Duration
	// Busy is how long a peer may say that it is busy; the default is 2 min.
	Busy time.Duration
	// Logger hears of what was tried again; the default is none.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.InFlight = cmp.Or(o.InFlight, 48<<20)
	o.Held = cmp.Or(o.Held, 64<<20)
	o.Spool = cmp.Or(o.Spool, 16<<30)
	o.Small = cmp.Or(o.Small, 256<<10)
	o.Window = cmp.Or(o.Window, 4<<20)
	o.PeerConns = cmp.Or(o.PeerConns, 3)
	if o.Retries = cmp.Or(o.Retries, 5); o.Retries < 0 {
		o.Retries = 0
	}
	o.Backoff = cmp.Or(o.Backoff, 100*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 2*time.Second)
	o.Stall = cmp.Or(o.Stall, 15*time.Second)
	o.Connect = cmp.Or(o.Connect, 5*time.Second)
	o.Busy = cmp.Or(o.Busy, 2*time.Minute)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	return o
}

// Fetcher fetches from other agents. Its methods may be called by many goroutines at once.
type Fetcher struct {
	o      Options
	client *http.Client
	scheme string

	life     context.Context // of dials, which outlive the requests that wanted them
	end      context.CancelFunc
	inFlight *credit
	held     *credit
	spool    *credit

	fetched atomic.Int64 // bytes

	mu    sync.Mutex
	peers map[lane]*peer
}

// peer bounds the requests of one kind to one address, so that none of them waits for a
// connection while its time runs.
type peer struct {
	users int
	slots chan struct{}
}

// NewFetcher returns a fetcher. Close ends it.
func NewFetcher(o Options) *Fetcher {
	o = o.withDefaults()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	life, end := context.WithCancel(context.Background())
	t := &http.Transport{
		Protocols: protocols, TLSClientConfig: o.TLS, DisableCompression: true,
		MaxIdleConnsPerHost: o.PeerConns, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: o.Connect, MaxResponseHeaderBytes: 16 << 10,
		ReadBufferSize: 64 << 10,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, o.Connect)
			defer cancel()
			defer context.AfterFunc(life, cancel)()
			return o.Dial(ctx, network, addr)
		},
	}
	f := &Fetcher{
		o: o, scheme: "http", life: life, end: end,
		client: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		inFlight: newCredit(o.InFlight), held: newCredit(o.Held), spool: newCredit(o.Spool),
		peers: map[lane]*peer{},
	}
	if o.TLS != nil {
		f.scheme = "https"
	}
	return f
}

// Fetched is how many bytes came, those of transfers that were given up too.
func (f *Fetcher) Fetched() int64 { return f.fetched.Load() }

// Close closes connections that are idle. Those of fetches end with them.
func (f *Fetcher) Close() {
	f.end()
	f.client.CloseIdleConnections()
}

// lane is which requests wait for each other: those that a peer takes its time to answer
// do not hold up the rest.
type lane struct {
	addr string
	slow bool
}

func (f *Fetcher) enter(ctx context.Context, l lane) (leave func(), err error) {
	f.mu.Lock()
	p := f.peers[l]
	if p == nil {
		p = &peer{slots: make(chan struct{}, f.o.PeerConns)}
		f.peers[l] = p
	}
	p.users++
	f.mu.Unlock()
	forget := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if p.users--; p.users == 0 {
			delete(f.peers, l)
		}
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, context.Cause(ctx)
	}
}

// call is one request: a body makes it a POST.
type call struct {
	addr, path string
	body       []byte
	ticket     []byte
	epoch      uint64
	ranged     bool
	from, to   int64         // of a range; to < 0 is its end
	cost       int64         // bytes in flight
	wait       time.Duration // until the answer begins; 0: as between its bytes
}

func (f *Fetcher) request(ctx context.Context, c *call) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if c.body != nil {
		method, body = http.MethodPost, bytes.NewReader(c.body)
	}
	r, err := http.NewRequestWithContext(ctx, method, f.scheme+"://"+c.addr+c.path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "gordd")
	if c.body != nil {
		return r, nil
	}
	r.Header.Set(epochHeader, strconv.FormatUint(c.epoch, 10))
	if len(c.ticket) > 0 {
		r.Header.Set("Authorization", ticketText(c.ticket))
	}
	if c.ranged {
		last := ""
		if c.to >= 0 {
			last = strconv.FormatInt(c.to-1, 10)
		}
		r.Header.Set("Range", "bytes="+strconv.FormatInt(c.from, 10)+"-"+last)
	}
	return r, nil
}

// answer is the body of a response as it comes.
type answer struct {
	body  io.Reader
	watch *time.Timer
	stall time.Duration
	total int64 // of all that is there, where the response says it; else −1
	got   int64
	all   *atomic.Int64 // of the fetcher
}

// Read puts the end off as long as bytes come.
func (a *answer) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if n > 0 {
		a.got += int64(n)
		a.all.Add(int64(n))
		a.watch.Reset(a.stall)
	}
	return n, err
}

// exchange makes a call and hands the answer to use, which should read all of
// it. It waits its turn at the peer, and until the bytes may be in flight.
func (f *Fetcher) exchange(ctx context.Context, c *call, use func(*answer) error) error {
	leave, err := f.enter(ctx, lane{c.addr, c.wait > 0})
	if err != nil {
		return err
	}
	defer leave()
	// The place in the queue comes first: who waits for a slow peer must not hold what others could use.
	taken, err := f.inFlight.take(ctx, c.cost)
	if err != nil {
		return err
	}
	defer f.inFlight.give(taken)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(cmp.Or(c.wait, f.o.Stall), func() { cancel(errStalled) })
	defer watch.Stop()
	err = f.answered(ctx, c, watch, use)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (f *Fetcher) answered(ctx context.Context, c *call, watch *time.Timer, use func(*answer) error) error {
	r, err := f.request(ctx, c)
	if err != nil {
		return err
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	watch.Reset(f.o.Stall)
	a := &answer{body: resp.Body, watch: watch, stall: f.o.Stall, total: resp.ContentLength, all: &f.fetched}
	want := http.StatusOK
	if c.ranged {
		want = http.StatusPartialContent
		if a.total, err = rangeTotal(resp.Header.Get("Content-Range"), c); resp.StatusCode == want && err != nil {
			return err
		}
	}
	if resp.StatusCode != want {
		return refusalOf(resp)
	}
	return use(a)
}

// rangeTotal reads a Content-Range header, which must begin where it was asked to.
func rangeTotal(s string, c *call) (int64, error) {
	rest, _ := strings.CutPrefix(s, "bytes "+strconv.FormatInt(c.from, 10)+"-")
	_, total, ok := strings.Cut(rest, "/")
	n, err := strconv.ParseInt(total, 10, 64)
	if !ok || err != nil || len(rest) == len(s) {
		return 0, fmt.Errorf("%w: range %q from byte %d on", errFormat, s, c.from)
	}
	return n, nil
}

func refusalOf(resp *http.Response) error {
	st, ok := statusOf(resp.Header.Get(codeHeader))
	if !ok || st == statusOK {
		return fmt.Errorf("no answer of an agent: %s", resp.Status)
	}
	r := &refusal{status: st}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		r.after = time.Duration(min(s, 60)) * time.Second
	}
	return r
}

// maxTries bounds even those that bring something: who gives a byte at a time
// would be waited for for ever.
const maxTries = 1000

// tries is what became of the attempts to have one thing.
type tries struct {
	n       int // all
	empty   int // in a row that brought nothing
	corrupt int
	busy    time.Time // since when the owner has been; zero when it was not
}

// next decides after a failed attempt: when to try again, or that it is over.
func (t *tries) next(o *Options, err error, progress bool) (wait time.Duration, again bool) {
	t.n++
	if progress { // whatever was wrong has gone
		t.empty, t.corrupt, t.busy = 0, 0, time.Time{}
	}
	var r *refusal
	switch cause := causeOf(err); {
	case cause == Corrupt:
		t.corrupt++
		return 0, t.corrupt < 2
	case errors.As(err, &r) && r.status == statusBusy:
		if t.busy.IsZero() {
			t.busy = time.Now()
		}
		return rand.N(max(min(r.after, o.MaxBackoff), o.Backoff)), time.Since(t.busy) < o.Busy
	case errors.As(err, &r), cause == Missing, cause == Forbidden:
		return 0, false
	}
	if !progress {
		t.empty++
	}
	return backoff(o, max(t.empty, 1)), t.empty <= o.Retries && t.n < maxTries
}

// backoff draws how long to wait before the nth try again.
func backoff(o *Options, n int) time.Duration {
	return rand.N(min(o.MaxBackoff, o.Backoff<<min(n-1, 20)) + 1)
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
