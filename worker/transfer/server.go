package transfer

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// ServerOptions are what a [Server] needs.
type ServerOptions struct {
	// Store finds what is served. It is needed.
	Store Store
	// Tickets checks that a reader may have what it asks for; nil lets everybody read who gets past TLS.
	Tickets Tickets
	// TLS is the configuration of the listener, with the demand for the peers' certificates; nil means none at all.
	TLS *tls.Config
	// Recheck says of a connection under TLS whether who is there still may be, before each request; nil asks nobody.
	Recheck func(tls.ConnectionState) error
	// Streams is how many requests are answered at once, those above are told to come again; the default is 256. Each
	// takes about 100 KiB.
	Streams int
	// PeerStreams is the same for one address of peers; the default is 32.
	PeerStreams int
	// PeerConns is how many connections one address of peers may hold; the default is 64.
	PeerConns int
	// Stall is how long a reader may take no bytes before it is given up; the default is 30 s.
	Stall time.Duration
	// Inc says which process answers, for those who ask whether it is still there.
	Inc model.Inc
	// Logger hears of damage; the default is none.
	Logger *slog.Logger
}

func (o ServerOptions) withDefaults() ServerOptions {
	o.Streams = cmp.Or(o.Streams, 256)
	o.PeerStreams = cmp.Or(o.PeerStreams, 32)
	o.PeerConns = cmp.Or(o.PeerConns, 64)
	o.Stall = cmp.Or(o.Stall, 30*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o
}

// Server serves what a worker has. It is an [http.Handler] too.
type Server struct {
	o     ServerOptions
	http  *http.Server
	conns counts
	peers counts // requests
	all   chan struct{}
	// refused has the connections that were not counted and will be reported closed.
	refused sync.Map
	served  atomic.Int64 // bytes
}

// NewServer returns a server that Serve starts.
func NewServer(o ServerOptions) *Server {
	o = o.withDefaults()
	s := &Server{o: o, all: make(chan struct{}, o.Streams)}
	s.conns.max, s.peers.max = o.PeerConns, o.PeerStreams
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // multiplexed streams would share one window and one core
	s.http = &http.Server{
		Handler: s, Protocols: protocols, TLSConfig: o.TLS,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		WriteTimeout:   o.Stall, // moved on with every piece that is written
		MaxHeaderBytes: 8 << 10,
		ConnState:      s.connection,
		ErrorLog:       slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Serve answers the connections of l until Close, whose error is [http.ErrServerClosed].
func (s *Server) Serve(l net.Listener) error {
	if s.o.TLS != nil {
		return s.http.ServeTLS(l, "", "")
	}
	return s.http.Serve(l)
}

// Shutdown lets the requests under way end, as long as ctx does; those that are left then are cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	return errors.Join(s.http.Shutdown(ctx), s.http.Close())
}

// Served is how many bytes readers were given.
func (s *Server) Served() int64 { return s.served.Load() }

// Close cuts all connections.
func (s *Server) Close() error { return s.http.Close() }

// counts bounds what each peer has of something.
type counts struct {
	max int
	mu  sync.Mutex
	n   map[string]int
}

func (c *counts) enter(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[key] >= c.max {
		return false
	}
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[key]++
	return true
}

func (c *counts) leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[key]--; c.n[key] <= 0 {
		delete(c.n, key)
	}
}

// host is the peer that an address belongs to.
func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}

// connection counts connections. They are not wrapped for it, since what is
// not a plain TCP connection has no sendfile.
func (s *Server) connection(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if !s.conns.enter(connKey(c)) {
			s.refused.Store(c, true)
			_ = c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		if _, ok := s.refused.LoadAndDelete(c); !ok {
			s.conns.leave(connKey(c))
		}
	}
}

func connKey(c net.Conn) string { return host(c.RemoteAddr().String()) }

