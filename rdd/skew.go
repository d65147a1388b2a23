package rdd

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// A join whose sides are both shuffled brings all rows of a key to one task. Where a key
// may have very many, a sample of the rows finds such keys before any row moves, and
// then each has several partitions: the rows of the one side are dealt out to them, and
// those of the other are copied to each (DeWitt et al., Practical Skew Handling in
// Parallel Joins, 1992). The number of partitions stays as it is.

// DefaultSkewJoin is from how many bytes of one side of a join on a key may be hot.
const DefaultSkewJoin = 64 << 20

const (
	// timesHot is from how many times as many bytes as what is left for a partition, by the
	// average, a key is hot.
	timesHot = 5
	// timesSampled is from how many times the bytes of a hot key on the input of a side is
	// sampled unasked.
	timesSampled = 4
	// leastPart is the part of the bytes of a hot key that a partition takes at least: where
	// partitions are small anyway, so are the parts of keys.
	leastPart = 8
	// mostHot is how many keys of one side are hot at most,
	mostHot = 256
	// and mostHotBytes about how many bytes those of a join have, encoded: they go to every
	// task, and a value that is larger fails its stage.
	mostHotBytes = 256 << 10
	// enoughRows of a partition are looked at unasked, where its file cannot be read here
	// and there: they count for no more than they are.
	enoughRows = 64 << 10
)

// mayDeal says whether the node is a join of which keys may have several partitions.
func (n *Node) mayDeal() bool {
	return n.kind() == wideNode && (n.wide.SmallLeft || n.wide.SmallRight) && n.wide.N == 0 && n.wide.By == nil && n.wide.SkewJoin >= 0
}

// deals says whether rows of hot keys of a side are dealt, and not just copied.
func deals(is int32, side int) bool { return is == bothDealt || is == leftDealt+int32(side) }

// dealtSides says of which sides of a join that are both shuffled the rows of hot keys
// are to be dealt.
func (b *builder) dealtSides(n *Node) int32 {
	told := n.wide.SkewJoin > 0
	if !told && (b.graph.o.SkewJoin <= 0 || b.reliedOn()[n]) {
		return bothMoved
	}
	var sides [2]bool
	for i, copied := range []bool{n.wide.SmallRight, n.wide.SmallLeft} {
		side := n.parents()[i]
		pipe := b.pipes[side]
		if _, waits := b.waits(&pipe); waits || b.lying.inPlace(n, i) {
			return bothMoved
		}
		sides[i] = copied && (told || !readsWide(&pipe) && b.graph.bytesBelow(side) >= timesSampled*b.graph.o.SkewJoin)
	}
	switch sides {
	case [2]bool{true, true}:
		return bothDealt
	case [2]bool{true, false}:
		return leftDealt
	case [2]bool{false, true}:
		return rightDealt
	}
	return bothMoved
}

// reliedOn says of which nodes the plan makes use of how their rows are placed, or keeps
// them as they are: another plan may make use of it then.
func (b *builder) reliedOn() map[*Node]bool {
	if b.relied != nil {
		return b.relied
	}
	b.relied = map[*Node]bool{}
	for _, n := range slices.Backward(ancestry(b.target, func(*Node) bool { return false })) {
		for _, parent := range n.parents() {
			switch {
			case n.kind() == localNode, n.kind() == cachedNode && !n.spent.Load(),
				n.kind() == wideNode && !n.wide.Aligned && parent.placed.same(n.wants):
				b.relied[parent] = parent.placed != nil
			case n.placed != nil && (n.kind() != wideNode || n.wide.Aligned):
				b.relied[parent] = b.relied[parent] || b.relied[n]
			}
		}
	}
	return b.relied
}

