package shuffle

import (
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// ledger charges a table's memory to a share.
type ledger struct {
	table.Table
	mem     *share
	charged int64
	// Accumulators with pointers grow behind the table's back: weigh, nil for others, estimates what they hold.
	weigh   *weight.Weigher
	behind  int64 // charged for that
	batches int   // since the last estimate
}

func newLedger(t table.Table, accs *codec.Type, mem *share) ledger {
	l := ledger{Table: t, mem: mem}
	if w := weight.NewWeigher(accs.Reflect()); !w.Flat() {
		l.weigh = w
	}
	return l
}

// leastTable is what a table may take by force: it could not take a single batch without.
const leastTable = 32 << 10

// room takes the memory for the batch of n keys that was hashed last and reports false when there is none, or when the
// table would pass limit.
func (l *ledger) room(n int, limit int64) bool {
	need := l.Need(n)
	if need == 0 {
		return true
	}
	if limit > 0 && need > limit && l.Len() > 0 {
		return false
	}
	if !l.mem.growOr(need, leastTable) {
		return false
	}
	l.charged += need
	return true
}

// must is room by force, for a table that holds nothing yet.
func (l *ledger) must(n int) {
	if need := l.Need(n); !l.room(n, 0) {
		l.mem.force(need)
		l.charged += need
	}
}

// settle gives back what the last growth took and does not need any more.
func (l *ledger) settle() {
	if now := l.Bytes(); now != l.charged {
		l.mem.shrink(l.charged - now)
		l.charged = now
	}
}

const (
	measureEvery = 256 // batches
	measured     = 64  // accumulators
)

// measure estimates, once in a while, what the accumulators point to: from a sample of all of them and from those used
// last, which are likely the large ones. It reports false when there is no memory for that, or when the table
// passes limit.
func (l *ledger) measure(slots []unsafe.Pointer, limit int64) bool {
	if l.weigh == nil {
		return true
	}
	if l.batches++; l.batches < measureEvery {
		return true
	}
	l.batches = 0
	now := l.estimate(slots)
	if limit > 0 && l.Bytes()+now > limit || now > l.behind && !l.mem.grow(now-l.behind) {
		return false
	}
	if now < l.behind {
		l.mem.shrink(l.behind - now)
	}
	l.behind = now
	return true
}

func (l *ledger) estimate(slots []unsafe.Pointer) int64 {
	n, sum, last := int64(0), int64(0), int64(0)
	l.Sample(measured, func(acc unsafe.Pointer) {
		n++
		sum += l.weigh.Row(acc)
	})
	for _, s := range slots {
		last += l.weigh.Row(s)
	}
	return sum*int64(l.Len())/max(n, 1) + last
}

// clear empties the table.
func (l *ledger) clear() {
	l.Clear()
	l.settle()
	l.mem.shrink(l.behind)
	l.behind, l.batches = 0, 0
}

func (l *ledger) free() {
	l.Free()
	l.mem.shrink(l.charged + l.behind)
	l.charged, l.behind = 0, 0
}
