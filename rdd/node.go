package rdd

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Graph is the lineage of one session: every RDD's node, from which plans are
// made, and the closures behind operators that no generated code was found for.
// It is safe for concurrent use.
type Graph struct {
	o      GraphOptions
	nextID atomic.Int64
	// nextLocal is apart: shuffles are named by nextID, and the order of rows
	// comes from the name. Closures must give that of generated code.
	nextLocal atomic.Int64

	mu     sync.Mutex
	local  map[plan.OpID]*Op
	warned map[string]bool
	// accumulators of the session, by number, and what there is to know of them.
	accumulators map[uint64]tallied
	tallies      tallies
}

// GraphOptions are what a Graph needs of its session.
type GraphOptions struct {
	// Seed places keys in partitions, the same for the whole session.
	Seed uint64
	// Release says that no RDD needs a shuffle any more.
	Release func(plan.StageKey)
	// ReleaseBlob says that no RDD needs a blob any more.
	ReleaseBlob func(plan.Digest)
	// ReleaseFiles says that the RDD of a file source is gone.
	ReleaseFiles func(plan.Files)
	// Notice tells the user something once: code that was never generated,
	// or not since its last change.
	Notice func(string)
	// Closures makes plans use the closures of this process only.
	Closures bool
	// Strict refuses operators that have no fresh generated code.
	Strict bool
	// BroadcastBelow is the most bytes of input that a side of a join may come from to
	// be read whole by every task; 0: none is.
	BroadcastBelow int64
	// SkewJoin is from how many bytes of a side of a join on a key may be hot, of sides that
	// are made of several times as much; 0: none is.
	SkewJoin int64
	// RowSums has what tasks shuffle be summed.
	RowSums bool
	// FileBytes gives the bytes of a file source, or a negative number where it cannot
	// know. It may be nil.
	FileBytes func(*plan.Files) int64
	// Fresh refuses operators whose code changed since it was generated, and
	// runs the closures of packages that never were.
	Fresh bool
}

// NewGraph makes an empty graph.
func NewGraph(o GraphOptions) *Graph {
	g := &Graph{o: o, local: map[plan.OpID]*Op{}, warned: map[string]bool{},
		accumulators: map[uint64]tallied{}}
	g.tallies.running = map[int]addedSoFar{}
	g.tallies.counted = map[plan.StageKey]plan.PartitionSet{}
	if g.o.Release == nil {
		g.o.Release = func(plan.StageKey) {}
	}
	return g
}

// release says that nothing refers to a shuffle, or the rows of a cached RDD.
func (g *Graph) release(key plan.StageKey) {
	g.uncount(key)
	g.o.Release(key)
}

// Local gives the operator of a closure, for the runner of this process.
func (g *Graph) Local(id plan.OpID) (*Op, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	op, ok := g.local[id]
	return op, ok
}

// nodeKind is how a node gets its rows.
type nodeKind uint8

const (
	sourceNode nodeKind = iota
	narrowNode
	unionNode
	wideNode
	cachedNode
	localNode
	savedNode
)

// origin is how a node gets its rows, and of which others.
type origin struct {
	kind    nodeKind
	parents []*Node
}

// Node is an RDD without its type: an operator and the nodes it reads. A node
// never changes, but for what its rows are made of once they were saved.
type Node struct {
	graph *Graph
	id    int64
	op    *Op
	part  string // of op, where it is not the whole
	dir   string
	site  plan.Site
	env   plan.Digest
	from  atomic.Pointer[origin]
	uncut atomic.Bool // it is not to be cut
	err   error

	source plan.Source // of source nodes; of local ones only what was cut
	level  plan.StorageLevel
	spent  atomic.Bool // of a cached node: it is not to be kept any more
	wide   Wide        // of wide nodes
	own    *placement  // of a wide node, where it takes over none
	wants  *placement  // how a wide node wants its parents placed
	how    how         // a join reads its sides
	twice  [2]how      // the rows of a side come where they are sampled and moved
	// placed is how the rows are placed, where no join that they come from is
	// scattered, which lying knows; nil when they are not.
	placed *placement

	below atomic.Int64            // bytes of input, and one; or unknownBytes; 0: nobody has asked
	ref   atomic.Pointer[plan.Op] // once resolved
	byRef atomic.Pointer[plan.Op] // of the function that places the parents' rows
}

// placement is a partitioner together with the node whose shuffle it
// describes. Two RDDs are placed alike when their placements are the same.
type placement struct {
	kind plan.PartitionerKind
	n    int
	by   *Node         // the partitioner's own node where n is open, or bounds decide
	fn   *Partitioning // where a function decides
}

func (p *placement) same(q *placement) bool {
	if p == nil || q == nil || p.kind != q.kind {
		return false
	}
	switch {
	case p.kind == plan.HashPartitioner && p.n != 0 && p.n == q.n:
		return true
	case p.kind == plan.FuncPartitioner:
		return p.n == q.n && p.fn.same(q.fn)
	}
	return p.by == q.by
}

