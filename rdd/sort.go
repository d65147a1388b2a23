package rdd

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// order is how a sort compares rows, which are of type row. The bounds between
// partitions are of type bound, which every row begins with.
type order struct {
	row, bound *codec.Type
	cmp        func(a, b unsafe.Pointer) int // of bounds, or of rows
	prefix     func(rows codec.Rows, out []uint64)
	// boundPrefix is prefix for bounds.
	boundPrefix func(bounds codec.Rows, out []uint64)
}

// ordering makes the order of a sort, for ascending or descending.
type ordering func(descending bool) (order, error)

// Sample is one row of the sample that bounds are made of: Weight rows like it
// are in the partition it was taken from, or so many bytes of such rows where hot
// keys are looked for. Bound is encoded; Side is that of a join.
type Sample struct {
	Weight float64
	Bound  []byte
	Side   int
}

// sampleRows is how many rows of each partition are sampled, at most: enough
// for partitions within a few percent of the mean at 64 of them. Where there
// are many partitions all samples together are allSamples, for one task reads
// them.
const (
	sampleRows    = 2048
	minSampleRows = 16
	allSamples    = 1 << 20
)

// sorting makes the parts of a sort of rows like those of like. key is the part
// that makes these, nil where they are the operator's own rows; result turns
// them back.
func sorting(like batch, make ordering, key Part, out batch, result func(shuffle.RawStream) Run) map[string]Part {
	parts := map[string]Part{
		"rows": keepPart(like),
		"kept": readPart(like),
		"sample": &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
			o, err := make(spec.Part.Descending)
			if err != nil {
				return nil, err
			}
			return newSampler(t, spec, o.row, o.bound)
		}},
		"samples": readPart((*Rows[Sample])(nil)),
		"bounds":  &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) { return newBounder(spec, make) }},
		"map": writerPart(like, func(t *Task, spec *plan.Sink, _ *codec.Type) (shuffle.Placer, error) {
			o, err := make(spec.Part.Descending)
			if err != nil {
				return nil, err
			}
			bounds, err := t.bounds(spec.Part.Bounds)
			if err != nil {
				return nil, err
			}
			return placeByBounds(o, bounds, spec.Part.N)
		}),
		"reduce": readSorted(make, out, result),
	}
	if key != nil {
		parts["key"] = key
	}
	return parts
}

// readSorted is the read side of a shuffle that sorts what it reads.
func readSorted(make ordering, out batch, result func(shuffle.RawStream) Run) *SourcePart {
	return &SourcePart{out: out, open: func(t *Task, in *Input) (Run, error) {
		o, err := make(in.spec.Descending)
		if err != nil {
			return nil, err
		}
		return result(shuffle.Sort(t, t.readConfig(in), o.row, o.prefix, o.cmp, stream(t, in, 0, o.row))), nil
	}}
}

// byKey orders pairs by their key.
func byKey[K comparable, V any](descending bool) (order, error) {
	keys, err := codec.KeyTypeOf[K]()
	if err != nil {
		return order{}, err
	}
	pair, err := codec.PairTypeOf[K, V]()
	if err != nil {
		return order{}, err
	}
	return orderByKey(keys, pair, descending), nil
}

func orderByKey(keys *codec.KeyType, pair codec.PairType, descending bool) order {
	sign := 1
	var flip uint64
	if descending {
		sign, flip = -1, ^uint64(0)
	}
	prefix := func(of *codec.Type) func(rows codec.Rows, out []uint64) {
		return func(rows codec.Rows, out []uint64) {
			out = out[:rows.Len]
			keys.Prefix(out, rows.Data, uintptr(of.Size()))
			for i := range out {
				out[i] ^= flip
			}
		}
	}
	return order{
		row:         pair.Type,
		bound:       pair.Key,
		cmp:         func(a, b unsafe.Pointer) int { return sign * keys.Compare(a, b) },
		prefix:      prefix(pair.Type),
		boundPrefix: prefix(pair.Key),
	}
}

// SortByKeyOp sorts pairs by key; pairs with equal keys stay in order.
func SortByKeyOp[K cmp.Ordered, V any]() *Op {
	like := (*Rows[Pair[K, V]])(nil)
	return of((*Pair[K, V])(nil), many("SortByKey", nil, sorting(like, byKey[K, V], nil, like, likeRows(like))))
}

