package web

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask asks a guarded handler that says "here".
func ask(busy chan struct{}, method, host string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://x/", nil)
	r.Host = host
	r.Header.Set("Authorization", "Bearer t")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }), lock{token: "t"}, busy).ServeHTTP(w, r)
	return w
}

// Only who asks this machine for itself is answered, and nobody changes anything.
func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name, method, host string
		headers            []string
		code               int
	}{
		{"address", "GET", "127.0.0.1:80", nil, 200},
		{"another address", "GET", "127.9.9.9:80", nil, 200},
		{"version 6", "GET", "[::1]:80", nil, 200},
		{"version 6 without port", "GET", "[::1]", nil, 200},
		{"name", "HEAD", "LocalHost:80", nil, 200},
		{"name without port", "GET", "localhost", nil, 200},
		{"a name that leads here", "GET", "evil.example:80", nil, 421},
		{"a name that begins well", "GET", "127.0.0.1.evil.example", nil, 421},
		{"a name that ends well", "GET", "evil.localhost.example:1", nil, 421},
		{"another machine", "GET", "10.0.0.1:80", nil, 421},
		{"no name", "GET", "", nil, 421},
		{"a post", "POST", "localhost", nil, 405},
		{"a delete", "DELETE", "localhost", nil, 405},
		{"another site's script", "GET", "localhost", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"another port's script", "GET", "localhost", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{"another site's script, of an old browser", "GET", "localhost:80", []string{"Origin", "http://evil.example"}, 403},
		{"another port's script, of an old browser", "GET", "localhost:80", []string{"Origin", "http://localhost:81"}, 403},
		{"a page of its own", "GET", "localhost:80", []string{"Origin", "http://localhost:80"}, 200},
		{"a link", "GET", "localhost", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"its own style", "GET", "localhost", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors"}, 200},
		{"typed in", "GET", "localhost", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},
	} {
		w := ask(make(chan struct{}, 1), c.method, c.host, c.headers...)
		if w.Code != c.code || strings.Contains(w.Body.String(), "here") != (c.code == 200) {
			t.Errorf("%s: %d, %q", c.name, w.Code, w.Body)
		}
		for name, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Access-Control-Allow-Origin": ""} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q", c.name, name, got)
			}
		}
	}
}

func TestBusy(t *testing.T) {
	busy := make(chan struct{}, 1)
	busy <- struct{}{}
	if w := ask(busy, "GET", "localhost"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d", w.Code)
	}
	<-busy
	for range 3 {
		if w := ask(busy, "GET", "localhost"); w.Code != 200 {
			t.Errorf("%d", w.Code)
		}
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, "", http.HandlerFunc(Healthy))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://" + l.Addr().String() + healthPath
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil || r.Body.Close() != nil || string(b) != "ok\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if r, err := client.Get(url); err == nil {
		_ = r.Body.Close()
		t.Error("it answers after its end")
	}
	if err := (*Server)(nil).Close(); err != nil {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	w := httptest.NewRecorder()
	ShowMetrics(func(m *Metrics) {
		m.Gauge("a", "What \\ a\nis.", 3)
		m.Counter("b_total", "Bs.", 1<<40)
		m.Gauges("c", "Cs.", "state", map[string]float64{"z": 0.5, "a\"\\\n": 2})
		m.Gauges("d", "Ds.", "state", nil)
	})(w, nil)
	want := `# HELP a What \\ a\nis.
# TYPE a gauge
a 3
# HELP b_total Bs.
# TYPE b_total counter
b_total 1.099511627776e+12
# HELP c Cs.
# TYPE c gauge
c{state="a\"\\\n"} 2
c{state="z"} 0.5
# HELP d Ds.
# TYPE d gauge
`
	if got := w.Body.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "text/plain; version=0.0.4") {
		t.Error(ct)
	}
}
