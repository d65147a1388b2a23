package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gordd-project/gordd/internal/trust"
)

// What is no master is told as such: with a token for its address too, which a
// master that was killed has left.
func TestWhatIsNoMaster(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	_ = free.Close()
	for name, addr := range map[string]string{"HTTP": web.Listener.Addr().String(), "echo": echo.Addr().String(), "nobody": nobody} {
		if code := command([]string{"workers", "--master", addr}); code != codeNoCluster {
			t.Errorf("%s: exit code %d", name, code)
		}
		token, err := trust.NewLocal(addr, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if code := command([]string{"workers", "--master", addr}); code != codeNoCluster {
			t.Errorf("%s with a token: exit code %d", name, code)
		}
		if err := token.Close(); err != nil {
			t.Error(err)
		}
	}
}
