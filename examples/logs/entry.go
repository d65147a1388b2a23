package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Entry is a request, of a line of the log.
type Entry struct {
	From   netip.Addr
	Time   time.Time
	Method string
	Page   string
	Status int
	Bytes  int64
	Took   time.Duration
}

// Failed says whether the server is to blame.
func (e Entry) Failed() bool { return e.Status >= 500 }

const layout = "02/Jan/2006:15:04:05 -0700"

// ParseEntry parses a line of the common log format with the time that the
// request took in microseconds behind it:
//
//	192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET /a?q=1 HTTP/1.1" 200 2326 1500
func ParseEntry(line string) (e Entry, err error) {
	from, rest, _ := strings.Cut(line, " ")
	_, rest, _ = strings.Cut(rest, "[")
	at, rest, _ := strings.Cut(rest, `] "`)
	request, rest, ok := strings.Cut(rest, `" `)
	method, target, _ := strings.Cut(request, " ")
	numbers := strings.Fields(rest)
	if !ok || len(numbers) != 3 {
		return e, fmt.Errorf("no entry of a log: %q", line)
	}
	e.Method = method
	e.Page, _, _ = strings.Cut(strings.TrimSuffix(target, " HTTP/1.1"), "?")
	if e.From, err = netip.ParseAddr(from); err != nil {
		return e, err
	}
	if e.Time, err = time.Parse(layout, at); err != nil {
		return e, err
	}
	if e.Status, err = strconv.Atoi(numbers[0]); err != nil {
		return e, err
	}
	if e.Bytes, err = strconv.ParseInt(numbers[1], 10, 64); err != nil {
		return e, err
	}
	micros, err := strconv.ParseInt(numbers[2], 10, 64)
	e.Took = time.Duration(micros) * time.Microsecond
	return e, err
}
