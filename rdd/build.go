package rdd

import (
	"cmp"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Action is what is wanted of an RDD.
type Action struct {
	Op     *Op
	Call   Call
	Part   string // of the operator, where it is the sink
	Limit  int64
	Zero   plan.Digest
	Output *plan.Output
	Policy plan.Policy

	saves *Node // whose rows it writes, where that is not what Op does
}

// On is why the action cannot be run on a node at all, if it cannot.
func (a Action) On(n *Node) error {
	if n.known() == nowhere {
		return fmt.Errorf("%s (%s): %w", a.Op.Name, a.Call.Site, nowhere.err)
	}
	return cmp.Or(n.Err(), a.Op.misuse(a.Call))
}

// Plan turns a node's lineage into the plan of one action: stages cut at
// shuffles, parents first. Only what the node needs is in it. The result stage
// is new each time; shuffles keep their keys, so that what an earlier action
// left is found.
func (g *Graph) Plan(n *Node, a Action) (*plan.Plan, error) {
	if err := a.On(n); err != nil {
		return nil, err
	}
	b := &builder{graph: g, target: n, lying: lying{}, pipes: map[*Node]plan.Pipe{}, inexact: map[*Node]bool{}, ends: map[*plan.Op]int{}, made: map[plan.StageKey]bool{}, barriers: map[plan.OpID]bool{}, plan: &plan.Plan{
		Action: a.Op.Name, Site: a.Call.Site, Seed: g.o.Seed, Output: a.Output, Policy: a.Policy, RowSums: g.o.RowSums,
	}}
	if err := b.lineage(n); err != nil {
		return nil, err
	}
	op, err := a.refer(g)
	if err != nil {
		return nil, err
	}
	b.plan.Target = plan.StageKey(fmt.Sprintf("r%d", g.nextID.Add(1)))
	sink := plan.Sink{Op: op, Limit: a.Limit, Zero: a.Zero, Staged: a.Output != nil}
	if part, ok := a.Op.Parts[a.Part].(*SinkPart); ok {
		sink.Effects = part.effects
	}
	b.stage(plan.Stage{Key: b.plan.Target, Kind: plan.ResultStage, Inexact: b.inexact[n], Pipe: b.pipes[n], Sink: sink})
	b.blobs()
	if b.nesting > plan.MaxNesting {
		return nil, fmt.Errorf("%s (%s): %d RDDs are kept or joined where they lie, each made of the one before: the most is %d: use Checkpoint on the way",
			a.Op.Name, a.Call.Site, b.nesting-1, plan.MaxNesting-1)
	}
	if local(op.ID) && a.saves == nil {
		runtime.AddCleanup(b.plan, g.forget, op.ID)
	}
	return b.plan, nil
}

// refer gives the action's operator as a plan names it.
func (a *Action) refer(g *Graph) (plan.Op, error) {
	if a.saves != nil {
		ref, err := a.saves.refer()
		return savedAs(ref, savePart), err
	}
	ref, err := g.refer(a.Op, a.Call)
	return withPart(ref, a.Part), err
}

// builder makes a plan. pipes has the pipe that gives the rows of each node
// done so far; pipes share slices and are only ever copied, never changed.
type builder struct {
	graph *Graph
	plan  *plan.Plan
	pipes map[*Node]plan.Pipe
	made  map[plan.StageKey]bool // the plan's stages
	// inexact has the nodes whose rows may differ in a last bit when they are made again.
	inexact map[*Node]bool
	// target is what is wanted; used says how often each node's rows would be made.
	target *Node
	used   map[*Node]int
	// relied says of which nodes' placement the plan makes use.
	relied map[*Node]bool
	// lying says how the rows of the nodes done so far are placed.
	lying lying
	// nesting is how many pipes are inside one another, at most.
	nesting int
	// barriers are the operators so far whose tasks wait for one another.
	barriers map[plan.OpID]bool
	// ends says how many operators are in use of each array that pipes share,
	// known by its first.
	ends map[*plan.Op]int
}

// lineage builds the pipes of all nodes that n needs, parents first. Lineage
// can be longer than any stack: it is walked with a list.
func (b *builder) lineage(n *Node) error {
	todo := []*Node{n}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		if _, done := b.pipes[at]; done {
			todo = todo[:len(todo)-1]
			continue
		}
		ready := true
		for _, p := range at.parents() {
			if _, done := b.pipes[p]; !done {
				todo, ready = append(todo, p), false
			}
		}
		if !ready {
			continue
		}
		todo = todo[:len(todo)-1]
		pipe, err := b.pipe(at)
		if err != nil {
			return err
		}
		b.pipes[at] = pipe
		if at.op.inexact || slices.ContainsFunc(at.parents(), func(p *Node) bool { return b.inexact[p] }) {
			b.inexact[at] = true
		}
		b.lying.add(at)
	}
	return nil
}

