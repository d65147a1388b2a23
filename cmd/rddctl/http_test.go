package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gordd-project/gordd/internal/launch"
)

// get CODE URL [HOST] asks a server by HTTP and prints the answer.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: get CODE URL [HOST]")
	}
	r, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	if len(args) == 3 {
		r.Host = args[2]
	}
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

func TestListenHTTP(t *testing.T) {
	if l, err := listenHTTP(noHTTP); l != nil || err != nil || readyHTTP(l) != "" {
		t.Errorf("off: %v, %v, %q", l, err, readyHTTP(l))
	}
	for _, address := range []string{"0.0.0.0:0", "10.0.0.1:0", ":0", "example.com:80"} {
		if l, err := listenHTTP(address); l != nil || err == nil || !strings.Contains(err.Error(), "--http "+address) {
			t.Errorf("%s: %v, %v", address, l, err)
		}
	}
	l, err := listenHTTP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := readyHTTP(l), " http=http://127.0.0.1:"; !strings.HasPrefix(got, want) {
		t.Errorf("%q", got)
	}
	var taken *launch.Error
	if _, err := listenHTTP(l.Addr().String()); !errors.As(err, &taken) || taken.Code != codeNoCluster {
		t.Errorf("an address that is taken: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
