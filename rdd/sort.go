package rdd

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// order is how a sort compares rows of S. Bounds between partitions are values
// of B, which every row has one of.
type order[S, B any] struct {
	bound  func(*S) B
	cmpRow func(a, b unsafe.Pointer) int // of rows
	cmp    func(a, b *B) int
	prefix func(rows codec.Rows, out []uint64)
}

// Sample is one row of the sample that bounds are made of: Weight rows like it
// are in the partition it was taken from.
type Sample[B any] struct {
	Weight float64
	Bound  B
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

// sorting makes the parts of a sort of rows of S, which come out as rows of O.
// make gives the order, for ascending or descending.
func sorting[S, B, O any](name string, f any, make func(descending bool) (order[S, B], error), result func(shuffle.RawStream) Run, extra map[string]Part) *Op {
	parts := map[string]Part{
		"sample":  &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) { return newSampler(t, spec, make) }},
		"samples": readPart[Sample[B]](),
		"bounds":  &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) { return newBounder(spec, make) }},
		"map": writerPart(codec.TypeOf[S], func(t *Task, spec *plan.Sink) (shuffle.Placer, error) {
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
		"reduce": &SourcePart{open: func(t *Task, in *Input) (Run, error) {
			o, err := make(in.spec.Descending)
			if err != nil {
				return nil, err
			}
			typ, err := codec.TypeOf[S]()
			if err != nil {
				return nil, err
			}
			return result(shuffle.Sort(t, t.readConfig(in), typ, o.prefix, o.cmpRow, stream(t, in, 0, typ))), nil
		}},
	}
	for name, p := range extra {
		parts[name] = p
	}
	return of[S](many(name, f, parts))
}

// byKey orders pairs by their key.
func byKey[K comparable, V any](descending bool) (order[Pair[K, V], K], error) {
	keys, err := codec.KeysFor[K]()
	if err != nil {
		return order[Pair[K, V], K]{}, err
	}
	sign := 1
	var flip uint64
	if descending {
		sign, flip = -1, ^uint64(0)
	}
	typ := keys.KeyType // a row begins with its key
	return order[Pair[K, V], K]{
		bound:  func(p *Pair[K, V]) K { return p.Key },
		cmpRow: func(a, b unsafe.Pointer) int { return sign * typ.Compare(a, b) },
		cmp:    func(a, b *K) int { return sign * typ.Compare(unsafe.Pointer(a), unsafe.Pointer(b)) },
		prefix: func(rows codec.Rows, out []uint64) {
			out = out[:rows.Len]
			typ.Prefix(out, rows.Data, unsafe.Sizeof(Pair[K, V]{}))
			for i := range out {
				out[i] ^= flip
			}
		},
	}, nil
}

// SortByKeyOp sorts pairs by key; pairs with equal keys stay in order.
func SortByKeyOp[K cmp.Ordered, V any]() *Op {
	return sorting[Pair[K, V], K, Pair[K, V]]("SortByKey", nil, byKey[K, V], runOf[Pair[K, V]], nil)
}

// SortByOp sorts rows by the key that f gives; rows with equal keys stay in
// order.
func SortByOp[T any, K cmp.Ordered](f func(T) K) *Op {
	values := func(rows shuffle.RawStream) Run {
		return joinedRows(rows, func(p *Pair[K, T]) T { return p.Value })
	}
	return sorting[Pair[K, T], K, T]("SortBy", f, byKey[K, T], values, map[string]Part{
		"key": narrowPart(func(_ *Task, in *Rows[T], out *Rows[Pair[K, T]]) {
			for i, row := range in.Rows {
				in.Row = i
				if !out.Push(Pair[K, T]{Key: f(row), Value: row}) && !out.Flush() {
					return
				}
			}
		}),
	})
}

// SortFuncOp sorts rows by a comparison; rows that compare equal stay in
// order.
func SortFuncOp[T any](f func(a, b T) int) *Op {
	return sorting[T, T, T]("SortFunc", f, func(descending bool) (order[T, T], error) {
		sign := 1
		if descending {
			sign = -1
		}
		compare := func(a, b *T) int { return sign * f(*a, *b) }
		compareRows := func(a, b unsafe.Pointer) int { return compare((*T)(a), (*T)(b)) }
		// Nothing is known of the comparison: all rows have the same prefix.
		prefix := func(_ codec.Rows, out []uint64) { clear(out) }
		return order[T, T]{bound: func(row *T) T { return *row }, cmpRow: compareRows, cmp: compare, prefix: prefix}, nil
	}, runOf[T], nil)
}

// sampler takes a sample of its partition, every row as likely as any other
// (reservoir sampling, Vitter's algorithm R), and writes it for the task that
// finds the bounds.
type sampler[S, B any] struct {
	writeSink
	order order[S, B]
	rng   *rand.Rand
	most  int64
	taken []B
	rows  int64
	stop  error
}

