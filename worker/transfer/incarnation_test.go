package transfer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

func TestAsk(t *testing.T) {
	s := NewServer(ServerOptions{Store: newStore(), Inc: 0xfedcba9876543210, Streams: 1})
	s.all <- struct{}{} // it is as busy as can be
	web := httptest.NewServer(s)
	defer web.Close()
	for range 3 {
		if inc, err := Ask(t.Context(), Question{Addr: web.Listener.Addr().String()}); inc != 0xfedcba9876543210 || err != nil {
			t.Errorf("got %x, %v", inc, err)
		}
	}
	for _, path := range []string{"/v1/incarnation/", "/v1/incarnation?x"} {
		resp, err := http.Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if strings.HasSuffix(path, "/") && resp.Header.Get(incHeader) != "" {
			t.Errorf("%s is answered", path)
		}
	}
	resp, err := http.Post(web.URL+incPath, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode == http.StatusOK {
		t.Error("a POST is answered")
	}
}

func TestAskNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), Question{Addr: addr}); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	if _, err := Ask(t.Context(), Question{Addr: "not an address"}); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

// Who answers with something else, or not at all, is not known to be gone.
func TestAskSomebodyElse(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"other server": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") },
		"no number":    func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nGordd-Incarnation: -1\r\n\r\n") },
		"refusal":      func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 503 Busy\r\nGordd-Incarnation: 1\r\n\r\n") },
		"noise":        func(c net.Conn) { _, _ = io.WriteString(c, "220 mail\r\n") },
		"long":         func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)) },
		"end":          func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			served := make(chan struct{})
			go func() {
				defer close(served)
				_, _ = server.Read(make([]byte, 4096))
				answer(server)
				_ = server.Close()
			}()
			inc, err := Ask(t.Context(), Question{Addr: "h:1", Dial: func(context.Context, string, string) (net.Conn, error) { return client, nil }})
			if err == nil || errors.Is(err, ErrRefused) {
				t.Errorf("got %x, %v", inc, err)
			}
			<-served
		})
	}
	t.Run("silence", func(t *testing.T) {
		client, server := net.Pipe()
		defer func() { _ = server.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := Ask(ctx, Question{Addr: "h:1", Dial: func(context.Context, string, string) (net.Conn, error) { return client, nil }}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAskOverTLS has both sides prove who they are.
func TestAskOverTLS(t *testing.T) {
	ca := newAuthority(t)
	s := NewServer(ServerOptions{Store: newStore(), Inc: 7, TLS: ca.config(t)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	if inc, err := Ask(t.Context(), Question{Addr: l.Addr().String(), TLS: ca.config(t)}); inc != model.Inc(7) || err != nil {
		t.Errorf("got %x, %v", inc, err)
	}
	if _, err := Ask(t.Context(), Question{Addr: l.Addr().String()}); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("without TLS: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
