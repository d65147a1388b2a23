package rdd

import (
	"hash/fnv"
	"iter"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// Combiner is the target of kernels that end in a combining shuffle.
type Combiner[K comparable, V, C any] = shuffle.Combiner[K, V, C]

// shuffleNumber is how blocks name a shuffle.
func shuffleNumber(key plan.StageKey) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}

// writeConfig configures the map side of the task's stage.
func (t *Task) writeConfig(spec *plan.Sink) shuffle.Config {
	return shuffle.Config{
		Dir:     t.spec.Store,
		Name:    t.spec.Attempt,
		Shuffle: shuffleNumber(t.spec.Stage),
		Map:     uint32(t.spec.Partition),
		Reduces: spec.Part.N,
		Seed:    t.plan.Seed,
		Mem:     t.mem,
		Copy:    true,
		Spilled: &t.counters.Spilled,
	}
}

// readConfig configures the reduce side of a source in this task.
func (t *Task) readConfig(in *Input) shuffle.Config {
	c := shuffle.Config{
		Dir:    t.spec.Scratch,
		Name:   "reduce",
		Reduce: uint32(in.partition),
		Seed:   t.plan.Seed,
		Mem:    t.mem,

		Spilled: &t.counters.Spilled,
	}
	if len(in.sides) > 0 {
		c.Shuffle = shuffleNumber(in.sides[0].shuffle)
	}
	return c
}

// stream gives the rows of one side of a wide operator.
func stream[T any](t *Task, in *Input, i int) (shuffle.Stream[T], error) {
	s := in.sides[i]
	if s.run != nil {
		return func(yield func([]T) bool) error {
			return s.run(func(b any) bool { return yield(b.(*Rows[T]).Rows) })
		}, nil
	}
	c, err := codec.For[T]()
	if err != nil {
		return nil, err
	}
	inputs := shuffle.Inputs(s.outputs, in.partition)
	for _, in := range inputs {
		t.counters.ShuffleRead += in.Bytes()
	}
	return shuffle.Read(t, inputs, c), nil
}

// runOf pushes the batches of a stream.
func runOf[T any](rows shuffle.Stream[T]) Run {
	return func(feed Feed) error {
		out := &Rows[T]{}
		var before int64
		return rows(func(batch []T) bool {
			out.Rows, out.where = batch, plain(before)
			before += int64(len(batch))
			return feed(out)
		})
	}
}

// emitter makes the output of a source that gives rows one by one.
func emitter[T any](feed Feed) *Rows[T] {
	var before int64
	return newOut[T](new(int), func(b any) bool {
		rows := b.(*Rows[T])
		rows.where = plain(before)
		before += int64(len(rows.Rows))
		return feed(rows)
	})
}

// shuffled fills in what a map side reports.
func shuffled(t *Task, res *plan.Result, out *shuffle.Output) error {
	b, err := msgpack.Marshal(out)
	if err != nil {
		return err
	}
	res.Shuffle = b
	// All segments but the last were written early, for want of memory.
	for _, seg := range out.Segments[:max(len(out.Segments)-1, 0)] {
		t.counters.Spilled += seg[len(seg)-1] - seg[0]
	}
	res.Rows, res.Bytes, res.Sizes, res.Sum, res.RowSum = out.Rows, out.Bytes, out.Sizes, out.Sum, out.RowSum
	t.counters.ShuffleWrite += out.Bytes
	return nil
}

// writeSink is the map side of a shuffle that does not combine.
type writeSink[T any] struct {
	t   *Task
	w   *shuffle.Writer[T]
	err error
}

// writerPart makes the map side of a shuffle of T; place says how rows find
// their partition.
func writerPart[T any](place func(t *Task, spec *plan.Sink) (shuffle.Placer[T], error)) *SinkPart {
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		c, err := codec.For[T]()
		if err != nil {
			return nil, err
		}
		p, err := place(t, spec)
		if err != nil {
			return nil, err
		}
		return &writeSink[T]{t: t, w: shuffle.NewWriter(t.writeConfig(spec), c, p)}, nil
	}}
}