// RepartitionAndSortWithinPartitionsOp moves each pair to its key's partition, and
// sorts those by key; pairs with equal keys stay in order.
func RepartitionAndSortWithinPartitionsOp[K cmp.Ordered, V any]() *Op {
	like := (*Rows[Pair[K, V]])(nil)
	return of((*Pair[K, V])(nil), many("RepartitionAndSortWithinPartitions", nil, map[string]Part{
		"map":    pairWriter[K, V](),
		"reduce": readSorted(byKey[K, V], like, likeRows(like)),
	}))
}

// SortByOp sorts rows by the key that f gives; rows with equal keys stay in
// order.
func SortByOp[T any, K cmp.Ordered](f func(T) K) *Op {
	pairs, out := (*Rows[Pair[K, T]])(nil), (*Rows[T])(nil)
	key := &Narrow{out: pairs, Kernel: func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[T]), outAny.(*Rows[Pair[K, T]])
		for i, row := range in.Rows {
			in.Row = i
			if !out.Push(Pair[K, T]{Key: f(row), Value: row}) && !out.Flush() {
				return
			}
		}
	}}
	return of((*Pair[K, T])(nil), many("SortBy", f, sorting(pairs, byKey[K, T], key, out, func(rows shuffle.RawStream) Run {
		return runOf(out, mapped(rows, func(p *Pair[K, T]) T { return p.Value }))
	})))
}

// SortFuncOp sorts rows by a comparison; rows that compare equal stay in
// order.
func SortFuncOp[T any](f func(a, b T) int) *Op {
	like := (*Rows[T])(nil)
	return of((*T)(nil), many("SortFunc", f, sorting(like, orderBy(like, Comparing(f)), nil, like, likeRows(like))))
}

//go:noinline
func orderBy(like batch, f func(a, b unsafe.Pointer) int) ordering {
	return func(descending bool) (order, error) {
		typ, err := like.typ()
		if err != nil {
			return order{}, err
		}
		compare := f
		if descending {
			compare = func(a, b unsafe.Pointer) int { return f(b, a) } // −f is not enough: that of the least int is itself
		}
		// Nothing is known of the comparison: all rows have the same prefix.
		prefix := func(_ codec.Rows, out []uint64) { clear(out) }
		return order{row: typ, bound: typ, cmp: compare, prefix: prefix, boundPrefix: prefix}, nil
	}
}

// sampler takes a sample of its partition, every row as likely as any other
// (reservoir sampling, Vitter's algorithm R), and writes it for the task that
// finds the bounds.
type sampler struct {
	writeSink
	row, bound *codec.Type
	hot        *hotSampling // nil: of a sort
	rng        *rand.Rand
	most       int64
	taken      []sampledRow
	rows       int64
	seen       float64 // part of the partition that rows were in
	stop       error
}

// sampledRow is a row of the sample: its bound, encoded, and how much it is.
type sampledRow struct {
	bound []byte
	size  float64
}

// Of a long text pieces are sampled: many, so that bounds are nearly as good where
// lines are in order, and small ones, for what is read here is read again.
const (
	samplePieces = 128
	smallPiece   = 16 << 10
	samplePiece  = 64 << 10 // where small ones have too few rows
)

// thinned samples pieces of a split, and all of it where these have few rows.
func (s *sampler) thinned(split storage.Split, read func(storage.Split) error) error {
	if s.hot != nil {
		some, _ := split.Thin(samplePieces, samplePiece)
		return s.hot.thinned(s, split, some, read)
	}
	all := split.Bytes()
	for _, size := range []int64{smallPiece, samplePiece} {
		some, rest := split.Thin(samplePieces, size)
		if err := read(some); err != nil {
			return err
		}
		if split = rest; len(rest.Parts) == 0 || s.stop != nil || s.t.stopped() {
			return nil
		}
		if s.rows >= s.most {
			s.seen = float64(all-rest.Bytes()) / float64(all)
			return nil
		}
	}
	return read(split)
}

