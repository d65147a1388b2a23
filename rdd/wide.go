package rdd

import (
	"hash/fnv"
	"iter"
	"reflect"

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
		RowSum:  t.plan.RowSums,
		Inexact: t.stage.Inexact,
		Spilled: &t.counters.Spilled,

		Progress: t.progress,
	}
}

// dealConfig configures a map side in which where a row goes depends on those before it.
// The user's functions may give the same rows in another order when they run again, and
// other ones go to a partition then. So rows are summed unasked: what is made with another
// sum does not go together with what others have read of what it replaces.
func (t *Task) dealConfig(spec *plan.Sink) shuffle.Config {
	c := t.writeConfig(spec)
	c.RowSum, c.Inexact = true, false
	return c
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
		Leave:   t.leave,
		Reading: &t.input,
	}
	if len(in.sides) > 0 {
		c.Shuffle = shuffleNumber(in.sides[0].shuffle)
	}
	return c
}

// stream gives the rows of one side of a wide operator, which are of type typ.
func stream(t *Task, in *Input, i int, typ *codec.Type) shuffle.RawStream {
	s := in.sides[i]
	if s.run != nil {
		return func(yield func(codec.Rows) bool) error {
			return s.run(func(b any) bool { return yield(b.(batch).raw().rows()) })
		}
	}
	var parts []shuffle.Input
	var rows shuffle.RawStream // once somebody reads them
	return func(yield func(codec.Rows) bool) error {
		if rows == nil {
			var err error
			if parts, err = t.pieces(&s); err != nil {
				return err
			}
			rows = t.seen.reading(shuffle.Read(t, parts, typ))
		}
		for _, part := range parts {
			t.counters.ShuffleRead += part.Bytes()
		}
		return rows(yield)
	}
}

// runOf pushes the batches of a stream, whose rows are like those of like.
//
//go:noinline
func runOf(like batch, rows shuffle.RawStream) Run {
	return func(feed Feed) error {
		out := rowsLike(like)
		var before int64
		return rows(func(batch codec.Rows) bool {
			out.set(batch)
			out.where = plain(before)
			before += int64(batch.Len)
			return feed(out.self)
		})
	}
}

// likeRows is runOf for rows that are like those of like already.
//
//go:noinline
func likeRows(like batch) func(shuffle.RawStream) Run {
	return func(rows shuffle.RawStream) Run { return runOf(like, rows) }
}

// emitter makes the output of a source that gives rows one by one.
func emitter[T any](feed Feed) *Rows[T] {
	var before int64
	return newOut((*Rows[T])(nil), new(int), func(b any) bool {
		rows := b.(batch).raw()
		rows.where = plain(before)
		before += int64(len(rows.Rows))
		return feed(b)
	}).self.(*Rows[T])
}

// shuffled fills in what a map side reports.
func shuffled(t *Task, res *plan.Result, out *shuffle.Output) error {
	b, err := msgpack.Marshal(out)
	if err != nil {
		return err
	}
	res.Shuffle = b
	res.Rows, res.Bytes, res.Sizes, res.Sum, res.RowSum = out.Rows, out.Bytes, out.Sizes, out.Sum, out.RowSum
	t.counters.ShuffleWrite += out.Bytes
	return nil
}

// writeSink is the map side of a shuffle that does not combine.
type writeSink struct {
	t   *Task
	w   *shuffle.Writer
	err error
}

// writerPart makes the map side of a shuffle of rows like those of like; place
// says how they find their partition.
//
//go:noinline
func writerPart(like batch, place func(t *Task, spec *plan.Sink, row *codec.Type) (shuffle.Placer, error)) *SinkPart {
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		row, err := like.typ()
		if err != nil {
			return nil, err
		}
		p, err := place(t, spec, row)
		if err != nil {
			return nil, err
		}
		return &writeSink{t: t, w: shuffle.NewWriter(t.writeConfig(spec), row, p)}, nil
	}}
}

func (s *writeSink) feed(b any) bool {
	rows := b.(batch).raw().rows()
	s.t.counters.RowsOut += int64(rows.Len)
	if s.err == nil {
		s.err = s.w.Write(rows)
	}
	return s.err == nil
}

func (s *writeSink) target() any { return nil }
func (s *writeSink) flush() bool { return s.err == nil }