func (s *writeSink[T]) feed(b any) bool {
	rows := b.(*Rows[T]).Rows
	s.t.counters.RowsOut += int64(len(rows))
	if s.err == nil {
		s.err = s.w.Write(rows)
	}
	return s.err == nil
}

func (s *writeSink[T]) target() any { return nil }
func (s *writeSink[T]) flush() bool { return s.err == nil }

func (s *writeSink[T]) finish(res *plan.Result) error {
	if s.err != nil {
		s.w.Abort()
		return s.err
	}
	out, err := s.w.Close()
	if err != nil {
		return err
	}
	return shuffled(s.t, res, out)
}

func (s *writeSink[T]) abort() { s.w.Abort() }

// combineSink is the map side of a shuffle that combines.
type combineSink[T any, K comparable, V, C any] struct {
	t     *Task
	c     *shuffle.Combiner[K, V, C]
	split func(*T) (K, V)
}

func (s *combineSink[T, K, V, C]) feed(b any) bool {
	rows := b.(*Rows[T])
	for i := range rows.Rows {
		rows.Row = i
		k, v := s.split(&rows.Rows[i])
		rows.Row = -1 // values are combined later, many at once
		if !s.c.Push(k, v) && !s.c.Flush() {
			return false
		}
	}
	return s.c.Flush()
}

func (s *combineSink[T, K, V, C]) target() any { return s.c }
func (s *combineSink[T, K, V, C]) flush() bool { return s.c.Flush() }
func (s *combineSink[T, K, V, C]) abort()      { s.c.Abort() }

func (s *combineSink[T, K, V, C]) finish(res *plan.Result) error {
	if err := s.c.Err(); err != nil {
		s.c.Abort()
		return err
	}
	out, err := s.c.Close()
	if err != nil {
		return err
	}
	s.t.counters.RowsOut += out.Rows
	return shuffled(s.t, res, out)
}

// combining makes both sides of a combining shuffle: rows of T hold a key and
// a value, the result's rows are made of key and combination.
func combining[T any, K comparable, V, C, U any](name string, fn any, f shuffle.Combine[V, C], split func(*T) (K, V), join func(*Pair[K, C]) U) *Op {
	return of[T](many(name, fn, map[string]Part{
		"map": &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
			keys, c, err := keyed[K, C]()
			if err != nil {
				return nil, err
			}
			return &combineSink[T, K, V, C]{t: t, c: shuffle.NewCombiner(t.writeConfig(spec), keys, c, owning(f)), split: split}, nil
		}},
		"reduce": &SourcePart{open: func(t *Task, in *Input) (Run, error) {
			keys, c, err := keyed[K, C]()
			if err != nil {
				return nil, err
			}
			rows, err := combined(t, in, keys, c, f, split)
			if err != nil {
				return nil, err
			}
			return joinedRows(rows, join), nil
		}},
	}))
}

// combined gives the combinations of a task's keys: of what the map side
// combined before, or of the rows as they are, where they were placed already.
func combined[T any, K comparable, V, C any](t *Task, in *Input, keys codec.Keys[K], c codec.Codec[Pair[K, C]], f shuffle.Combine[V, C], split func(*T) (K, V)) (shuffle.Stream[Pair[K, C]], error) {
	cfg := t.readConfig(in)
	if in.sides[0].run == nil {
		rows, err := stream[Pair[K, C]](t, in, 0)
		return shuffle.Merge(t, cfg, keys, c, f, rows), err
	}
	vc, err := codec.For[Pair[K, V]]()
	if err != nil {
		return nil, err
	}
	rows, err := stream[T](t, in, 0)
	if err != nil {
		return nil, err
	}
	var buf []Pair[K, V]
	pairs := func(yield func([]Pair[K, V]) bool) error {
		return rows(func(batch []T) bool {
			buf = buf[:0]
			for i := range batch {
				k, v := split(&batch[i])
				buf = append(buf, Pair[K, V]{Key: k, Value: v})
			}
			return yield(buf)
		})
	}
	return shuffle.Aggregate(t, cfg, keys, vc, owning(f), pairs), nil
}

