package rdd

import "github.com/gordd-project/gordd/rdd/plan"

// Way is how operators run.
type Way string

// The ways in which operators run.
const (
	Fused    Way = "fused"    // several operators in one generated loop
	Compiled Way = "compiled" // one operator as a generated loop
	Composed Way = "composed" // one operator as generated code, called by the library's loop
	Closure  Way = "closure"  // the program's own function, called by the library's loop
	Whole    Way = "whole"    // an operator that sees the partition as a whole
)

// PieceExplain is a run of operators that are executed together.
type PieceExplain struct {
	Ops []plan.Op
	Way Way
	Why string // why they are not fused with what is around them; empty when nothing could be
}

// PipeExplain is how a pipe runs: its source, then its pieces. The last piece
// may end with the stage's sink.
type PipeExplain struct {
	Source plan.Op
	Union  []PipeExplain
	Inputs []PipeExplain // narrow sides of a wide operator
	Pieces []PieceExplain
}

// StageExplain is how a stage runs.
type StageExplain struct {
	Stage plan.Stage
	Pipe  PipeExplain
}

// Explain says how a plan's stages would run in this process.
func (g *Graph) Explain(p *plan.Plan) []StageExplain {
	r := NewRunner(RunnerOptions{Local: g.Local})
	stages := make([]StageExplain, len(p.Stages))
	for i := range p.Stages {
		s := &p.Stages[i]
		stages[i] = StageExplain{Stage: *s, Pipe: g.explainPipe(r, &s.Pipe, &end{op: s.Sink.Op})}
	}
	return stages
}

func (g *Graph) explainPipe(r *Runner, p *plan.Pipe, e *end) PipeExplain {
	x := PipeExplain{Source: p.Source.Op}
	for i := range p.Source.Union {
		x.Union = append(x.Union, g.explainPipe(r, &p.Source.Union[i], e))
	}
	if x.Union != nil {
		return x
	}
	for _, in := range p.Source.Wide {
		if in.Pipe != nil {
			x.Inputs = append(x.Inputs, g.explainPipe(r, in.Pipe, nil))
		}
	}
	sunk := e == nil
	for _, s := range r.find(p, e) {
		piece := PieceExplain{Ops: append([]plan.Op(nil), p.Ops[s.from:min(s.to, len(p.Ops))]...)}
		if s.to > len(p.Ops) {
			piece.Ops, sunk = append(piece.Ops, e.op), true
		}
		piece.Way, piece.Why = g.way(&s, piece.Ops)
		x.Pieces = append(x.Pieces, piece)
	}
	if !sunk {
		x.Pieces = append(x.Pieces, PieceExplain{Ops: []plan.Op{e.op}, Way: g.sinkWay(e.op)})
	}
	explainSeams(x.Pieces)
	return x
}

// way says how one segment runs.
func (g *Graph) way(s *segment, ops []plan.Op) (Way, string) {
	switch {
	case len(ops) > 1:
		return Fused, ""
	case s.kernel != nil:
		return Compiled, ""
	}
	if op, ok := registered.op(ops[0].ID); ok {
		if _, ok := op.Parts[ops[0].Part].(*Across); ok {
			return Whole, "it sees the partition as a whole"
		}
		return Composed, ""
	}
	if op, ok := g.Local(ops[0].ID); ok {
		if _, ok := op.Parts[ops[0].Part].(*Across); ok {
			return Whole, "it sees the partition as a whole"
		}
	}
	return Closure, "no fresh generated code for it: run go generate"
}

func (g *Graph) sinkWay(op plan.Op) Way {
	if _, ok := registered.op(op.ID); ok {
		return Composed
	}
	return Closure
}

// explainSeams says why neighbours that both have generated code are not one
// loop.
func explainSeams(pieces []PieceExplain) {
	for i := 1; i < len(pieces); i++ {
		a, b := &pieces[i-1], &pieces[i]
		if b.Why == "" && a.Way != Whole && a.Way != Closure && b.Way != Whole && b.Way != Closure && i < len(pieces)-1 {
			b.Why = "this chain is put together at run time, or crosses a package"
		}
	}
}