func (s *writeSink) finish(res *plan.Result) error {
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

func (s *writeSink) abort() { s.w.Abort() }

func (s *writeSink) shed() error {
	if s.err == nil {
		s.err = s.w.Shed()
	}
	return s.err
}

// combineSink is the map side of a shuffle that combines.
type combineSink struct {
	t *Task
	c combiner
	// push is the loop over a batch. What it takes apart may be combined later,
	// many at once: then no row is in hand.
	push func(c combiner, b any) bool
}

// combiner is a *Combiner of any types.
type combiner interface {
	Flush() bool
	Err() error
	Shed() error
	Close() (*shuffle.Output, error)
	Abort()
}

func (s *combineSink) feed(b any) bool { return s.push(s.c, b) && s.c.Flush() }
func (s *combineSink) target() any     { return s.c }
func (s *combineSink) flush() bool     { return s.c.Flush() }
func (s *combineSink) abort()          { s.c.Abort() }
func (s *combineSink) shed() error     { return s.c.Shed() }

func (s *combineSink) finish(res *plan.Result) error {
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

// combining is what a combining shuffle has to know of its types.
type combining struct {
	// types gives the Combining; with own, accumulators keep no text that values
	// were cut from.
	types    func(own bool) (shuffle.Combining, error)
	combiner func(shuffle.Config, shuffle.Combining) combiner
	push     func(c combiner, b any) bool
	// pairs makes pairs of rows that are none, and result rows of the pairs that
	// come out.
	pairs  func(shuffle.RawStream) shuffle.RawStream
	result func(shuffle.RawStream) Run
	out    batch        // stands for the type of the result
	acc    reflect.Type // of the combinations
}

// combiningOf is combining without what depends on the rows.
func combiningOf[K comparable, V, C any](f shuffle.Combine[V, C]) combining {
	return combining{
		acc: reflect.TypeFor[C](),
		types: func(own bool) (shuffle.Combining, error) {
			f := f
			if own {
				f = owning(f)
			}
			return shuffle.NewCombining[K](f)
		},
		combiner: func(cfg shuffle.Config, types shuffle.Combining) combiner {
			return shuffle.NewCombiner[K, V, C](cfg, types)
		},
	}
}

// combinePairs combines the values of pairs to pairs of key and combination.
func combinePairs[K comparable, V, C any](name string, fn any, f shuffle.Combine[V, C]) *Op {
	c := combiningOf[K](f)
	c.push = func(c combiner, b any) bool {
		rows, to := b.(*Rows[Pair[K, V]]), c.(*Combiner[K, V, C])
		rows.Row = -1
		for _, p := range rows.Rows {
			if !to.Push(p.Key, p.Value) && !to.Flush() {
				return false
			}
		}
		return true
	}
	c.out = (*Rows[Pair[K, C]])(nil)
	c.result = likeRows(c.out)
	return of((*Pair[K, V])(nil), c.op(name, fn))
}

// combineRows is combinePairs for rows that split makes keys and values of, and
// for results that join makes of key and combination.
func combineRows[T any, K comparable, V, C, U any](name string, fn any, f shuffle.Combine[V, C], split func(*T) (K, V), join func(*Pair[K, C]) U) *Op {
	c := combiningOf[K](f)
	c.push = func(c combiner, b any) bool {
		rows, to := b.(*Rows[T]), c.(*Combiner[K, V, C])
		for i := range rows.Rows {
			rows.Row = i
			k, v := split(&rows.Rows[i])
			rows.Row = -1
			if !to.Push(k, v) && !to.Flush() {
				return false
			}
		}
		return true
	}
	c.pairs = func(rows shuffle.RawStream) shuffle.RawStream {
		return mapped(rows, func(row *T) Pair[K, V] {
			k, v := split(row)
			return Pair[K, V]{Key: k, Value: v}
		})
	}
	c.out = (*Rows[U])(nil)
	c.result = func(rows shuffle.RawStream) Run { return runOf(c.out, mapped(rows, join)) }
	return of((*T)(nil), c.op(name, fn))
}

// op makes the operator.
//
//go:noinline
func (c combining) op(name string, fn any) *Op {
	op := many(name, fn, c.parts())
	op.inexact = holdsFloats(c.acc)
	return op
}

// parts makes both sides of the shuffle.
//
//go:noinline
func (c combining) parts() map[string]Part {
	return map[string]Part{
		"map": &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
			types, err := c.types(true)
			if err != nil {
				return nil, err
			}
			cfg := t.writeConfig(spec)
			if cfg.Place, err = t.keyPlace(spec); err != nil {
				return nil, err
			}
			return &combineSink{t: t, c: c.combiner(cfg, types), push: c.push}, nil
		}},
		"reduce": &SourcePart{out: c.out, open: func(t *Task, in *Input) (Run, error) {
			rows, err := c.combined(t, in)
			if err != nil {
				return nil, err
			}
			return c.result(rows), nil
		}},
	}
}

