package rdd

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// DefaultBroadcastBelow is the most bytes of input that the small side of a join may
// come from to be broadcast unasked.
const DefaultBroadcastBelow = 32 << 20

// Of a join that was told nothing the other side comes from at least so many times as
// many bytes, and at least so many: below that a shuffle costs next to nothing.
const (
	timesSmall = 4
	leastLarge = 4 << 20
)

// mostInside is how many joins by broadcast may stream from one into the next: pipes
// inside one another cannot be as many as stages after one another.
const mostInside = 64

// how is how a join reads its sides, or the rows of one come twice. The first plan that has it decides that for good:
// later plans find the stages that earlier ones left, and kept rows keep their
// partitions.
type how struct{ is atomic.Int32 }

const (
	undecided int32 = iota
	bothMoved       // by shuffles
	leftDealt       // and moved too, but for rows of hot keys to one partition alone
	rightDealt
	bothDealt
	leftSmall // and broadcast
	rightSmall
)

// decide gives how it is, which is to be such where nobody has decided.
func (h *how) decide(is int32) int32 {
	h.is.CompareAndSwap(undecided, is)
	return h.is.Load()
}

// byBroadcast says whether the node is a join that reads one of its sides whole.
func (n *Node) byBroadcast() bool { return n.how.is.Load() >= leftSmall }

// scattered says whether the node is a join whose rows of one key may be in several
// partitions.
func (n *Node) scattered() bool { return n.how.is.Load() > bothMoved }

// lying is how the rows of nodes are placed. That is what was known when they were made,
// but for the rows of joins that are scattered, and what would have been placed as they are.
type lying map[*Node]*placement

// add finds how a node's rows lie, when those of its parents are known.
func (l lying) add(n *Node) {
	switch {
	case n.placed == nil || n.scattered():
	case n.kind() == wideNode:
		l[n] = l.wanted(n)
	case len(n.parents()) > 0:
		l[n] = l[n.parents()[0]]
	default:
		l[n] = n.placed
	}
}

// wanted is how a wide node wants its parents placed: it takes over what it meant to, as
// far as that came about.
func (l lying) wanted(n *Node) *placement {
	if n.wants == n.own {
		return n.own
	}
	for _, p := range n.parents() {
		if at := l[p]; at != nil && (at.kind == n.wide.Kind || at.kind == plan.FuncPartitioner) {
			return at
		}
	}
	return n.own
}

// inPlace says whether a wide node reads a parent's rows where they are.
func (l lying) inPlace(n *Node, parent int) bool {
	return n.wide.Aligned || l[n.parents()[parent]].same(l.wanted(n))
}

// lies is how the node's rows are placed, once a plan has it.
func (n *Node) lies() *placement {
	l := lying{}
	for _, at := range ancestry(n, func(*Node) bool { return false }) {
		l.add(at)
	}
	return l[n]
}

// mayBroadcast says whether the node is a join that may read a small side whole.
func (n *Node) mayBroadcast() bool {
	return n.kind() == wideNode && (n.wide.SmallLeft || n.wide.SmallRight) && n.wide.N == 0 && n.wide.By == nil && n.wide.BroadcastBelow >= 0
}

// decide gives how a wide node reads its sides.
func (b *builder) decide(n *Node) int32 {
	if !n.mayBroadcast() && !n.mayDeal() {
		return bothMoved
	}
	is := n.how.is.Load()
	if is != undecided {
		return is
	}
	is = bothMoved
	if n.mayBroadcast() {
		is = b.smallSide(n)
	}
	if is == bothMoved && n.mayDeal() {
		is = b.dealtSides(n)
	}
	return n.how.decide(is)
}

// broadcast gives the pipe of a join of which one side is small: the rows of the other
// stay where they are, and each of its tasks reads all of the small one.
func (b *builder) broadcast(n *Node, ref plan.Op, small int) plan.Pipe {
	src := plan.Source{Op: withPart(ref, "reduce"), Broadcast: true, Wide: make([]plan.Input, 2)}
	large := b.pipes[n.parents()[1-small]]
	src.Wide[1-small].Pipe = &large
	key := n.shuffleKey(small)
	b.stage(plan.Stage{
		Key: key, Kind: plan.MapStage, Class: n.wide.Class, Inexact: b.inexact[n.parents()[small]], Pipe: b.pipes[n.parents()[small]],
		Sink: plan.Sink{Op: withPart(ref, n.wide.Sinks[small]), Part: &plan.Partitioner{Kind: plan.SinglePartitioner, N: 1}},
	})
	src.Wide[small].Shuffle = key
	return plan.Pipe{Source: src, Ops: []plan.Op{ref}}
}

// smallSide says which side of a join is small enough to be read whole by every task,
// if it pays.
func (b *builder) smallSide(n *Node) int32 {
	below, told := n.wide.BroadcastBelow, n.wide.BroadcastBelow > 0
	if !told {
		below = b.graph.o.BroadcastBelow
	}
	if below <= 0 || b.uses()[n] > 1 {
		return bothMoved // what is not shuffled is made again for every use
	}
	for i, may := range []bool{n.wide.SmallLeft, n.wide.SmallRight} {
		small, large := n.parents()[i], n.parents()[1-i]
		pipe := b.pipes[large]
		if _, waits := b.waits(&pipe); !may || waits || eachPipe(&pipe, func(*plan.Pipe) {}) > mostInside || b.lying.inPlace(n, 1-i) {
			continue
		}
		if !told && large.counts() { // what it adds to accumulators would count with every action
			continue
		}
		few, many := b.graph.bytesBelow(small), b.graph.bytesBelow(large)
		if few < 0 || few > below || many < few || !told && (many < timesSmall*few || many < leastLarge) {
			continue
		}
		return leftSmall + int32(i)
	}
	return bothMoved
}

