package rdd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Merger is a type whose values come together in an [Accumulator]. Its zero value
// is nothing: merged with any other it gives that one. Merging must not depend on
// what is merged first. Merge may change the value that it is called on and give
// it back, and may keep the other.
type Merger[A any] interface {
	Merge(other A) A
}

// Accumulator is a value of the session that functions add to, by way of a With
// value: each task adds to one of its own, and when a task succeeds, that is
// merged into the session's, once, however often the task ran. It is good for the
// session that made it.
type Accumulator[A Merger[A]] struct {
	id   uint64
	name string
	own  *A       // of the attempt; nil at the driver
	home *home[A] // of the session; nil in tasks
}

// lastAccumulator numbers the accumulators of all sessions of the process, so that
// none is taken for one of another session.
var lastAccumulator atomic.Uint64

// NewAccumulator makes an accumulator of a session, with nothing in it.
func NewAccumulator[A Merger[A]](g *Graph, name string) Accumulator[A] {
	_, err := codec.TypeOf[A]()
	h := &home[A]{graph: g, name: name}
	a := Accumulator[A]{id: lastAccumulator.Add(1), name: name, home: h}
	if err != nil {
		h.err = fmt.Errorf("accumulator %q: %w", name, err)
		return a
	}
	g.mu.Lock()
	g.accumulators[a.id] = h
	g.mu.Unlock()
	return a
}

// Name is the accumulator's name.
func (a Accumulator[A]) Name() string { return a.name }

// Add merges x in, which belongs to the accumulator from then on: in a task to the
// task's own value, at the driver to the session's.
func (a Accumulator[A]) Add(x A) {
	if a.own != nil {
		*a.own = (*a.own).Merge(x)
		return
	}
	a.at("Add").add(x)
}

// Local is what the task in hand has added so far, to be changed in place.
func (a Accumulator[A]) Local() *A {
	if a.own == nil {
		panic(fmt.Sprintf("Local of accumulator %q: only tasks have one, of an accumulator that their function was given by With", a.name))
	}
	return a.own
}

// Value is a copy of what has been added: by all tasks of the actions that have
// ended that succeeded, and by the driver.
func (a Accumulator[A]) Value() A {
	if a.own != nil {
		panic(fmt.Sprintf("Value of accumulator %q in a task: it is known at the driver alone", a.name))
	}
	h := a.at("Value")
	if err := h.graph.Settle(); err != nil {
		panic(err)
	}
	return h.copied()
}

// at is the session's value, for a method that needs it.
func (a Accumulator[A]) at(method string) *home[A] {
	switch {
	case a.home == nil && a.id == 0:
		panic(method + " of an accumulator that no session made: it is the zero value of its type")
	case a.home == nil:
		panic(fmt.Sprintf("%s of accumulator %q: it came with the rows: give it to the function by With", method, a.name))
	case locked.Load() > 0 && insideHome():
		panic(fmt.Sprintf("%s of accumulator %q in a Merge or a marshaler of an accumulator's value: they run while accumulators wait for them", method, a.name))
	}
	if err := a.home.broken(); err != nil {
		panic(err)
	}
	return a.home
}

// MarshalBinary encodes which accumulator it is, and nothing of its value.
func (a Accumulator[A]) MarshalBinary() ([]byte, error) {
	if a.id == 0 {
		return nil, errors.New("the accumulator was not made by a session: it is the zero value of its type")
	}
	if a.home != nil {
		if err := a.home.broken(); err != nil {
			return nil, err
		}
	}
	return append(binary.AppendUvarint(nil, a.id), a.name...), nil
}

// UnmarshalBinary is the reverse of MarshalBinary. The accumulator can be added to
// once it is bound to a task.
func (a *Accumulator[A]) UnmarshalBinary(b []byte) error {
	id, n := binary.Uvarint(b)
	if n <= 0 || id == 0 {
		return errors.New("accumulator: no number")
	}
	*a = Accumulator[A]{id: id, name: string(b[n:])}
	return nil
}

// home is the value of the session.
type home[A Merger[A]] struct {
	graph *Graph
	name  string

	mu    sync.Mutex
	value A
	err   error // A cannot travel, or was not merged: there is no value
}

// add, copied, merge and encoded run code of the user's with mutexes held: that must not
// come back, which insideHome sees.

// locked counts those that are at work.
var locked atomic.Int32

// lock takes the mutex for one of them.
func (h *home[A]) lock() {
	h.mu.Lock()
	locked.Add(1)
}

func (h *home[A]) unlock() {
	locked.Add(-1)
	h.mu.Unlock()
}

// add merges in what the driver adds.
func (h *home[A]) add(x A) {
	h.lock()
	defer h.unlock()
	h.value = h.value.Merge(x)
}

// copied is a copy of the value.
func (h *home[A]) copied() (v A) {
	h.lock()
	defer h.unlock()
	if h.err != nil {
		panic(h.err)
	}
	b, err := codec.Marshal(h.value)
	if err == nil {
		v, err = codec.Unmarshal[A](b)
	}
	if err != nil {
		panic(fmt.Sprintf("Value of accumulator %q: %v", h.name, err))
	}
	return v
}