// ServeHTTP answers one request. The Host header does not matter: peers are known by their certificates.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.o.Recheck != nil && r.TLS != nil {
		if err := s.o.Recheck(*r.TLS); err != nil {
			s.o.Logger.Warn("refused", "peer", r.RemoteAddr, "err", err)
			refuse(w, statusForbidden)
			return
		}
	}
	if r.URL.Path == incPath && r.Method == http.MethodGet {
		s.incarnation(w) // however busy this is: the question is whether it is here
		return
	}
	select {
	case s.all <- struct{}{}:
		defer func() { <-s.all }()
	default:
		refuse(w, statusBusy)
		return
	}
	peer := host(r.RemoteAddr)
	if !s.peers.enter(peer) {
		refuse(w, statusBusy)
		return
	}
	defer s.peers.leave(peer)
	a, ok := parsePath(r.URL.Path)
	many := ok && a.digest == "" && a.block.RDD == "" && !a.one
	switch {
	case !ok || r.URL.RawQuery != "":
		refuse(w, statusBad)
	case many && r.Method == http.MethodPost:
		s.many(w, r, a.job)
	case many || r.Method != http.MethodGet || r.ContentLength != 0:
		refuse(w, statusBad)
	case a.digest != "":
		s.blob(w, r, a)
	case a.block.RDD != "":
		s.block(w, r, a)
	default:
		s.one(w, r, a)
	}
}

var httpStatus = [statuses]int{
	statusOK: 200, statusMissing: 404, statusStale: 409, statusForbidden: 403, statusBusy: 503,
	statusBroken: 500, statusBad: 400, statusHeld: 413,
}

// refuse answers with a code and nothing else: what went wrong here is logged
// here, and none of the reader's business.
func refuse(w http.ResponseWriter, st status) {
	w.Header().Set(codeHeader, st.String())
	if st == statusBusy {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(httpStatus[st])
}

// find looks an output up and checks the ticket. What a ticket must say is known
// only then, so who has none can tell a missing output from one that is there.
func (s *Server) find(a address, epoch uint64, ticket []byte) (*Output, error) {
	out, err := s.o.Store.Output(a.job, a.id.term, a.id.seq, epoch)
	if err != nil {
		return nil, err
	}
	c := Claim{Job: a.job, Attempt: out.Attempt, From: a.span.from, To: a.span.to, Epoch: epoch}
	return out, checkTicket(s.o.Tickets, ticket, c)
}

// fail turns an error into a status, and tells the log what readers are not told.
func (s *Server) fail(what string, err error) status {
	st := statusFor(err)
	if st == statusBroken {
		s.o.Logger.Error("cannot serve", "what", what, "err", err)
	} else {
		s.o.Logger.Debug("refused", "what", what, "code", st.String(), "err", err)
	}
	return st
}

const epochHeader = "Gordd-Epoch"

func (s *Server) one(w http.ResponseWriter, r *http.Request, a address) {
	var epoch uint64
	if !parseNumber(r.Header.Get(epochHeader), 10, 64, &epoch) {
		refuse(w, statusBad)
		return
	}
	what := a.path()
	out, err := s.find(a, epoch, ticketFrom(r.Header.Get("Authorization")))
	if err != nil {
		refuse(w, s.fail(what, err))
		return
	}
	lens, pieces, err := out.lay(a.span)
	if err != nil {
		refuse(w, s.fail(what, err))
		return
	}
	h := head{id: a.id, span: a.span, epoch: epoch, lens: lens}
	s.send(w, r, what, &out.Content, h.append(nil), pieces)
}

func (s *Server) blob(w http.ResponseWriter, r *http.Request, a address) {
	err := checkTicket(s.o.Tickets, ticketFrom(r.Header.Get("Authorization")), Claim{Job: a.job, Blob: a.digest})
	var c *Content
	if err == nil {
		c, err = s.o.Store.Blob(a.job, a.digest)
	}
	if err != nil {
		refuse(w, s.fail(a.path(), err))
		return
	}
	s.send(w, r, a.path(), c, nil, []piece{{0, c.size()}})
}

// send answers with the header and pieces of a content, or the range of them
// that the reader wants.
func (s *Server) send(w http.ResponseWriter, r *http.Request, what string, c *Content, header []byte, pieces []piece) {
	total := int64(len(header))
	for _, p := range pieces {
		total += p.n
	}
	from, to, code := int64(0), total, http.StatusOK
	if rg := r.Header.Get("Range"); rg != "" {
		var ok bool
		if from, to, ok = parseRange(rg, total); !ok {
			refuse(w, statusBad)
			return
		}
		code = http.StatusPartialContent
		w.Header().Set("Content-Range", contentRange(from, to, total))
	}
	o, err := c.open()
	if err != nil {
		w.Header().Del("Content-Range")
		refuse(w, s.fail(what, err))
		return
	}
	defer o.close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(to-from, 10))
	w.WriteHeader(code)
	out := s.writer(w)
	if n := int64(len(header)); from < n {
		_, err = out.Write(header[from:min(n, to)])
	}
	at := int64(len(header)) // of the piece in all
	for _, p := range pieces {
		lo, hi := max(from-at, 0), min(to-at, p.n)
		at += p.n
		if err == nil && lo < hi {
			err = out.piece(o, piece{p.off + lo, hi - lo})
		}
	}
	s.sent(what, err)
}