// joinedRows makes the rows of the result.
func joinedRows[K, C, U any](rows shuffle.Stream[Pair[K, C]], join func(*Pair[K, C]) U) Run {
	if join == nil {
		return runOf(rows)
	}
	var buf []U
	return runOf(func(yield func([]U) bool) error {
		return rows(func(batch []Pair[K, C]) bool {
			buf = buf[:0]
			for i := range batch {
				buf = append(buf, join(&batch[i]))
			}
			return yield(buf)
		})
	})
}

func keyed[K comparable, C any]() (codec.Keys[K], codec.Codec[Pair[K, C]], error) {
	keys, err := codec.KeysFor[K]()
	if err != nil {
		return nil, nil, err
	}
	c, err := codec.For[Pair[K, C]]()
	return keys, c, err
}

func splitPair[K, V any](p *Pair[K, V]) (K, V) { return p.Key, p.Value }

// ReduceByKeyOp combines the values of each key by f, first where they are,
// then after the shuffle. batch, when given, does the same for many slots at
// once: it is f with the loop around it.
func ReduceByKeyOp[K comparable, V any](f func(V, V) V, batch ...func(slots []*V, vals []V)) *Op {
	c := shuffle.Combine[V, V]{
		Init:  func(c *V, v V) { *c = v },
		Add:   func(c *V, v V) { *c = f(*c, v) },
		Merge: func(c, d *V) { *c = f(*c, *d) },
	}
	if len(batch) > 0 {
		c.AddBatch, c.MergeBatch = batch[0], batch[0]
	}
	return combining[Pair[K, V], K, V, V, Pair[K, V]]("ReduceByKey", f, c, splitPair[K, V], nil)
}

// CombineByKeyOp makes a combination of each key's values: create of the
// first, add with a further one, merge of two combinations.
func CombineByKeyOp[K comparable, V, C any](create func(V) C, add func(C, V) C, merge func(C, C) C) *Op {
	return combining[Pair[K, V], K, V, C, Pair[K, C]]("CombineByKey", create, shuffle.Combine[V, C]{
		Init:  func(c *C, v V) { *c = create(v) },
		Add:   func(c *C, v V) { *c = add(*c, v) },
		Merge: func(c, d *C) { *c = merge(*c, *d) },
	}, splitPair[K, V], nil)
}

// AggregateByKeyOp adds each key's values to what zero gives.
func AggregateByKeyOp[K comparable, V, A any](zero func() A, add func(*A, V), merge func(*A, *A)) *Op {
	return combining[Pair[K, V], K, V, A, Pair[K, A]]("AggregateByKey", add, shuffle.Combine[V, A]{
		Init:  func(a *A, v V) { *a = zero(); add(a, v) },
		Add:   add,
		Merge: merge,
	}, splitPair[K, V], nil)
}

// DistinctOp keeps one of equal rows.
func DistinctOp[T comparable]() *Op {
	type none = struct{}
	return combining("Distinct", nil, shuffle.Presence(), func(row *T) (T, none) { return *row, none{} }, func(p *Pair[T, none]) T { return p.Key })
}

// DistinctByOp keeps the first row of those with equal keys.
func DistinctByOp[T any, K comparable](f func(T) K) *Op {
	return combining("DistinctBy", f, shuffle.Combine[T, T]{
		Init: func(c *T, v T) { *c = v }, Add: func(*T, T) {}, Merge: func(_, _ *T) {},
	}, func(row *T) (K, T) { return f(*row), *row }, func(p *Pair[K, T]) T { return p.Value })
}

