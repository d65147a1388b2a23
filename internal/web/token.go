package web

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// tokenParam is the parameter of an address that brings a browser in.
const tokenParam = "token"

// lock lets in who has a token: with every request, as scrapers do, or once, as
// browsers do, which get a cookie for it.
type lock struct {
	token  string // "": nobody gets in
	cookie string // its name: cookies of one host are for all its ports
}

func newLock(l net.Listener, token string) lock {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return lock{token: token, cookie: "gordd-" + port}
}

// fits compares in a time that does not tell how much is right.
func (k lock) fits(token string) bool {
	return k.token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(k.token)) == 1
}

// open says whether a request may be answered. One that brings the token in its
// address is answered here, so that the token does not stay in the browser's bar
// and history.
func (k lock) open(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path == healthPath { // says nothing of the cluster
		return true
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && k.fits(bearer) {
		return true
	}
	if c, err := r.Cookie(k.cookie); err == nil && k.fits(c.Value) {
		return true
	}
	if !k.fits(r.URL.Query().Get(tokenParam)) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "this is for who started the server: open the address that it printed then, with its token", http.StatusUnauthorized)
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: k.cookie, Value: k.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	w.Header().Set("Location", r.URL.EscapedPath())
	w.WriteHeader(http.StatusSeeOther)
	return false
}
