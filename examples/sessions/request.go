package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// Visitor is a program at an address.
type Visitor struct {
	From  [16]byte // an address as a key, which a netip.Addr is not
	Agent string
}

// Request is when a visitor asked for a page.
type Request struct {
	At   int64 // seconds since 1970
	Page string
}

const layout = "02/Jan/2006:15:04:05 -0700"

// ParseRequest parses a line of the combined log format:
//
//	192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET /a?q=1 HTTP/1.1" 200 2326 "https://example.org/" "Mozilla/5.0"
func ParseRequest(line string) (v Visitor, r Request, err error) {
	from, rest, _ := strings.Cut(line, " ")
	_, rest, _ = strings.Cut(rest, "[")
	at, rest, _ := strings.Cut(rest, `] "`)
	fields := strings.Split(rest, `"`)
	if len(fields) < 5 {
		return v, r, fmt.Errorf("no entry of a log: %q", line)
	}
	target := strings.Fields(fields[0])
	if len(target) < 2 {
		return v, r, fmt.Errorf("no request in %q", line)
	}
	addr, err := netip.ParseAddr(from)
	if err != nil {
		return v, r, err
	}
	t, err := time.Parse(layout, at)
	if err != nil {
		return v, r, err
	}
	r.At = t.Unix()
	r.Page, _, _ = strings.Cut(target[1], "?")
	return Visitor{addr.As16(), strings.Join(fields[4:len(fields)-1], `"`)}, r, nil
}

// generate makes a log of so many requests, which are the same for a seed.
func generate(s *typed.Session, n int64, seed uint64) typed.RDD[string] {
	return s.Range(n).With(seed).Map(entry)
}

// entry is the request of a second: fewer visitors than requests, and pages of which
// the first ones are asked for most.
func entry(seed uint64, i int64) string {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	visitor := r.IntN(1000)
	at := time.Date(2026, 10, 10, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	return fmt.Sprintf(`10.0.%d.%d - - [%s] "GET /page/%d?q=%d HTTP/1.1" 200 %d "-" "Browser/%d"`,
		visitor%8, visitor/8, at.Format(layout), int(20*r.Float64()*r.Float64()), i, r.IntN(9999), visitor%3)
}

// Line is a session as a line of output, with tabs between its fields.
func (s Session) Line() string {
	return strings.Join([]string{
		netip.AddrFrom16(s.Visitor.From).Unmap().String(),
		time.Unix(s.Start, 0).UTC().Format(time.RFC3339),
		(time.Duration(s.End-s.Start) * time.Second).String(),
		strconv.Itoa(s.Pages), s.Entry, s.Exit, s.Visitor.Agent,
	}, "\t")
}