// dealt adds the stages of a join that deals rows of hot keys of some sides, and gives the
// pipe that reads them.
func (b *builder) dealt(n *Node, ref plan.Op, is int32) plan.Pipe {
	src, samples := plan.Source{Op: withPart(ref, "reduce")}, plan.Source{Op: withPart(ref, "samples")}
	pipes, enough := make([]plan.Pipe, len(n.parents())), int64(enoughRows)
	if n.wide.SkewJoin > 0 {
		enough = 0
	}
	for i, parent := range n.parents() {
		pipes[i] = b.pipes[parent]
		if deals(is, i) {
			pipes[i] = b.kept(n, ref, i, pipes[i])
			b.sample(n, ref, i, pipes[i], enough)
			samples.Wide = append(samples.Wide, plan.Input{Shuffle: n.sampleKey(i)})
		}
	}
	b.stage(plan.Stage{
		Key: n.hotKey(), Kind: plan.ValueStage, Pipe: plan.Pipe{Source: samples},
		Sink: plan.Sink{Op: withPart(ref, "hot"), Part: &plan.Partitioner{Kind: plan.SkewPartitioner, HotFrom: b.hotFrom(n)}},
	})
	for i, pipe := range pipes {
		key := n.shuffleKey(i)
		b.stage(plan.Stage{
			Key: key, Kind: plan.MapStage, Class: n.wide.Class, Inexact: b.inexact[n.parents()[i]], Pipe: pipe,
			Sink: plan.Sink{Op: withPart(ref, n.wide.Sinks[i]), Part: &plan.Partitioner{Kind: plan.SkewPartitioner, Hot: n.hotKey()}},
		})
		src.Wide = append(src.Wide, plan.Input{Shuffle: key})
	}
	return plan.Pipe{Source: src, Ops: []plan.Op{ref}}
}

// hotFrom is from how many bytes on a key of the join may be hot.
func (b *builder) hotFrom(n *Node) int64 {
	if n.wide.SkewJoin > 0 {
		return n.wide.SkewJoin
	}
	return b.graph.o.SkewJoin
}

// pairSide is what the parts of a join have to know of the rows of one side.
type pairSide struct {
	like batch
	key  func() (*codec.KeyType, error)
	row  func() (codec.PairType, error)
}

func sideOf[K comparable, V any]() pairSide {
	return pairSide{(*Rows[Pair[K, V]])(nil), codec.KeyTypeOf[K], codec.PairTypeOf[K, V]}
}

// dealing adds the parts of a join that deals rows of hot keys to its others: they keep
// and sample the rows of a side, find hot keys, and place the rows of these.
//
//go:noinline
func dealing(parts map[string]Part, left, right pairSide) {
	for i, s := range []pairSide{left, right} {
		name := []string{"left", "right"}[i]
		parts[name] = s.writer(i)
		parts[name+".rows"], parts[name+".kept"] = keepPart(s.like), readPart(s.like)
		parts[name+".sample"] = &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) { return newHotSampler(t, spec, s, i) }}
	}
	parts["samples"] = readAll((*Rows[Sample])(nil))
	parts["hot"] = &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) { return newHotFinder(t, spec, left) }}
}

// readAll is the read side of several shuffles, one after the other.
//
//go:noinline
func readAll(like batch) *SourcePart {
	return &SourcePart{out: like, open: func(t *Task, in *Input) (Run, error) {
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		return func(feed Feed) error {
			more := true
			for i := range in.sides {
				err := runOf(like, stream(t, in, i, typ))(func(b any) bool {
					more = feed(b)
					return more
				})
				if err != nil || !more {
					return err
				}
			}
			return nil
		}, nil
	}}
}

// hotSampling is what a sampler does that looks for hot keys: its rows weigh what they
// have bytes.
type hotSampling struct {
	side   int
	enough int64 // rows to look at; 0: all. That never depends on memory: what is found is found again
	buf    []byte
}

func newHotSampler(t *Task, spec *plan.Sink, of pairSide, number int) (sink, error) {
	row, err := of.row()
	if err != nil {
		return nil, err
	}
	s, err := newSampler(t, spec, row.Type, row.Key)
	if err != nil {
		return nil, err
	}
	s.hot = &hotSampling{side: number, enough: spec.Limit}
	return s, nil
}

// left is how many of n more rows to look at, after so many.
func (h *hotSampling) left(rows int64, n int) int {
	if h == nil || h.enough == 0 {
		return n
	}
	return int(min(int64(n), h.enough-rows))
}