// combined gives the combinations of a task's keys: of what the map side
// combined before, or of the rows as they are, where they were placed already.
func (c combining) combined(t *Task, in *Input) (shuffle.RawStream, error) {
	placed := in.sides[0].run != nil
	types, err := c.types(placed)
	if err != nil {
		return nil, err
	}
	cfg, rows := t.readConfig(in), stream(t, in, 0, types.Rows())
	switch {
	case !placed:
		return shuffle.Merge(t, cfg, types, rows), nil
	case c.pairs != nil:
		rows = c.pairs(rows)
	}
	return shuffle.Aggregate(t, cfg, types, rows), nil
}

// mapped applies f to the rows of a stream.
func mapped[T, U any](rows shuffle.RawStream, f func(*T) U) shuffle.RawStream {
	var buf []U
	return func(yield func(codec.Rows) bool) error {
		return rows(func(batch codec.Rows) bool {
			buf = buf[:0]
			rows := codec.Slice[T](batch)
			for i := range rows {
				buf = append(buf, f(&rows[i]))
			}
			return yield(codec.RowsOf(buf))
		})
	}
}

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
	return combinePairs[K]("ReduceByKey", f, c)
}

// CombineByKeyOp makes a combination of each key's values: create of the
// first, add with a further one, merge of two combinations.
func CombineByKeyOp[K comparable, V, C any](create func(V) C, add func(C, V) C, merge func(C, C) C) *Op {
	return combinePairs[K]("CombineByKey", create, shuffle.Combine[V, C]{
		Init:  func(c *C, v V) { *c = create(v) },
		Add:   func(c *C, v V) { *c = add(*c, v) },
		Merge: func(c, d *C) { *c = merge(*c, *d) },
	}).Needs(add, merge)
}

// AggregateByKeyOp adds each key's values to what zero gives.
func AggregateByKeyOp[K comparable, V, A any](zero func() A, add func(*A, V), merge func(*A, *A)) *Op {
	return combinePairs[K]("AggregateByKey", add, shuffle.Combine[V, A]{
		Init:  func(a *A, v V) { *a = zero(); add(a, v) },
		Add:   add,
		Merge: merge,
	}).Needs(zero, merge)
}

// DistinctOp keeps one of equal rows.
func DistinctOp[T comparable]() *Op {
	return combineRows("Distinct", nil, shuffle.Presence(), func(row *T) (T, none) { return *row, none{} }, func(p *Pair[T, none]) T { return p.Key })
}

// DistinctByOp keeps the first row of those with equal keys.
func DistinctByOp[T any, K comparable](f func(T) K) *Op {
	return combineRows("DistinctBy", f, shuffle.Combine[T, T]{
		Init: func(c *T, v T) { *c = v }, Add: func(*T, T) {}, Merge: func(_, _ *T) {},
	}, func(row *T) (K, T) { return f(*row), *row }, func(p *Pair[K, T]) T { return p.Value })
}

// CountByKeyOp counts the pairs of each key.
func CountByKeyOp[K comparable, V any]() *Op {
	return tallying("CountByKey", func(p *Pair[K, V]) (K, int64) { return p.Key, 1 })
}

// CountByValueOp counts equal rows.
func CountByValueOp[T comparable]() *Op {
	return tallying("CountByValue", func(row *T) (T, int64) { return *row, 1 })
}

// tallying adds up what split says of each row. The part "collect" brings the sums
// to the driver.
func tallying[T any, K comparable](name string, split func(*T) (K, int64)) *Op {
	op := combineRows(name, nil, shuffle.Combine[int64, int64]{
		Init:  func(c *int64, v int64) { *c = v },
		Add:   func(c *int64, v int64) { *c += v },
		Merge: func(c, d *int64) { *c += *d },
	}, split, func(p *Pair[K, int64]) Pair[K, int64] { return *p })
	op.Parts["collect"] = collectPart((*Rows[Pair[K, int64]])(nil))
	return op
}