func (b *builder) pipe(n *Node) (plan.Pipe, error) {
	if err := b.apart(n); err != nil {
		return plan.Pipe{}, err
	}
	if n.kind() == unionNode {
		p := plan.Pipe{Source: plan.Source{Union: []plan.Pipe{}}}
		for _, parent := range n.parents() {
			if pipe := b.pipes[parent]; pipe.Source.Union != nil {
				p.Source.Union = append(p.Source.Union, pipe.Source.Union...) // it has no operators of its own
			} else {
				p.Source.Union = append(p.Source.Union, pipe)
			}
		}
		return p, nil
	}
	ref, err := n.refer()
	if err != nil {
		return plan.Pipe{}, err
	}
	switch n.kind() {
	case sourceNode:
		src := n.source
		src.Op = ref
		if n.part == savedPart {
			src.Op = savedAs(ref, savedPart)
		}
		return plan.Pipe{Source: src}, nil
	case narrowNode:
		if n.op.barrier(n.part) {
			b.barriers[ref.ID] = true
		}
		ref.Placed = b.sorted(n)
		pipe := b.pipes[n.parents()[0]]
		if pipe.Source.Union != nil && n.op.numbered(n.part) {
			pipe = whole(pipe, ref)
		}
		return b.then(pipe, ref), nil
	case cachedNode:
		pipe := b.pipes[n.parents()[0]]
		if n.spent.Load() {
			return pipe, nil
		}
		return plan.Pipe{Source: plan.Source{
			Op: ref, Wide: []plan.Input{{Pipe: &pipe}}, Cached: &plan.Cached{Key: n.cacheKey(), Level: n.level, Counted: b.graph.counted(n.cacheKey())},
		}}, nil
	case localNode:
		return b.local(n, ref), nil
	case savedNode:
		return b.pipes[n.parents()[0]], nil
	}
	return b.widePipe(n, ref)
}

// whole gives a pipe of all partitions of a union's, for an operator that makes use of
// their numbers: in the pipes of the union it would see those of each.
func whole(union plan.Pipe, op plan.Op) plan.Pipe {
	read := plan.Op{ID: coalesce.builtin, Part: "reduce", Name: "Union", Site: op.Site}
	return plan.Pipe{Source: plan.Source{Op: read, Wide: []plan.Input{{Pipe: &union}}}}
}

// numbered says whether the operator makes use of which partition it is given.
func (o *Op) numbered(part string) bool {
	p, ok := o.Parts[part].(*Across)
	return ok && p.numbered
}

// then gives the pipe with one more operator. That of a union goes into each
// of its pipes, so that a kernel may cover it together with what is before.
func (b *builder) then(p plan.Pipe, op plan.Op) plan.Pipe {
	if p.Source.Union == nil {
		p.Ops = b.extend(p.Ops, op)
		return p
	}
	pipes := make([]plan.Pipe, len(p.Source.Union))
	for i, child := range p.Source.Union {
		pipes[i] = b.then(child, op)
	}
	p.Source.Union = pipes
	return p
}

// extend gives the operators with one more. Of the pipes that share an array
// the longest goes on in it, and others copy theirs: so a long chain is built
// in time that grows with its length, not with the square of it.
func (b *builder) extend(ops []plan.Op, op plan.Op) []plan.Op {
	if len(ops) == 0 || b.ends[&ops[0]] != len(ops) {
		ops = append(make([]plan.Op, 0, len(ops)+4), ops...)
	}
	ops = append(ops, op)
	b.ends[&ops[0]] = len(ops)
	return ops
}

func withPart(op plan.Op, part string) plan.Op {
	op.Part = part
	return op
}