// locking are the names of these methods, of any home.
var locking = func() (all []string) {
	for _, method := range []string{"add", "copied", "merge", "encoded"} {
		all = append(all, reflect.TypeFor[Graph]().PkgPath()+".(*home[...])."+method)
	}
	return all
}()

// insideHome says whether one of them has called the user's code that is running.
func insideHome() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 4*len(pcs))
		n = runtime.Callers(2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for {
		f, more := frames.Next()
		if slices.Contains(locking, f.Function) {
			return true
		}
		if !more {
			return false
		}
	}
}

func (h *home[A]) broken() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// merge takes an update in. The first one that cannot be is an error, by which the
// accumulator has no value from then on.
func (h *home[A]) merge(update []byte) (err error) {
	h.lock()
	defer h.unlock()
	if h.err != nil {
		return nil // it was told
	}
	defer func() {
		if v := recover(); v != nil {
			err = &plan.StageError{Partition: -1, Failure: plan.Failure{
				Class: plan.FailUser, Row: -1, Offset: -1, Op: fmt.Sprintf("Merge of accumulator %q", h.name),
				Message: clip(fmt.Sprintf("panic: %v", v), maxMessage), Site: userFrames(0), Stack: stack(),
			}}
		}
		h.err = err
	}()
	x, err := codec.Unmarshal[A](update)
	if err != nil {
		return fmt.Errorf("accumulator %q: read what a task added: %w", h.name, err)
	}
	h.value = h.value.Merge(x)
	return nil
}

// cell is what a part of an attempt adds to one accumulator.
type cell[A Merger[A]] struct{ value A }

// cellIn is the cell of an accumulator, made where there is none.
func cellIn[A Merger[A]](at *adding, id uint64, name string) *cell[A] {
	for i := range at.cells {
		if at.cells[i].id == id {
			return at.cells[i].cell.(*cell[A])
		}
	}
	c := &cell[A]{}
	at.cells = append(at.cells, taskCell{id, name, c})
	return c
}

// moveTo merges the cell's value into that of another place, and has none any more.
func (c *cell[A]) moveTo(at *adding, id uint64, name string) {
	to := cellIn[A](at, id, name)
	to.value = to.value.Merge(c.value)
	c.clear()
}

func (c *cell[A]) clear() { c.value = *new(A) }

// update encodes the cell's value; nil: nothing was added.
func (c *cell[A]) update() ([]byte, error) {
	var zero A
	nothing, err := codec.Marshal(zero)
	if err != nil {
		return nil, err
	}
	b, err := codec.Marshal(c.value)
	if err != nil || bytes.Equal(b, nothing) {
		return nil, err
	}
	return b, nil
}

func (a *Accumulator[A]) accumulator() bound { return a }

// bind makes the accumulator add to the attempt's cell, in the part of the pipe that
// is being opened.
func (a *Accumulator[A]) bind(t *Task) { a.own = &cellIn[A](t.adding, a.id, a.name).value }

// settleAt makes the accumulator that of a session, for functions that run at the
// driver.
func (a *Accumulator[A]) settleAt(g *Graph) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a.home, _ = g.accumulators[a.id].(*home[A])
}

// madeBy is the accumulator's session, where that is known, and its name.
func (a *Accumulator[A]) madeBy() (string, *Graph) {
	if a.home == nil {
		return a.name, nil
	}
	return a.name, a.home.graph
}

// tallied is the value of an accumulator, whatever its type.
type tallied interface {
	merge(update []byte) error
	encoded() ([]byte, error)
	text(value []byte, updates [][]byte, err error) (name, text string)
}

// taskCell is a cell, by the number of its accumulator.
type taskCell struct {
	id   uint64
	name string
	cell interface {
		update() ([]byte, error)
		moveTo(at *adding, id uint64, name string)
		clear()
	}
}

// resolve is Runner.resolve; accumulators in the With value are those of the task.
func (t *Task) resolve(ref plan.Op) (*Op, any, error) {
	op, env, err := t.runner.resolve(ref)
	if err == nil && op.env != nil && op.env.own != nil {
		env = op.env.own(t, env)
	}
	return op, env, err
}

// bound is an accumulator in a With value.
type bound interface {
	bind(t *Task)
	settleAt(g *Graph)
	madeBy() (name string, g *Graph)
}

// binder is an accumulator, or a type made of one.
type binder interface{ accumulator() bound }

var binderType = reflect.TypeFor[binder]()

// accumulatorAt is the place of an accumulator in values of some type.
type accumulatorAt struct {
	offset uintptr
	typ    reflect.Type
}

// in gives the accumulator in the value at p.
func (at accumulatorAt) in(p unsafe.Pointer) bound {
	return reflect.NewAt(at.typ, unsafe.Add(p, at.offset)).Interface().(binder).accumulator()
}

// accumulatorsIn finds the accumulators in values of a type: the value itself, and
// fields of it.
func accumulatorsIn(t reflect.Type, offset uintptr) (all []accumulatorAt) {
	switch {
	case reflect.PointerTo(t).Implements(binderType):
		return []accumulatorAt{{offset, t}}
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			all = append(all, accumulatorsIn(f.Type, offset+f.Offset)...)
		}
	}
	return all
}