func newSampler(t *Task, spec *plan.Sink, row, bound *codec.Type) (*sampler, error) {
	typ, err := codec.TypeOf[Sample]()
	if err != nil {
		return nil, err
	}
	return &sampler{
		writeSink: writeSink{t: t, w: shuffle.NewWriter(t.writeConfig(spec), typ, shuffle.Single)},
		row:       row,
		bound:     bound,
		most:      int64(min(max(allSamples/max(t.stage.N(), 1), minSampleRows), sampleRows)),
		rng:       rand.New(rand.NewPCG(t.plan.Seed, uint64(t.spec.Partition))),
		seen:      1,
	}, nil
}

func (s *sampler) feed(b any) bool {
	in := b.(batch).raw()
	rows := in.rows()
	rows.Len = s.hot.left(s.rows, rows.Len)
	for i := range rows.Len {
		in.Row = i
		s.rows++
		at := int64(len(s.taken))
		if at == s.most {
			if at = s.rng.Int64N(s.rows); at >= s.most {
				continue
			}
		}
		var x sampledRow
		if x, s.stop = s.take(s.row.Part(rows, i, i+1)); s.stop != nil {
			return false
		}
		if at == int64(len(s.taken)) {
			s.taken = append(s.taken, x)
		} else {
			s.taken[at] = x
		}
	}
	return s.hot.left(s.rows, 1) > 0
}

// take takes a row into the sample.
func (s *sampler) take(row codec.Rows) (x sampledRow, err error) {
	x.size = 1
	if s.hot != nil {
		if x.size, err = s.hot.size(s.row, row); err != nil {
			return x, err
		}
	}
	x.bound, err = s.bound.Marshal(row.Data)
	return x, err
}

func (s *sampler) finish(res *plan.Result) error {
	if s.stop != nil {
		s.abort()
		return s.stop
	}
	out := make([]Sample, len(s.taken))
	for i, x := range s.taken {
		out[i] = Sample{Weight: x.size * float64(s.rows) / s.seen / float64(len(s.taken)), Bound: x.bound}
		if s.hot != nil {
			out[i].Side = s.hot.side
		}
	}
	if len(out) > 0 {
		s.writeSink.feed(&Rows[Sample]{Rows: out})
	}
	return s.writeSink.finish(res)
}

// bounder finds the bounds of a range partitioner from all samples.
type bounder struct {
	order   order
	n       int
	weights []float64
	bounds  *codec.Buffer
	err     error
}

func newBounder(spec *plan.Sink, make ordering) (sink, error) {
	o, err := make(spec.Part.Descending)
	if err != nil {
		return nil, err
	}
	return &bounder{order: o, n: spec.Part.N, bounds: o.bound.NewBuffer(0)}, nil
}

func (s *bounder) feed(b any) bool {
	for _, x := range b.(*Rows[Sample]).Rows {
		if _, s.err = s.order.bound.Decode(s.bounds, x.Bound, 1); s.err != nil {
			s.err = fmt.Errorf("read a sample: %w", s.err)
			return false
		}
		s.weights = append(s.weights, x.Weight)
	}
	return true
}

func (s *bounder) target() any { return nil }
func (s *bounder) flush() bool { return true }
func (s *bounder) abort()      {}

// finish cuts the weighted sample into n parts of equal weight. Equal bounds
// become one, so that all rows that compare equal go to one partition.
func (s *bounder) finish(res *plan.Result) error {
	if s.err != nil {
		return s.err
	}
	typ, rows := s.order.bound, s.bounds.Rows()
	samples := make([]int, rows.Len)
	var total, sum float64
	for i := range samples {
		samples[i] = i
		total += s.weights[i]
	}
	slices.SortStableFunc(samples, func(i, j int) int { return s.order.cmp(typ.At(rows, i), typ.At(rows, j)) })
	var bounds []unsafe.Pointer
	for _, i := range samples {
		sum += s.weights[i]
		if len(bounds) == s.n-1 {
			break
		}
		if sum < total*float64(len(bounds)+1)/float64(s.n) {
			continue
		}
		b := typ.At(rows, i)
		if n := len(bounds); n > 0 && s.order.cmp(bounds[n-1], b) >= 0 {
			continue
		}
		bounds = append(bounds, b)
	}
	found := typ.NewBuffer(len(bounds))
	found.Gather(bounds)
	for from := 0; from < len(bounds) && s.err == nil; from += BatchRows {
		res.Value, s.err = appendRows(res.Value, typ, typ.Part(found.Rows(), from, min(from+BatchRows, len(bounds))))
	}
	return s.err
}