// widePipe adds the stages that shuffle a wide node's parents, and gives the
// pipe that reads them.
func (b *builder) widePipe(n *Node, ref plan.Op) (plan.Pipe, error) {
	switch is := b.decide(n); {
	case is >= leftSmall:
		return b.broadcast(n, ref, int(is-leftSmall)), nil
	case is > bothMoved:
		return b.dealt(n, ref, is), nil
	}
	wants := b.lying.wanted(n)
	src := plan.Source{Op: withPart(ref, "reduce"), Descending: n.wide.Descending, Crossed: n.wide.Crossed}
	if n.wide.Coalesce > 0 {
		src.Coalesced = &plan.Coalesced{N: n.wide.Coalesce}
	}
	for i, parent := range n.parents() {
		pipe := b.pipes[parent]
		if b.lying.inPlace(n, i) {
			src.Wide = append(src.Wide, plan.Input{Pipe: &pipe})
			continue
		}
		if n.wide.Pre != "" {
			pipe = b.then(pipe, withPart(ref, n.wide.Pre))
		}
		part := plan.Partitioner{Kind: wants.kind, N: wants.n, Descending: n.wide.Descending}
		if by := wants.fn; by != nil {
			ref, err := n.referTo(&n.byRef, by.op, by.call)
			if err != nil {
				return plan.Pipe{}, err
			}
			part.By = &ref
		}
		if n.wide.Sampled {
			pipe = b.kept(n, ref, i, pipe)
			b.sample(n, ref, i, pipe, 0)
			b.bounds(n, ref)
			part.Bounds = n.boundsKey()
		}
		key := n.shuffleKey(i)
		b.stage(plan.Stage{
			Key: key, Kind: plan.MapStage, Class: n.wide.Class, Inexact: b.inexact[parent],
			Pipe: pipe, Sink: plan.Sink{Op: withPart(ref, n.wide.Sinks[i]), Part: &part},
		})
		src.Wide = append(src.Wide, plan.Input{Shuffle: key})
	}
	p := plan.Pipe{Source: src}
	if n.wide.Post {
		p.Ops = []plan.Op{ref}
	}
	return p, nil
}

// How the rows of a side come twice.
const (
	runTwice int32 = undecided + 1 + iota
	keptApart
)

// kept gives a pipe of the rows of one side that is cheap to run twice, for the sample
// and to move them. One that begins at files is run twice as it is. What is behind
// a shuffle is not: groups would be merged twice, and the user's functions run on
// them twice; and neither is one whose tasks wait for one another. A stage keeps their rows.
// That is decided once: later plans have the stages of earlier ones, even where what was
// cached is not any more.
func (b *builder) kept(n *Node, ref plan.Op, side int, rows plan.Pipe) plan.Pipe {
	is := keptApart
	if _, waits := b.waits(&rows); !waits && (rows.Source.Cached != nil || !readsWide(&rows)) {
		is = runTwice
	}
	if n.twice[side].decide(is) == runTwice {
		return rows
	}
	return b.keep(n, ref, side, plan.Stage{Class: n.wide.Class, Inexact: b.inexact[n.parents()[side]], Pipe: rows})
}

// keep adds a stage that keeps the rows of its pipe where they are, and gives the
// pipe that reads them there.
func (b *builder) keep(n *Node, ref plan.Op, side int, st plan.Stage) plan.Pipe {
	st.Key, st.Kind = n.rowsKey(side), plan.MapStage
	st.Sink = plan.Sink{Op: withPart(ref, n.ofSide(side, "rows")), Part: &plan.Partitioner{Kind: plan.SinglePartitioner, N: 1}}
	b.stage(st)
	return plan.Pipe{Source: plan.Source{Op: withPart(ref, n.ofSide(side, "kept")), Wide: []plan.Input{{Shuffle: n.rowsKey(side), Own: true}}}}
}

// readsWide says whether the pipe reads anything by way of a wide operator.
func readsWide(p *plan.Pipe) (wide bool) {
	eachPipe(p, func(p *plan.Pipe) { wide = wide || p.Source.Wide != nil })
	return wide
}

// sample adds the stage that samples the rows of one side, so many of each partition at
// most; 0: all.
func (b *builder) sample(n *Node, ref plan.Op, side int, rows plan.Pipe, most int64) {
	b.stage(plan.Stage{
		Key: n.sampleKey(side), Kind: plan.MapStage, Inexact: b.inexact[n.parents()[side]], Pipe: rows,
		Sink: plan.Sink{Op: withPart(ref, n.ofSide(side, "sample")), Limit: most, Part: &plan.Partitioner{Kind: plan.SinglePartitioner, N: 1}},
	})
}