func contentRange(from, to, total int64) string {
	return "bytes " + strconv.FormatInt(from, 10) + "-" + strconv.FormatInt(to-1, 10) + "/" + strconv.FormatInt(total, 10)
}

// sent ends a response whose header has gone: if it cannot be completed the
// connection is cut, so that the reader does not take it for whole.
func (s *Server) sent(what string, err error) {
	if err == nil {
		return
	}
	var ne net.Error
	if errors.As(err, &ne) {
		s.o.Logger.Debug("reader gone", "what", what, "err", err)
	} else {
		s.o.Logger.Error("cannot read what is served", "what", what, "err", err)
	}
	panic(http.ErrAbortHandler)
}

// many answers a request for many outputs, in its order.
func (s *Server) many(w http.ResponseWriter, r *http.Request, job plan.JobID) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsk))
	if err != nil {
		refuse(w, statusBad)
		return
	}
	q, err := parseAsk(body)
	if err != nil {
		refuse(w, s.fail(r.URL.Path, err))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(http.StatusOK)
	out := s.writer(w)
	out.buffered()
	for i := range q.items {
		if err := s.item(out, job, q, i); err != nil {
			s.sent(r.URL.Path, err)
		}
	}
	s.sent(r.URL.Path, out.flush())
}

// item sends one output of a request. An error is one of writing, or of reading
// after the header has been written.
func (s *Server) item(out *writer, job plan.JobID, q *ask, i int) error {
	a := address{job: job, one: true, id: q.items[i].id, span: q.span}
	h := head{id: a.id, span: a.span, epoch: q.epoch}
	o, pieces, err := s.prepare(a, q, &h, q.items[i].ticket)
	if err != nil {
		h.status, h.lens = s.fail(a.path(), err), nil
	}
	defer o.close()
	out.scratch = h.append(out.scratch[:0])
	if _, err := out.Write(out.scratch); err != nil || h.status != statusOK {
		return err
	}
	q.budget -= h.size()
	for _, p := range pieces {
		if err := out.piece(o, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) prepare(a address, q *ask, h *head, ticket []byte) (o opened, pieces []piece, err error) {
	found, err := s.find(a, q.epoch, ticket)
	if err != nil {
		return o, nil, err
	}
	if h.lens, pieces, err = found.lay(a.span); err != nil {
		return o, nil, err
	}
	if n := h.size(); n > q.each || n > q.budget {
		h.status = statusHeld
		return o, nil, nil
	}
	if len(pieces) > 0 {
		o, err = found.open()
	}
	return o, pieces, err
}
