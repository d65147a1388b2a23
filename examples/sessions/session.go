package main

import (
	"cmp"
	"context"
	"hash/crc32"
	"iter"
	"net/netip"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

const (
	// gap is the longest pause in a session, in seconds.
	gap = 30 * 60
	// files is how many partitions the sessions are in.
	files = 8
)

// Session is what a visitor asked for without a long pause.
type Session struct {
	Visitor     Visitor
	Start, End  int64 // seconds since 1970
	Pages       int
	Entry, Exit string
}

// sessions finds those of a log. A visitor's requests come one after the other in the
// order of their times, and are never held together in memory.
func sessions(lines typed.RDD[string]) typed.RDD[Session] {
	return lines.TryMapToPair(ParseRequest).
		FlatMapSortedGroups(at, split, typed.PartitionFunc(files, byNetwork))
}

func at(r Request) int64 { return r.At }

// byNetwork places the visitors of a network together: of an address the first 24 bits,
// or 48 where it is one of version 6.
func byNetwork(v Visitor) int {
	network := v.From[:6]
	if netip.AddrFrom16(v.From).Is4In6() {
		network = v.From[:15]
	}
	return int(crc32.ChecksumIEEE(network) % files)
}

// split ends a session where the next request comes too late for it.
func split(v Visitor, requests iter.Seq[Request]) iter.Seq[Session] {
	return func(yield func(Session) bool) {
		var s Session
		for r := range requests {
			if s.Pages > 0 && r.At-s.End > gap {
				if !yield(s) {
					return
				}
				s.Pages = 0
			}
			if s.Pages == 0 {
				s = Session{Visitor: v, Start: r.At, Entry: r.Page}
			}
			s.End, s.Exit = r.At, r.Page
			s.Pages++
		}
		yield(s)
	}
}

// Tally counts sessions and their pages.
type Tally struct{ Sessions, Pages int }

func tally(s Session) Tally { return Tally{1, s.Pages} }

func (t Tally) add(o Tally) Tally { return Tally{t.Sessions + o.Sessions, t.Pages + o.Pages} }

// PerSession is how many pages a session has, 0 where there are none.
func (t Tally) PerSession() float64 { return float64(t.Pages) / float64(max(t.Sessions, 1)) }

func total(ctx context.Context, found typed.RDD[Session]) (Tally, error) {
	return found.Map(tally).Fold(ctx, Tally{}, Tally.add)
}

func entryPages(ctx context.Context, found typed.RDD[Session], n int) ([]typed.Pair[string, Tally], error) {
	return found.
		MapToPair(func(s Session) (string, Tally) { return s.Entry, tally(s) }).
		ReduceByKey(Tally.add).
		Top(ctx, n, bySessions)
}

// bySessions orders pages by sessions, and equals by name, the first one greatest.
func bySessions(a, b typed.Pair[string, Tally]) int {
	return cmp.Or(cmp.Compare(a.Value.Sessions, b.Value.Sessions), strings.Compare(b.Key, a.Key))
}