// bounds adds the stage that finds the bounds of a range partitioner.
func (b *builder) bounds(n *Node, ref plan.Op) {
	b.stage(plan.Stage{
		Key: n.boundsKey(), Kind: plan.ValueStage,
		Pipe: plan.Pipe{Source: plan.Source{Op: withPart(ref, "samples"), Wide: []plan.Input{{Shuffle: n.sampleKey(0)}}}},
		Sink: plan.Sink{
			Op:   withPart(ref, "bounds"),
			Part: &plan.Partitioner{Kind: plan.RangePartitioner, N: n.wants.n, Descending: n.wide.Descending},
		},
	})
}

// stage adds a stage, with its parents read off its pipe.
func (b *builder) stage(s plan.Stage) {
	if b.made[s.Key] {
		return
	}
	b.made[s.Key] = true
	seen := map[plan.StageKey]bool{"": true}
	add := func(key plan.StageKey, kind plan.ParentKind) {
		if !seen[key] {
			seen[key] = true
			s.Parents = append(s.Parents, plan.Parent{Key: key, Kind: kind})
		}
	}
	b.nesting = max(b.nesting, eachPipe(&s.Pipe, func(p *plan.Pipe) {
		for _, in := range p.Source.Wide {
			add(in.Shuffle, plan.Wide)
		}
		for _, op := range p.Ops {
			if op.Placed != nil {
				add(op.Placed.Bounds, plan.Value)
			}
		}
	}))
	if part := s.Sink.Part; part != nil {
		add(part.Bounds, plan.Value)
		add(part.Hot, plan.Value)
	}
	_, s.Barrier = b.waits(&s.Pipe)
	s.Name = stageName(&s)
	b.plan.Stages = append(b.plan.Stages, s)
}

// eachPipe visits a pipe and all pipes inside it, and gives how many are inside one
// another.
func eachPipe(p *plan.Pipe, visit func(*plan.Pipe)) (nesting int) {
	type inner struct {
		p     *plan.Pipe
		depth int
	}
	todo := []inner{{p, 1}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		nesting = max(nesting, at.depth)
		visit(at.p)
		for i := range at.p.Source.Union {
			todo = append(todo, inner{&at.p.Source.Union[i], at.depth + 1})
		}
		for i := range at.p.Source.Wide {
			if side := at.p.Source.Wide[i].Pipe; side != nil {
				todo = append(todo, inner{side, at.depth + 1})
			}
		}
	}
	return nesting
}

// blobs lists what the plan's stages need beside it.
func (b *builder) blobs() {
	seen := map[plan.Digest]bool{"": true}
	add := func(d plan.Digest) {
		if !seen[d] {
			seen[d] = true
			b.plan.Blobs = append(b.plan.Blobs, d)
		}
	}
	for i := range b.plan.Stages {
		s := &b.plan.Stages[i]
		add(s.Sink.Op.Env)
		add(s.Sink.Zero)
		eachPipe(&s.Pipe, func(p *plan.Pipe) {
			add(p.Source.Op.Env)
			if p.Source.Data != nil {
				add(p.Source.Data.Blob)
			}
			for _, op := range p.Ops {
				add(op.Env)
			}
		})
	}
}

// stageName lists a stage's operators, as people read them.
func stageName(s *plan.Stage) string {
	names := pipeNames(&s.Pipe)
	last := s.Sink.Op.Name
	switch what := s.Sink.Op.Part[strings.LastIndexByte(s.Sink.Op.Part, '.')+1:]; what {
	case "sample", "bounds":
		last += " " + what
	case "hot":
		last += " hot keys"
	}
	if len(names) == 0 || names[len(names)-1] != last {
		names = append(names, last)
	}
	return strings.Join(names, " → ")
}

