package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gordd-project/gordd/internal/door"
)

const (
	// slow is how long a client may take to send a request, or to take an answer.
	slow = 10 * time.Second
	// maxHeader is how long the head of a request can be.
	maxHeader = 16 << 10
	// most is how many requests are answered at a time.
	most = 32
	// maxConns is how many connections are held.
	maxConns = 128
	// healthPath is where everybody may ask whether the member lives.
	healthPath = "/healthz"
)

// Server serves a handler.
type Server struct {
	server http.Server
	done   chan error
}

// Serve serves h at l, which the server closes, for who has the token: as a bearer,
// or once in the address, as in /?token=… Without one only /healthz is answered.
func Serve(l net.Listener, token string, h http.Handler) *Server {
	s := &Server{done: make(chan error, 1)}
	s.server = http.Server{Handler: guard(h, newLock(l, token), make(chan struct{}, most)), ReadTimeout: slow, WriteTimeout: slow, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader}
	go func() { s.done <- s.server.Serve(door.New(maxConns, maxConns).Listener(l)) }()
	return s
}

// Close ends the server, if there is one. Answers that are under way get a moment
// to end.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// policy lets a page have its own style sheet and nothing else: no scripts, no
// frames, no forms.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard answers only what may be asked, and only so much at a time.
func guard(h http.Handler, k lock, busy chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		switch {
		case !local(r.Host):
			http.Error(w, "this server is for its own machine: ask for it by 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
			return
		case foreign(r):
			http.Error(w, "this server does not answer the pages of other sites", http.StatusForbidden)
			return
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			head.Set("Allow", "GET, HEAD")
			http.Error(w, "this server can only be read", http.StatusMethodNotAllowed)
			return
		}
		if !k.open(w, r) {
			return
		}
		select {
		case busy <- struct{}{}:
			defer func() { <-busy }()
			h.ServeHTTP(w, r)
		default:
			head.Set("Retry-After", "1")
			http.Error(w, "too many requests at a time", http.StatusServiceUnavailable)
		}
	})
}

// local says whether a request's host is a name of this machine for itself.
func local(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// foreign says whether a browser asks on behalf of another site's page. Somebody
// who follows a link from there may.
func foreign(r *http.Request) bool {
	if o := r.Header.Get("Origin"); o != "" && o != "http://"+r.Host {
		return true
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// Healthy answers that the member lives.
func Healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}