// Wide describes how a wide operator reads its parents.
type Wide struct {
	Kind       plan.PartitionerKind
	N          int           // partitions; 0: the default
	By         *Partitioning // of a function partitioner
	Descending bool
	// Aligned says that nothing is moved: partition i reads partition i of each
	// parent, which have as many.
	Aligned bool
	// Coalesce is the number of partitions, at most, into which those of the parent
	// are put as they are; 0: it is no such operator.
	Coalesce int
	// Crossed says that each partition of one parent is read together with each of
	// the other.
	Crossed bool
	// Sinks has the part that writes each parent's shuffle.
	Sinks []string
	// Post says that the operator's own function runs after the shuffle.
	Post bool
	// Pre names a part that runs on rows before the shuffle: a sort's key.
	Pre string
	// Sampled says that bounds are found by sampling the rows.
	Sampled bool
	// Keep says that the result is placed as the shuffle placed it.
	Keep bool
	// SmallLeft and SmallRight say which of two parents may be read whole by every task
	// where it is small, the rows of the other staying where they are. Its rows of a hot key
	// may as well be read by several tasks, of which each has some of the other's.
	SmallLeft, SmallRight bool
	// BroadcastBelow is the most bytes of input that such a parent may come from; 0: as
	// the graph says, and where it pays; negative: none.
	BroadcastBelow int64
	// SkewJoin is from how many bytes of a parent on a key may be hot; 0: as the graph says,
	// and where it costs little to find out; negative: none is.
	SkewJoin int64
	// Class describes the rows that come out.
	Class plan.Class
}

// Call is where an operator was called, and with what.
type Call struct {
	Dir  string // directory of the file, as compiled
	Site plan.Site
	Env  plan.Digest // the With value
	Err  error       // why the operator cannot work; the first action reports it
}

// CallSite finds the call of the exported function that calls it, skip frames
// further up.
//
//go:noinline
func CallSite(skip int) Call {
	var pcs [1]uintptr
	runtime.Callers(skip+3, pcs[:])
	fr, _ := runtime.CallersFrames(pcs[:]).Next()
	dir, base := fr.File, fr.File
	if i := strings.LastIndexByte(fr.File, '/'); i >= 0 {
		dir, base = fr.File[:i], fr.File[i+1:]
	}
	return Call{Dir: dir, Site: plan.Site{File: base, Line: fr.Line, Func: fr.Function}}
}

func (g *Graph) node(kind nodeKind, op *Op, c Call, parents ...*Node) *Node {
	n := &Node{
		graph: g, id: g.nextID.Add(1), op: op, dir: c.Dir, site: c.Site, env: c.Env, err: op.misuse(c),
	}
	n.from.Store(&origin{kind, parents})
	for i, p := range parents {
		switch p = p.known(); {
		case p == nowhere:
			parents[i] = p
			n.err = errors.Join(n.err, fmt.Errorf("%s (%s): %w", op.Name, c.Site, p.err))
		case p.graph != g && p.graph != nowhere.graph && g != nowhere.graph:
			n.err = errors.Join(n.err, fmt.Errorf("%s (%s) mixes RDDs of two sessions", op.Name, c.Site))
		}
	}
	n.holds(c.Env)
	return n
}

// kind and parents are how the node gets its rows now.
func (n *Node) kind() nodeKind   { return n.from.Load().kind }
func (n *Node) parents() []*Node { return n.from.Load().parents }

// nowhere is the node of an RDD that is the zero value of its type.
var nowhere = newNowhere()

func newNowhere() *Node {
	n := &Node{graph: NewGraph(GraphOptions{}), err: errors.New("the RDD was not made by a session: it is the zero value of its type")}
	n.from.Store(&origin{})
	return n
}

// known gives a node that is one.
func (n *Node) known() *Node {
	if n == nil {
		return nowhere
	}
	return n
}

// Source makes a node that reads.
func (g *Graph) Source(op *Op, c Call, src plan.Source) *Node {
	n := g.node(sourceNode, op, c)
	if src.Files != nil {
		f := *src.Files
		f.ID = n.id
		src.Files = &f
		if release := g.o.ReleaseFiles; release != nil {
			runtime.AddCleanup(n, release, f)
		}
	}
	n.source = src
	if src.Data != nil {
		n.holds(src.Data.Blob)
	}
	return n
}

// holds gives a blob back when the node is gone.
func (n *Node) holds(blob plan.Digest) {
	if release := n.graph.o.ReleaseBlob; release != nil && blob != "" {
		runtime.AddCleanup(n, release, blob)
	}
}

// Narrow makes a node that takes rows one by one. keep says that keys stay, so
// that the rows are placed as before.
//
//go:noinline
func (n *Node) Narrow(op *Op, c Call, keep bool) *Node {
	n = n.known()
	m := n.graph.node(narrowNode, op, c, n)
	if keep {
		m.placed = n.placed
	}
	return m
}