// uses counts, up to two, how often the rows of each node would be made in a plan. Of
// what is read partition by partition beside others it says two: these have as many.
func (b *builder) uses() map[*Node]int {
	if b.used != nil {
		return b.used
	}
	b.used = map[*Node]int{b.target: 1}
	for _, n := range slices.Backward(ancestry(b.target, func(*Node) bool { return false })) {
		for _, parent := range n.parents() {
			times := 1
			switch {
			case n.kind() == wideNode && (n.wide.Crossed || n.wide.Aligned && len(n.parents()) > 1):
				times = 2
			case n.kind() == narrowNode || n.kind() == unionNode, n.kind() == cachedNode && n.spent.Load(),
				n.kind() == wideNode && (n.wide.Aligned || parent.placed.same(n.wants)):
				times = b.used[n]
			}
			b.used[parent] = min(b.used[parent]+times, 2)
		}
	}
	return b.used
}

// ancestry lists a node and all that it is made of, parents first, but for what is known
// already.
func ancestry(n *Node, known func(*Node) bool) (order []*Node) {
	seen := map[*Node]bool{}
	for todo := []*Node{n}; len(todo) > 0; {
		at := todo[len(todo)-1]
		if seen[at] || known(at) {
			todo = todo[:len(todo)-1]
			continue
		}
		ready := true
		for _, p := range at.parents() {
			if !seen[p] && !known(p) {
				todo, ready = append(todo, p), false
			}
		}
		if ready {
			seen[at] = true
			order = append(order, at)
		}
	}
	return order
}

// unknownBytes is the size of what cannot be known.
const unknownBytes = -1

// bytesBelow is how many bytes of input a node's rows are made of, those that it reads
// twice counted twice, or unknownBytes. What operators make of them it cannot know.
func (g *Graph) bytesBelow(n *Node) int64 {
	for _, at := range ancestry(n, func(n *Node) bool { return n.below.Load() != 0 }) {
		bytes := g.sourceBytes(at)
		for _, p := range at.parents() {
			below := p.below.Load()
			if bytes < 0 || below < 0 || at.wide.Crossed {
				bytes = unknownBytes
				break
			}
			bytes = min(bytes+below-1, math.MaxInt64/4)
		}
		if bytes >= 0 {
			bytes++ // 0 is what nobody has asked for yet
		}
		at.below.Store(bytes)
	}
	if known := n.below.Load(); known > 0 {
		return known - 1
	}
	return unknownBytes
}

// bytesPerRangeRow is what a number of a Range counts for: a pair of numbers.
const bytesPerRangeRow = 16

// sourceBytes is what a node reads itself.
func (g *Graph) sourceBytes(n *Node) int64 {
	src := &n.source
	switch {
	case src.Files != nil && g.o.FileBytes == nil:
		return unknownBytes
	case src.Files != nil:
		return g.o.FileBytes(src.Files)
	case src.Data != nil && len(src.Data.Ends) > 0:
		return src.Data.Ends[len(src.Data.Ends)-1]
	case src.Range != nil:
		return min(src.Range.Count, math.MaxInt64/4/bytesPerRangeRow) * bytesPerRangeRow
	case src.Cut != nil:
		return src.Cut.Bytes
	}
	return 0
}

var errNoBroadcast = errors.New("the plan has no small side to be read by all tasks: driver and executor are of different builds")

// foundIn is a join of which the task reads one side whole.
type foundIn struct {
	shuffle.Found
	small int // the side
}

// found says how a join reads its sides, those of its rows being of types sides.
func found(in *Input, keys *codec.KeyType, sides [2]codec.PairType, outer shuffle.Outer) (foundIn, error) {
	if len(in.sides) != 2 || (in.sides[0].run == nil) == (in.sides[1].run == nil) {
		return foundIn{}, errNoBroadcast
	}
	f := foundIn{Found: shuffle.Found{Keys: keys, Row: sides[0], Small: sides[1], Outer: outer.Left}, small: 1}
	lone := outer.Right
	if in.sides[0].run == nil {
		f = foundIn{Found: shuffle.Found{Keys: keys, Row: sides[1], Small: sides[0], Outer: outer.Right}}
		lone = outer.Left
	}
	if lone { // no task knows which rows of it have a partner in none
		return f, errNoBroadcast
	}
	return f, nil
}

// join visits each row of the side that stays with each value of its key on the other.
// after runs when what came of a batch of rows has been visited.
func (f *foundIn) join(t *Task, in *Input, visit func(row, value unsafe.Pointer) bool, after func() bool) error {
	rows, small := stream(t, in, 1-f.small, f.Row.Type), stream(t, in, f.small, f.Small.Type)
	cfg := t.readConfig(in)
	cfg.Reading = nil // that is of the side that stays
	key := tableKey{in.sides[f.small].shuffle, t.genOf(in.sides[f.small].shuffle)}
	cfg.Shuffle = shuffleNumber(key.shuffle)
	cfg.Reduce = 0
	table, done, err := t.runner.tables.get(t, key, func(mem *shuffle.Account) (*shuffle.Lookup, error) {
		cfg := cfg
		cfg.Mem = mem
		return shuffle.NewLookup(cfg, f.Keys, f.Small, small)
	})
	if err != nil {
		return err
	}
	defer done()
	if table == nil {
		return shuffle.JoinPieces(cfg, f.Found, rows, small, visit)
	}
	return rows(func(batch codec.Rows) bool { return table.Join(batch, f.Row, f.Outer, visit) && after() })
}

// genOf is the generation of a shuffle that the task reads.
func (t *Task) genOf(key plan.StageKey) int {
	for _, g := range t.spec.Gens {
		if g.Stage == key {
			return g.Gen
		}
	}
	return 0
}