// CountByKeyOp counts the pairs of each key.
func CountByKeyOp[K comparable, V any]() *Op {
	op := combining[Pair[K, V], K, int64, int64, Pair[K, int64]]("CountByKey", nil, shuffle.Combine[int64, int64]{
		Init:  func(c *int64, v int64) { *c = v },
		Add:   func(c *int64, v int64) { *c += v },
		Merge: func(c, d *int64) { *c += *d },
	}, func(p *Pair[K, V]) (K, int64) { return p.Key, 1 }, nil)
	op.Parts["collect"] = collectPart[Pair[K, int64]]()
	return op
}

// placeByKey places pairs by their key's hash.
func placeByKey[K comparable, V any](t *Task, spec *plan.Sink) (shuffle.Placer[Pair[K, V]], error) {
	keys, err := codec.KeysFor[K]()
	if err != nil {
		return nil, err
	}
	return shuffle.HashPairs[K, V](keys, t.plan.Seed, spec.Part.N), nil
}

// readPart is the read side of a shuffle that only moves rows.
func readPart[T any]() *SourcePart {
	return &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		rows, err := stream[T](t, in, 0)
		return runOf(rows), err
	}}
}

// PartitionByOp moves each pair to its key's partition.
func PartitionByOp[K comparable, V any]() *Op {
	return of[Pair[K, V]](many("PartitionBy", nil, map[string]Part{
		"map":    writerPart(placeByKey[K, V]),
		"reduce": readPart[Pair[K, V]](),
	}))
}

// RepartitionOp spreads rows evenly.
func RepartitionOp[T any]() *Op {
	return of[T](many("Repartition", nil, map[string]Part{
		"map": writerPart(func(t *Task, spec *plan.Sink) (shuffle.Placer[T], error) {
			return shuffle.RoundRobin[T](t.spec.Partition, spec.Part.N), nil
		}),
		"reduce": readPart[T](),
	}))
}

// Group is a key with its values, which can be ranged over once while the
// group is in hand.
type Group[K, V any] struct {
	Key    K
	Values iter.Seq[V]
}

func groupParts[K comparable, V any](post Part) map[string]Part {
	return map[string]Part{
		"map": writerPart(placeByKey[K, V]),
		"reduce": &SourcePart{open: func(t *Task, in *Input) (Run, error) {
			keys, c, err := keyed[K, V]()
			if err != nil {
				return nil, err
			}
			rows, err := stream[Pair[K, V]](t, in, 0)
			if err != nil {
				return nil, err
			}
			return func(feed Feed) error {
				out := &Rows[Group[K, V]]{Rows: make([]Group[K, V], 1)}
				var n int64
				return shuffle.Groups(t, t.readConfig(in), keys, c, rows)(func(k K, values iter.Seq[V]) bool {
					out.Rows[0], out.where = Group[K, V]{Key: k, Values: values}, plain(n)
					n++
					return feed(out)
				})
			}, nil
		}},
		"": post,
	}
}

// GroupByKeyOp gives f each key with its values.
func GroupByKeyOp[K comparable, V, R any](f func(K, iter.Seq[V]) R) *Op {
	return many("GroupByKey", f, groupParts[K, V](narrowPart(func(_ *Task, in *Rows[Group[K, V]], out *Rows[Pair[K, R]]) {
		for i, g := range in.Rows {
			in.Row = i
			if !out.Push(Pair[K, R]{Key: g.Key, Value: f(g.Key, g.Values)}) && !out.Flush() {
				return
			}
		}
	})))
}

// FlatMapGroupsOp gives every value of the sequence that f makes of a key and
// its values.
func FlatMapGroupsOp[K comparable, V, R any](f func(K, iter.Seq[V]) iter.Seq[R]) *Op {
	return many("FlatMapGroups", f, groupParts[K, V](narrowPart(func(_ *Task, in *Rows[Group[K, V]], out *Rows[R]) {
		for i, g := range in.Rows {
			in.Row = i
			for r := range f(g.Key, g.Values) {
				if !out.Push(r) && !out.Flush() {
					return
				}
			}
		}
	})))
}
