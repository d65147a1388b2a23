package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/trust"
)

// get CODE URL [HOST] asks a server by HTTP, with $HTTP_TOKEN, and prints the answer.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: get CODE URL [HOST]")
	}
	r, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	if len(args) == 3 {
		r.Host = args[2]
	}
	r.Header.Set("Authorization", "Bearer "+ts.Getenv("HTTP_TOKEN"))
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	b, err := io.ReadAll(answer.Body)
	ts.Check(errors.Join(err, answer.Body.Close()))
	_, err = ts.Stdout().Write(b)
	ts.Check(err)
	if !strings.HasPrefix(answer.Status, args[0]+" ") {
		ts.Fatalf("%s instead of %s: %s", answer.Status, args[0], b)
	}
}

func TestOpenHTTP(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if w, err := openHTTP(noHTTP); w.listener != nil || err != nil || w.ready() != "" || w.close() != nil {
		t.Errorf("off: %+v, %v, %q", w, err, w.ready())
	}
	for _, address := range []string{"0.0.0.0:0", "10.0.0.1:0", ":0", "example.com:80"} {
		if w, err := openHTTP(address); w.listener != nil || err == nil || !strings.Contains(err.Error(), "--http "+address) {
			t.Errorf("%s: %+v, %v", address, w, err)
		}
	}
	w, err := openHTTP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := w.listener.Addr().String()
	token, err := trust.FindLocal(at)
	if want := " http=http://" + at + "/?token=" + token; err != nil || w.ready() != want || len(token) < 40 {
		t.Errorf("got %q, want %q, %v", w.ready(), want, err)
	}
	var taken *launch.Error
	if _, err := openHTTP(at); !errors.As(err, &taken) || taken.Code != codeNoCluster {
		t.Errorf("an address that is taken: %v", err)
	}
	if again, err := trust.FindLocal(at); again != token || err != nil {
		t.Errorf("whoever came too late changed the token: %v", err)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
	if _, err := trust.FindLocal(at); !errors.Is(err, trust.ErrNoLocal) {
		t.Errorf("the token is left: %v", err)
	}
}