func newSampler[S, B any](t *Task, spec *plan.Sink, make func(bool) (order[S, B], error)) (sink, error) {
	o, err := make(spec.Part.Descending)
	if err != nil {
		return nil, err
	}
	typ, err := codec.TypeOf[Sample[B]]()
	if err != nil {
		return nil, err
	}
	return &sampler[S, B]{
		writeSink: writeSink{t: t, w: shuffle.NewWriter(t.writeConfig(spec), typ, shuffle.Single)},
		order:     o,
		most:      int64(min(max(allSamples/max(t.stage.N(), 1), minSampleRows), sampleRows)),
		rng:       rand.New(rand.NewPCG(t.plan.Seed, uint64(t.spec.Partition))),
	}, nil
}

func (s *sampler[S, B]) feed(b any) bool {
	rows := b.(*Rows[S])
	for i := range rows.Rows {
		rows.Row = i
		s.rows++
		at := int64(len(s.taken))
		if at == s.most {
			if at = s.rng.Int64N(s.rows); at >= s.most {
				continue
			}
		}
		// The row may be a piece of a text chunk that the sample must not keep.
		kept, err := clone(s.order.bound(&rows.Rows[i]))
		if err != nil {
			s.stop = err
			return false
		}
		if at == int64(len(s.taken)) {
			s.taken = append(s.taken, kept)
		} else {
			s.taken[at] = kept
		}
	}
	return true
}

// clone copies a value with everything it refers to.
func clone[T any](v T) (T, error) {
	b, err := codec.Marshal(v)
	if err != nil {
		return v, err
	}
	return codec.Unmarshal[T](b)
}

func (s *sampler[S, B]) finish(res *plan.Result) error {
	if s.stop != nil {
		s.abort()
		return s.stop
	}
	out := make([]Sample[B], len(s.taken))
	for i, b := range s.taken {
		out[i] = Sample[B]{Weight: float64(s.rows) / float64(len(s.taken)), Bound: b}
	}
	if len(out) > 0 {
		s.writeSink.feed(&Rows[Sample[B]]{Rows: out})
	}
	return s.writeSink.finish(res)
}

// bounder finds the bounds of a range partitioner from all samples.
type bounder[S, B any] struct {
	order   order[S, B]
	n       int
	samples []Sample[B]
}

func newBounder[S, B any](spec *plan.Sink, make func(bool) (order[S, B], error)) (sink, error) {
	o, err := make(spec.Part.Descending)
	return &bounder[S, B]{order: o, n: spec.Part.N}, err
}

func (s *bounder[S, B]) feed(b any) bool {
	s.samples = append(s.samples, b.(*Rows[Sample[B]]).Rows...)
	return true
}

func (s *bounder[S, B]) target() any { return nil }
func (s *bounder[S, B]) flush() bool { return true }
func (s *bounder[S, B]) abort()      {}

// finish cuts the weighted sample into n parts of equal weight. Equal bounds
// become one, so that all rows that compare equal go to one partition.
func (s *bounder[S, B]) finish(res *plan.Result) error {
	slices.SortStableFunc(s.samples, func(a, b Sample[B]) int { return s.order.cmp(&a.Bound, &b.Bound) })
	var total, sum float64
	for _, x := range s.samples {
		total += x.Weight
	}
	var bounds []B
	for i := range s.samples {
		sum += s.samples[i].Weight
		if len(bounds) == s.n-1 {
			break
		}
		if sum < total*float64(len(bounds)+1)/float64(s.n) {
			continue
		}
		b := s.samples[i].Bound
		if n := len(bounds); n > 0 && s.order.cmp(&bounds[n-1], &b) >= 0 {
			continue
		}
		bounds = append(bounds, b)
	}
	var err error
	res.Value, err = codec.Marshal(bounds)
	return err
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
func placeByBounds[S, B any](o order[S, B], encoded []byte, n int) (shuffle.Placer, error) {
	bounds, err := codec.Unmarshal[[]B](encoded)
	if err != nil {
		return nil, fmt.Errorf("decode range bounds: %w", err)
	}
	if len(bounds) >= n {
		return nil, fmt.Errorf("%d range bounds for %d partitions", len(bounds), n)
	}
	return func(batch codec.Rows, out []uint32) {
		rows := codec.Slice[S](batch)
		for i := range rows {
			b := o.bound(&rows[i])
			at, _ := slices.BinarySearchFunc(bounds, b, func(x, y B) int { return o.cmp(&x, &y) })
			out[i] = uint32(at)
		}
	}, nil
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

// decodeRows feeds the rows of what appendRows wrote.
func decodeRows[T any](b []byte, feed Feed) error {
	typ, err := codec.TypeOf[T]()
	if err != nil {
		return err
	}
	return runOf[T](func(yield func(codec.Rows) bool) error { return decodeBlocks(b, typ, yield) })(feed)
}

func decodeBlocks(b []byte, typ *codec.Type, yield func(codec.Rows) bool) error {
	rows := typ.NewBuffer(0)
	for len(b) > 0 {
		if len(b) < 4 {
			return shuffle.ErrCorrupt
		}
		n := int64(binary.LittleEndian.Uint32(b))
		if b = b[4:]; n > int64(len(b)) {
			return shuffle.ErrCorrupt
		}
		rows.Reset()
		if err := shuffle.DecodeBlock(rows, typ, b[:n]); err != nil {
			return err
		}
		if b = b[n:]; !yield(rows.Rows()) {
			return nil
		}
	}
	return nil
}
