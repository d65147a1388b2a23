package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"github.com/gordd-project/gordd/internal/sched/model"
)

const (
	incPath   = "/v1/incarnation"
	incHeader = "Gordd-Incarnation"
)

// incarnation says which process this is, in a header alone.
func (s *Server) incarnation(w http.ResponseWriter) {
	w.Header().Set(incHeader, strconv.FormatUint(uint64(s.o.Inc), 16))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// Question is what [Ask] needs to know. The zero values of TLS and Dial work.
type Question struct {
	Addr string
	TLS  *tls.Config
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// ErrRefused is the error for an address at which nobody listens.
var ErrRefused = errors.New("nobody listens there")

// Ask asks an agent which process it is, over a connection made for it. The error is [ErrRefused] when its machine says that
// nobody listens at the address; any other one, that of ctx included, says nothing about the process.
func Ask(ctx context.Context, q Question) (model.Inc, error) {
	if q.Dial == nil {
		q.Dial = new(net.Dialer).DialContext
	}
	t := &http.Transport{DialContext: q.Dial, TLSClientConfig: q.TLS, DisableKeepAlives: true, MaxResponseHeaderBytes: 4 << 10}
	defer t.CloseIdleConnections()
	scheme := "http://"
	if q.TLS != nil {
		scheme = "https://"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+q.Addr+incPath, nil)
	if err != nil {
		return 0, err
	}
	resp, err := t.RoundTrip(r)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return 0, ErrRefused
	case err != nil:
		return 0, err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 1)
	_ = resp.Body.Close()
	inc, err := strconv.ParseUint(resp.Header.Get(incHeader), 16, 64)
	if resp.StatusCode != http.StatusOK || err != nil {
		return 0, fmt.Errorf("no answer of an agent: %s", resp.Status)
	}
	return model.Inc(inc), nil
}