// thinned samples pieces of a split, or its beginning where these are not to be had, and
// nothing else: of rows that are few no key is hot.
func (h *hotSampling) thinned(s *sampler, split, some storage.Split, read func(storage.Split) error) error {
	if some.Bytes() == split.Bytes() {
		some = split.First(samplePieces * samplePiece)
	}
	if some.Bytes() < split.Bytes() {
		s.seen, h.enough = float64(some.Bytes())/float64(split.Bytes()), 0
	}
	return read(some)
}

// size is how many bytes a row has, encoded.
func (h *hotSampling) size(typ *codec.Type, row codec.Rows) (float64, error) {
	var err error
	h.buf, err = typ.Append(h.buf[:0], row)
	return float64(len(h.buf)), err
}

// HotKey is a key of a join that has several partitions, as the stage that finds it tells
// those that move the rows. Key is encoded, and Side is the one whose rows are dealt.
type HotKey struct {
	Key   []byte
	Parts int
	Side  int
}

// hotFinder finds the hot keys of a join from the samples of its sides.
type hotFinder struct {
	t    *Task
	part *plan.Partitioner
	keys *codec.KeyType
	key  *codec.Type
	all  *codec.Buffer // the keys of the samples,
	of   [2][]weighed  // and what is known of those of each side
	err  error
}

// weighed is what a key has of the bytes of one side.
type weighed struct {
	at    int // in the keys of the samples
	rows  int // of them
	bytes float64
	parts int // if it is hot
	side  int
}

func newHotFinder(t *Task, spec *plan.Sink, of pairSide) (sink, error) {
	keys, err := of.key()
	if err != nil {
		return nil, err
	}
	row, err := of.row()
	if err != nil {
		return nil, err
	}
	return &hotFinder{t: t, part: spec.Part, keys: keys, key: row.Key, all: row.Key.NewBuffer(0)}, nil
}

func (s *hotFinder) feed(b any) bool {
	for _, x := range b.(*Rows[Sample]).Rows {
		at := s.all.Len()
		if _, s.err = s.key.Decode(s.all, x.Bound, 1); s.err != nil {
			s.err = fmt.Errorf("read a sample: %w", s.err)
			return false
		}
		if x.Side != 0 && x.Side != 1 {
			s.err = errNoHotKeys
			return false
		}
		s.of[x.Side] = append(s.of[x.Side], weighed{at: at, rows: 1, bytes: x.Weight, side: x.Side})
	}
	return true
}

func (s *hotFinder) target() any { return nil }
func (s *hotFinder) flush() bool { return true }
func (s *hotFinder) abort()      {}

func (s *hotFinder) finish(res *plan.Result) error {
	if s.err != nil {
		return s.err
	}
	typ, err := codec.TypeOf[HotKey]()
	if err != nil {
		return err
	}
	var hot []HotKey
	size := 0
	for _, x := range s.found() {
		key, err := s.key.Marshal(s.keyAt(x))
		if err != nil {
			return err
		}
		if size+len(key) > mostHotBytes {
			continue
		}
		size += len(key)
		hot = append(hot, HotKey{Key: key, Parts: x.parts, Side: x.side})
		s.t.counters.HotKeys++
		s.t.counters.HotParts += int64(x.parts)
	}
	res.Value, err = appendRows(nil, typ, codec.RowsOf(hot))
	return err
}

func (s *hotFinder) keyAt(x weighed) unsafe.Pointer { return s.key.At(s.all.Rows(), x.at) }

func (s *hotFinder) compare(x, y weighed) int { return s.keys.Compare(s.keyAt(x), s.keyAt(y)) }

// found gives the hot keys of both sides, those with most bytes first. One that is hot on
// both is dealt on the side that has more of it.
func (s *hotFinder) found() []weighed {
	hot := slices.Concat(s.hottest(0), s.hottest(1))
	slices.SortStableFunc(hot, func(x, y weighed) int { return cmp.Or(s.compare(x, y), byBytes(x, y)) })
	hot = slices.CompactFunc(hot, func(x, y weighed) bool { return s.compare(x, y) == 0 })
	slices.SortStableFunc(hot, byBytes)
	return hot
}

// byBytes puts those with most bytes first.
func byBytes(x, y weighed) int { return cmp.Compare(y.bytes, x.bytes) }

