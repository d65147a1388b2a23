package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// knock asks for a path with what a client has.
func knock(k lock, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "localhost"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }), k, make(chan struct{}, 1)).ServeHTTP(w, r)
	return w
}

func TestToken(t *testing.T) {
	k := lock{token: "secret", cookie: "gordd-1"}
	for _, c := range []struct {
		name, path string
		headers    []string
		code       int
	}{
		{"nothing", "/", nil, 401},
		{"nothing for metrics", "/metrics", nil, 401},
		{"health needs none", healthPath, nil, 200},
		{"a scraper", "/metrics", []string{"Authorization", "Bearer secret"}, 200},
		{"a wrong one", "/metrics", []string{"Authorization", "Bearer secre"}, 401},
		{"another scheme", "/metrics", []string{"Authorization", "Basic secret"}, 401},
		{"a browser that was here", "/", []string{"Cookie", "gordd-1=secret"}, 200},
		{"a browser of another port", "/", []string{"Cookie", "gordd-2=secret"}, 401},
		{"a browser of another server", "/", []string{"Cookie", "gordd-1=old"}, 401},
		{"a browser that comes", "/page?token=secret", nil, 303},
		{"a browser with another token", "/?token=x", nil, 401},
	} {
		w := knock(k, c.path, c.headers...)
		if w.Code != c.code || (w.Body.String() == "here") != (c.code == 200) {
			t.Errorf("%s: %d, %q", c.name, w.Code, w.Body)
		}
	}
	if w := knock(lock{}, "/", "Authorization", "Bearer "); w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
}

// The token does not stay in the address, and scripts cannot read the cookie.
func TestTokenBecomesACookie(t *testing.T) {
	w := knock(lock{token: "secret", cookie: "gordd-1"}, "/page?token=secret&x=y")
	if got := w.Header().Get("Location"); got != "/page" {
		t.Errorf("goes to %q", got)
	}
	if got, want := w.Header().Get("Set-Cookie"), "gordd-1=secret; Path=/; HttpOnly; SameSite=Strict"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