func pipeNames(p *plan.Pipe) (names []string) {
	pipes := []*plan.Pipe{p} // the last is the first to run
	for in := continued(&p.Source); in != nil; in = continued(&p.Source) {
		p = in
		pipes = append(pipes, p)
	}
	for _, p := range slices.Backward(pipes) {
		if p.Source.Union != nil {
			names = append(names, "Union")
			if len(p.Source.Union) > 0 {
				// All of them go on alike.
				names = append(names, commonOps(p.Source.Union)...)
			}
			continue
		}
		name := p.Source.Op.Name
		if names = append(names, name); p.Source.Broadcast {
			names[len(names)-1] += " by broadcast"
		}
		for _, op := range p.Ops {
			if name != op.Name {
				names = append(names, op.Name)
			}
			name = op.Name
		}
	}
	return names
}

// continued gives the pipe whose rows a source goes on with in the same tasks: one that
// people see as one with what follows. Nil: there is none.
func continued(src *plan.Source) *plan.Pipe {
	if (src.Cached != nil || src.Coalesced != nil) && len(src.Wide) > 0 {
		return src.Wide[0].Pipe
	}
	return src.Streamed()
}

// commonOps names the operators at the end of all pipes of a union, which were
// applied to the union itself.
func commonOps(pipes []plan.Pipe) []string {
	var names []string
	first := pipes[0].Ops
	for i := len(first) - 1; i >= 0; i-- {
		back := len(first) - i
		for _, p := range pipes[1:] {
			if len(p.Ops) < back || p.Ops[len(p.Ops)-back].Ref() != first[i].Ref() || p.Ops[len(p.Ops)-back].Site != first[i].Site {
				slices.Reverse(names)
				return names
			}
		}
		names = append(names, first[i].Name)
	}
	slices.Reverse(names)
	return names
}

// refer gives the operator as a plan names it.
func (n *Node) refer() (plan.Op, error) {
	ref, err := n.referTo(&n.ref, n.op, Call{Dir: n.dir, Site: n.site, Env: n.env})
	ref.Part = n.part
	return ref, err
}

// referTo gives an operator of the node as a plan names it, which known has once it
// was asked for.
func (n *Node) referTo(known *atomic.Pointer[plan.Op], op *Op, c Call) (plan.Op, error) {
	if ref := known.Load(); ref != nil {
		return *ref, nil
	}
	ref, err := n.graph.refer(op, c)
	if err != nil {
		return ref, err
	}
	if !known.CompareAndSwap(nil, &ref) {
		n.graph.forget(ref.ID) // another action was first
		return *known.Load(), nil
	}
	if local(ref.ID) {
		runtime.AddCleanup(n, n.graph.forget, ref.ID)
	}
	return ref, nil
}

// refer finds the generated code of an operator, or keeps its closure under an
// ID that counts in this process alone.
func (g *Graph) refer(op *Op, c Call) (plan.Op, error) {
	ref := plan.Op{ID: op.builtin, Name: op.Name, Site: c.Site, Env: c.Env}
	if op.builtin != "" {
		return ref, nil
	}
	if !g.o.Closures {
		id, unfit := g.generated(op, c)
		if unfit == nil {
			ref.ID = id
			return ref, nil
		}
		if g.o.Strict || g.o.Fresh && unfit.Stale {
			unfit.Refused = true
			return ref, fmt.Errorf("%s (%s): %w", op.Name, c.Site, unfit)
		}
		g.notice(unfit.Error())
	}
	ref.ID = plan.OpID(fmt.Sprintf("%s%d", localPrefix, g.nextLocal.Add(1)))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.local[ref.ID] = op
	return ref, nil
}

// localPrefix begins the IDs of closures.
const localPrefix = "local-"

func local(id plan.OpID) bool { return strings.HasPrefix(string(id), localPrefix) }

// forget lets go of a closure that no plan names any more.
func (g *Graph) forget(id plan.OpID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.local, id)
}

// generated looks an operator up in the registry, and says why it is not there
// or may not be used.
func (g *Graph) generated(op *Op, c Call) (plan.OpID, *CodeError) {
	id, p, ok := registered.find(c.Dir, c.Site, op)
	switch {
	case p == nil:
		return "", &CodeError{What: "the package in " + path.Base(c.Dir) + " was not generated", Dir: c.Dir}
	case len(p.stale) > 0:
		return "", p.staleError()
	case !ok:
		return "", p.unregistered(op, c)
	}
	return id, nil
}

func (g *Graph) notice(text string) {
	g.mu.Lock()
	seen := g.warned[text]
	g.warned[text] = true
	g.mu.Unlock()
	if !seen && g.o.Notice != nil {
		g.o.Notice(text)
	}
}