// own gives a value with accumulators of the task's own; it is nil for a type that
// has none.
func own[E any]() func(t *Task, v any) any {
	all := accumulatorsIn(reflect.TypeFor[E](), 0)
	if len(all) == 0 {
		return nil
	}
	return func(t *Task, v any) any {
		e := v.(E)
		for _, at := range all {
			at.in(unsafe.Pointer(&e)).bind(t)
		}
		return e
	}
}

// AtDriver makes the accumulators in a decoded With value those of the session,
// for functions that the driver runs.
func (g *Graph) AtDriver(t reflect.Type, value unsafe.Pointer) {
	for _, at := range accumulatorsIn(t, 0) {
		at.in(value).settleAt(g)
	}
}

// CheckAccumulators refuses a With value with accumulators of another session, or
// where a task cannot have its own: behind what all tasks of a process share.
func (g *Graph) CheckAccumulators(t reflect.Type, value unsafe.Pointer) error {
	if path, ok := sharedAccumulator(t, t.String(), false, map[reflect.Type]bool{}); ok {
		return fmt.Errorf("accumulator %s is behind a pointer, slice, map or array, which tasks share: "+
			"make it the With value, or a field of it", path)
	}
	for _, at := range accumulatorsIn(t, 0) {
		if name, of := at.in(value).madeBy(); of != nil && of != g {
			return fmt.Errorf("accumulator %q was made by another session", name)
		}
	}
	return nil
}

// sharedAccumulator finds an accumulator that is behind something shared.
func sharedAccumulator(t reflect.Type, path string, shared bool, seen map[reflect.Type]bool) (string, bool) {
	if reflect.PointerTo(t).Implements(binderType) {
		return path, shared
	}
	if was, looked := seen[t]; looked && (was || !shared) {
		return "", false
	}
	seen[t] = shared // what was seen as it is must be looked at again where it is shared
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return sharedAccumulator(t.Elem(), path, true, seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if p, ok := sharedAccumulator(f.Type, path+"."+f.Name, shared, seen); ok {
				return p, true
			}
		}
	}
	return "", false
}

// tallies are what a session knows of its accumulators beside their values.
type tallies struct {
	merging sync.Mutex // held while updates are merged, in the order in which they came
	came    []plan.StageUpdates
	running map[int]addedSoFar // by action
	fresh   bool               // something was told since people looked
	shown   []plan.Shown       // to them; of the goroutine that calls Shown
	// counted are tasks of stages that actions share, and partitions of kept RDDs.
	counted map[plan.StageKey]plan.PartitionSet
}

// Ended takes what an action's end tells that tasks have added, to be merged by
// Settle.
func (g *Graph) Ended(action int, all []plan.StageUpdates) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tallies.came = append(g.tallies.came, all...)
	delete(g.tallies.running, action)
	g.tallies.fresh = true
}

// Settle merges what was delivered. Each task of a stage counts once, whoever tells
// of it, and so does each partition of a kept RDD. What cannot be merged is an error
// of its accumulator, and the rest counts all the same.
func (g *Graph) Settle() error {
	g.tallies.merging.Lock()
	defer g.tallies.merging.Unlock()
	g.mu.Lock()
	came := g.tallies.came
	g.tallies.came = nil
	g.mu.Unlock()
	var errs []error
	for _, st := range came {
		for _, t := range st.Tasks {
			if st.Own || g.counts(st.Stage, t.Partition) {
				errs = append(errs, g.take(t.Updates))
			}
		}
	}
	return errors.Join(errs...)
}

// counts says whether a task of a stage that actions share counts, or a partition of
// a kept RDD: it does once.
func (g *Graph) counts(key plan.StageKey, partition int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.tallies.counted[key]
	if of.Has(partition) {
		return false
	}
	g.tallies.counted[key] = of.With(partition)
	return true
}

// counted are the partitions of a kept RDD that count already.
func (g *Graph) counted(key plan.StageKey) plan.PartitionSet {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.tallies.counted[key])
}

// take merges what one task tells of.
func (g *Graph) take(updates plan.Updates) error {
	var errs []error
	for part, err := range updates.Parts() {
		if err != nil {
			errs = append(errs, err)
		} else if !part.Kept || g.counts(part.Block.RDD, part.Block.Partition) {
			errs = append(errs, g.merge(part.Updates))
		}
	}
	return errors.Join(errs...)
}

func (g *Graph) merge(updates plan.Updates) error {
	var errs []error
	for u, err := range updates.All() {
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		g.mu.Lock()
		h := g.accumulators[u.Accumulator]
		g.mu.Unlock()
		if h == nil {
			err = fmt.Errorf("a task added to accumulator %d, which the session does not have: this is a fault of gordd", u.Accumulator)
		} else {
			err = h.merge(u.Value)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// uncount forgets which tasks of a stage counted, or partitions of a kept RDD, when
// nothing refers to it.
func (g *Graph) uncount(stage plan.StageKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tallies.counted, stage)
}