// hottest gives the keys of one side that are hot: they have as many bytes as that takes,
// more than a partition by the average, and more than timesHot times what all keys that are
// not hot leave for one. Their parts have half of what a partition has by the average. A
// large row of its own key, which stands for many of those that were not taken, shows
// nothing.
func (s *hotFinder) hottest(side int) []weighed {
	sums := s.sums(side)
	var total float64
	for _, x := range sums {
		total += x.bytes
	}
	n := float64(s.part.N)
	from, mean := float64(s.part.HotFrom), total/n
	sums = sums[:min(len(sums), mostHot)]
	hot, rest := 0, total
	for i, x := range sums {
		rest -= x.bytes
		if x.bytes >= from && x.bytes > mean && x.bytes > timesHot*rest/n {
			hot = i + 1
		}
	}
	for i, x := range sums[:hot] {
		sums[i].parts = int(min(n, math.Ceil(x.bytes/max(from/leastPart, mean/2))))
	}
	return slices.DeleteFunc(sums[:hot], func(x weighed) bool { return x.parts < 2 || x.rows < 2 })
}

// sums adds up what each key has of one side, those with most first.
func (s *hotFinder) sums(side int) []weighed {
	all := s.of[side]
	slices.SortStableFunc(all, s.compare)
	sums := all[:0]
	for i, x := range all {
		if i > 0 && s.compare(x, sums[len(sums)-1]) == 0 {
			sums[len(sums)-1].rows++
			sums[len(sums)-1].bytes += x.bytes
		} else {
			sums = append(sums, x)
		}
	}
	slices.SortStableFunc(sums, byBytes)
	return sums
}

var errNoHotKeys = errors.New("the hot keys of a join are none: driver and executor are of different builds")

// hotKeys gives the hot keys that the stage got, for the rows of a side.
func (t *Task) hotKeys(part *plan.Partitioner, key *codec.Type, side int) ([]shuffle.HotKey, error) {
	encoded, err := t.bounds(part.Hot)
	if err != nil {
		return nil, err
	}
	typ, err := codec.TypeOf[HotKey]()
	if err != nil {
		return nil, err
	}
	keys := key.NewBuffer(0)
	var hot []shuffle.HotKey
	var bad error
	err = DecodeRows(bytes.NewReader(encoded), typ, func(rows codec.Rows) bool {
		for _, k := range codec.Slice[HotKey](rows) {
			if k.Parts < 1 || k.Parts > part.N || k.Side != 0 && k.Side != 1 || len(hot) == mostHot*2 {
				bad = errNoHotKeys
			} else if _, err := key.Decode(keys, k.Key, 1); err != nil {
				bad = err
			}
			hot = append(hot, shuffle.HotKey{Parts: k.Parts, Copied: k.Side != side})
		}
		return bad == nil
	})
	if err = cmp.Or(bad, err); err != nil {
		return nil, fmt.Errorf("decode hot keys: %w", err)
	}
	for i := range hot { // when the buffer grows no more
		hot[i].Key = key.At(keys.Rows(), i)
	}
	return hot, nil
}

// writer is the map side of a join for the rows of one side.
func (s pairSide) writer(number int) *SinkPart {
	plainly := keyWriter(s.like, s.key)
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		if spec.Part.Kind != plan.SkewPartitioner {
			return plainly.open(t, spec)
		}
		keys, err := s.key()
		if err != nil {
			return nil, err
		}
		row, err := s.row()
		if err != nil {
			return nil, err
		}
		found, err := t.hotKeys(spec.Part, row.Key, number)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return plainly.open(t, spec)
		}
		hot := shuffle.NewHot(keys, row.Type, t.plan.Seed, t.spec.Partition, spec.Part.N, found)
		return &hotSink{writeSink{t: t, w: shuffle.NewWriter(t.dealConfig(spec), row.Type, hot.Place)}, hot}, nil
	}}
}

// hotSink is the map side of a join that has hot keys.
type hotSink struct {
	writeSink
	hot *shuffle.Hot
}

func (s *hotSink) feed(b any) bool {
	rows := b.(batch).raw().rows()
	s.t.counters.RowsOut += int64(rows.Len)
	if s.err == nil {
		s.err = s.hot.Copied(rows, s.w.Write)
	}
	return s.err == nil
}