// pairWriter makes the map side of a shuffle that places pairs by their key's
// hash.
func pairWriter[K comparable, V any]() *SinkPart {
	return keyWriter((*Rows[Pair[K, V]])(nil), codec.KeyTypeOf[K])
}

//go:noinline
func keyWriter(like batch, key func() (*codec.KeyType, error)) *SinkPart {
	return writerPart(like, func(t *Task, spec *plan.Sink, row *codec.Type) (shuffle.Placer, error) {
		keys, err := key()
		if err != nil {
			return nil, err
		}
		return t.keyPlacer(spec, keys, row)
	})
}

// readPart is the read side of a shuffle that only moves rows.
//
//go:noinline
func readPart(like batch) *SourcePart {
	return &SourcePart{out: like, open: func(t *Task, in *Input) (Run, error) {
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		return runOf(like, stream(t, in, 0, typ)), nil
	}}
}

// moving makes an operator that only moves rows.
func moving(name string, write *SinkPart, like batch) *Op {
	return many(name, nil, map[string]Part{"map": write, "reduce": readPart(like)})
}

// PartitionByOp moves each pair to its key's partition.
func PartitionByOp[K comparable, V any]() *Op {
	return of((*Pair[K, V])(nil), moving("PartitionBy", pairWriter[K, V](), (*Rows[Pair[K, V]])(nil)))
}

// RepartitionOp spreads rows evenly.
func RepartitionOp[T any]() *Op {
	like := (*Rows[T])(nil)
	return of((*T)(nil), moving("Repartition", inTurn(like), like))
}

// inTurn is the map side of a shuffle that deals rows like those of like.
//
//go:noinline
func inTurn(like batch) *SinkPart {
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		row, err := like.typ()
		if err != nil {
			return nil, err
		}
		return &writeSink{t: t, w: shuffle.NewWriter(t.dealConfig(spec), row, shuffle.RoundRobin(t.spec.Partition, spec.Part.N))}, nil
	}}
}

// Group is a key with its values, which can be ranged over once while the
// group is in hand.
type Group[K, V any] struct {
	Key    K
	Values iter.Seq[V]
}

func groupParts[K comparable, V any](post Part) map[string]Part {
	return map[string]Part{
		"map": pairWriter[K, V](),
		"reduce": &SourcePart{open: func(t *Task, in *Input) (Run, error) {
			typ, err := codec.TypeOf[Pair[K, V]]()
			if err != nil {
				return nil, err
			}
			rows := stream(t, in, 0, typ)
			return func(feed Feed) error {
				out := &Rows[Group[K, V]]{Rows: make([]Group[K, V], 1)}
				var n int64
				return shuffle.Groups[K, V](t, t.readConfig(in), rows)(func(k K, values iter.Seq[V]) bool {
					values, over := lend(t, values)
					out.Rows[0], out.where = Group[K, V]{Key: k, Values: values}, plain(n)
					n++
					defer over()
					return feed(out)
				})
			}, nil
		}},
		"": post,
	}
}

// GroupByKeyOp gives f each key with its values.
func GroupByKeyOp[K comparable, V, R any](f func(K, iter.Seq[V]) R) *Op {
	return many("GroupByKey", f, groupParts[K, V](&Narrow{out: (*Rows[Pair[K, R]])(nil), Kernel: func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[Group[K, V]]), outAny.(*Rows[Pair[K, R]])
		for i, g := range in.Rows {
			in.Row = i
			if !out.Push(Pair[K, R]{Key: g.Key, Value: f(g.Key, g.Values)}) && !out.Flush() {
				return
			}
		}
	}}))
}

// FlatMapGroupsOp gives every value of the sequence that f makes of a key and
// its values.
func FlatMapGroupsOp[K comparable, V, R any](f func(K, iter.Seq[V]) iter.Seq[R]) *Op {
	return many("FlatMapGroups", f, groupParts[K, V](&Narrow{out: (*Rows[R])(nil), Kernel: func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[Group[K, V]]), outAny.(*Rows[R])
		for i, g := range in.Rows {
			in.Row = i
			for r := range f(g.Key, g.Values) {
				if !out.Push(r) && !out.Flush() {
					return
				}
			}
		}
	}}))
}