// Part is Narrow with a part of an operator that has several.
func (n *Node) Part(op *Op, c Call, part string) *Node {
	m := n.Narrow(op, c, false)
	m.part = part
	return m
}

// Union makes a node of all partitions of several nodes.
//
//go:noinline
func (n *Node) Union(c Call, others ...*Node) *Node {
	n = n.known()
	return n.graph.node(unionNode, &Op{Name: "Union"}, c, append([]*Node{n}, others...)...)
}

// Cached makes a node of the same rows that keeps them once they were computed.
//
//go:noinline
func (n *Node) Cached(op *Op, c Call, level plan.StorageLevel) *Node {
	n = n.known()
	m := n.graph.node(cachedNode, op, c, n)
	m.placed, m.level = n.placed, level
	runtime.AddCleanup(m, n.graph.release, m.cacheKey())
	return m
}

// Uncache lets go of the rows that a cached node keeps, and keeps none any more.
// Actions may be at work that have read them: what was added to accumulators for them
// is still known.
func (n *Node) Uncache() {
	n = n.known()
	if n.kind() == cachedNode && !n.spent.Swap(true) {
		n.graph.o.Release(n.cacheKey())
	}
}

// Wide makes a node that reads its parents through a shuffle, where they are
// not already placed as it needs them.
func (n *Node) Wide(op *Op, c Call, w Wide, others ...*Node) *Node {
	n = n.known()
	m := n.graph.node(wideNode, op, c, append([]*Node{n}, others...)...)
	if w.N < 0 || w.N > plan.MaxPartitions {
		m.err = errors.Join(m.err, fmt.Errorf("%s (%s): %d partitions: give a number from 1 to %d", op.Name, c.Site, w.N, plan.MaxPartitions))
	}
	if w.By != nil {
		m.err = errors.Join(m.err, w.By.err)
		if w.N != w.By.N && w.By.err == nil {
			m.err = errors.Join(m.err, fmt.Errorf("%s (%s): Partitions(%d) beside a PartitionFunc of %d partitions: leave Partitions out", op.Name, c.Site, w.N, w.By.N))
		}
	}
	m.wide = w
	own := &placement{kind: w.Kind, n: w.N, by: m, fn: w.By}
	m.own = own
	if w.N == 0 && w.Kind == plan.HashPartitioner {
		// Take over a side's partitions rather than move both.
		for _, p := range m.parents() {
			if p.placed != nil && (p.placed.kind == w.Kind || p.placed.kind == plan.FuncPartitioner) {
				own = p.placed
				break
			}
		}
	}
	m.wants = own
	if w.Keep {
		m.placed = own
	}
	g := n.graph
	runtime.AddCleanup(m, func(keys []plan.StageKey) {
		for _, k := range keys {
			g.release(k)
		}
	}, m.stageKeys())
	return m
}

// Err gives the first error of the node or of what it reads.
//
//go:noinline
func (n *Node) Err() error {
	seen := map[*Node]bool{}
	for todo := []*Node{n.known()}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		if at.err != nil {
			return at.err
		}
		todo = append(todo, at.parents()...)
	}
	return nil
}

func (n *Node) shuffleKey(side int) plan.StageKey {
	return n.stageKey(n.wide.Sinks[side])
}

func (n *Node) stageKeys() []plan.StageKey {
	var keys []plan.StageKey
	for i := range n.wide.Sinks {
		keys = append(keys, n.shuffleKey(i))
	}
	if n.wide.Sampled {
		keys = append(keys, n.rowsKey(0), n.sampleKey(0), n.boundsKey())
	}
	if n.mayDeal() {
		keys = append(keys, n.rowsKey(0), n.rowsKey(1), n.sampleKey(0), n.sampleKey(1), n.hotKey())
	}
	return keys
}

// ofSide names what is done with a side beforehand: a part of the operator, and a stage.
func (n *Node) ofSide(side int, what string) string {
	if len(n.wide.Sinks) < 2 {
		return what
	}
	return n.wide.Sinks[side] + "." + what
}

func (n *Node) cacheKey() plan.StageKey          { return plan.StageKey(fmt.Sprintf("c%d", n.id)) }
func (n *Node) rowsKey(side int) plan.StageKey   { return n.stageKey(n.ofSide(side, "rows")) }
func (n *Node) sampleKey(side int) plan.StageKey { return n.stageKey(n.ofSide(side, "sample")) }
func (n *Node) boundsKey() plan.StageKey         { return n.stageKey("bounds") }
func (n *Node) hotKey() plan.StageKey            { return n.stageKey("hot") }

func (n *Node) stageKey(what string) plan.StageKey {
	return plan.StageKey(fmt.Sprintf("s%d.%s", n.id, what))
}
