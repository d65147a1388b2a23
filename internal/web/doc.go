// Package web is what members of a cluster show by HTTP: metrics, whether they
// live, and pages. All of it is read only, and for browsers and scrapers of the
// same machine, of who has the server's token.
//
// A page of somewhere else cannot read it. Requests must name a loopback host, so
// that no name of a foreign site leads here, and nothing allows other origins.
package web