// bounds gives the range bounds that the stage got, still encoded.
func (t *Task) bounds(key plan.StageKey) ([]byte, error) {
	for _, v := range t.spec.Values {
		if v.Stage == key {
			return v.Value, nil
		}
	}
	return nil, fmt.Errorf("task has no value of stage %s", key)
}

// placeByBounds places rows by binary search: partition i has the rows that
// are not above bound i.
func placeByBounds(o order, encoded []byte, n int) (shuffle.Placer, error) {
	all := o.bound.NewBuffer(0)
	err := DecodeRows(bytes.NewReader(encoded), o.bound, func(rows codec.Rows) bool {
		all.Append(rows)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("decode range bounds: %w", err)
	}
	bounds := all.Rows()
	if bounds.Len >= n {
		return nil, fmt.Errorf("%d range bounds for %d partitions", bounds.Len, n)
	}
	prefixes := make([]uint64, bounds.Len)
	o.boundPrefix(bounds, prefixes)
	var buf [BatchRows]uint64
	return func(rows codec.Rows, out []uint32) {
		for from := 0; from < rows.Len; from += len(buf) {
			part := o.row.Part(rows, from, min(from+len(buf), rows.Len))
			pre := buf[:part.Len]
			o.prefix(part, pre)
			for i, p := range pre {
				at := firstNotBelow(prefixes, p)
				if at < len(prefixes) && prefixes[at] == p {
					at = o.among(bounds, prefixes, at, o.row.At(part, i))
				}
				out[from+i] = uint32(at)
			}
		}
	}, nil
}

// firstNotBelow is the number of prefixes, which are in order, that are below p. Every step of it takes as long,
// whichever half it goes on with: where rows come in no order, nobody could foresee that.
func firstNotBelow(prefixes []uint64, p uint64) int {
	at := 0
	for n := len(prefixes); n > 0; {
		half := (n + 1) / 2
		_, below := bits.Sub64(prefixes[at+half-1], p, 0)
		at += half & -int(below)
		n -= half
	}
	return at
}

// among is the first bound, of those with the prefix of bound from, that a row is
// not above; if there is none, the one after them.
func (o order) among(bounds codec.Rows, prefixes []uint64, from int, row unsafe.Pointer) int {
	alike := sort.Search(len(prefixes)-from, func(i int) bool { return prefixes[from+i] > prefixes[from] })
	return from + sort.Search(alike, func(i int) bool { return o.cmp(o.bound.At(bounds, from+i), row) >= 0 })
}

// appendRows appends rows of type typ as one block with its length in front.
func appendRows(dst []byte, typ *codec.Type, rows codec.Rows) ([]byte, error) {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst, err := shuffle.EncodeBlock(dst, typ, rows, false)
	if errors.Is(err, shuffle.ErrTooLarge) && rows.Len > 1 {
		half := rows.Len / 2
		if dst, err = appendRows(dst[:at], typ, typ.Part(rows, 0, half)); err != nil {
			return dst[:at], err
		}
		return appendRows(dst, typ, typ.Part(rows, half, rows.Len))
	}
	if err != nil {
		return dst[:at], err
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, nil
}

// DecodeRows gives the rows, of type typ, of a collected result, block by
// block: r may be longer than memory.
func DecodeRows(r io.Reader, typ *codec.Type, yield func(codec.Rows) bool) error {
	in := bufio.NewReader(r)
	rows := typ.NewBuffer(0)
	var block bytes.Buffer
	for {
		block.Reset()
		switch err := nextBlock(&block, in); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		rows.Reset()
		if err := shuffle.DecodeBlock(rows, typ, block.Bytes()); err != nil {
			return err
		}
		if !yield(rows.Rows()) {
			return nil
		}
	}
}

// nextBlock reads what appendRows wrote. The buffer grows as bytes arrive, so
// that a false length costs nothing.
func nextBlock(dst *bytes.Buffer, r io.Reader) error {
	var length [4]byte
	_, err := io.ReadFull(r, length[:])
	if err == nil {
		_, err = io.CopyN(dst, r, int64(binary.LittleEndian.Uint32(length[:])))
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within a block", shuffle.ErrCorrupt)
	}
	return err
}
