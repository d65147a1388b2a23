package rdd

import "github.com/gordd-project/gordd/rdd/plan"

// Explain says how a plan's stages would run in this process.
func (g *Graph) Explain(p *plan.Plan) []plan.StageExplain {
	r := NewRunner(RunnerOptions{Local: g.Local})
	stages := make([]plan.StageExplain, len(p.Stages))
	for i := range p.Stages {
		s := &p.Stages[i]
		stages[i] = plan.StageExplain{Stage: *s, Pipe: g.explainPipe(r, &s.Pipe, &end{op: s.Sink.Op})}
	}
	return stages
}

func (g *Graph) explainPipe(r *Runner, p *plan.Pipe, e *end) plan.PipeExplain {
	x := plan.PipeExplain{Source: p.Source.Op}
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
		piece := plan.PieceExplain{Ops: append([]plan.Op(nil), p.Ops[s.from:min(s.to, len(p.Ops))]...)}
		if s.to > len(p.Ops) {
			piece.Ops, sunk = append(piece.Ops, e.op), true
		}
		piece.Way, piece.Why = g.way(&s, piece.Ops)
		x.Pieces = append(x.Pieces, piece)
	}
	if !sunk {
		x.Pieces = append(x.Pieces, plan.PieceExplain{Ops: []plan.Op{e.op}, Way: g.sinkWay(e.op)})
	}
	explainSeams(x.Pieces)
	return x
}

// way says how one segment runs.
func (g *Graph) way(s *segment, ops []plan.Op) (plan.Way, string) {
	switch {
	case len(ops) > 1:
		return plan.Fused, ""
	case s.kernel != nil:
		return plan.Compiled, ""
	}
	if op, ok := registered.op(ops[0].ID); ok {
		if _, ok := op.Parts[ops[0].Part].(*Across); ok {
			return plan.Whole, "it sees the partition as a whole"
		}
		return plan.Composed, ""
	}
	if op, ok := g.Local(ops[0].ID); ok {
		if _, ok := op.Parts[ops[0].Part].(*Across); ok {
			return plan.Whole, "it sees the partition as a whole"
		}
	}
	return plan.Closure, "no fresh generated code for it: run go generate"
}

func (g *Graph) sinkWay(op plan.Op) plan.Way {
	if _, ok := registered.op(op.ID); ok {
		return plan.Composed
	}
	return plan.Closure
}

// explainSeams says why neighbours that both have generated code are not one
// loop.
func explainSeams(pieces []plan.PieceExplain) {
	for i := 1; i < len(pieces); i++ {
		a, b := &pieces[i-1], &pieces[i]
		if b.Why == "" && a.Way != plan.Whole && a.Way != plan.Closure && b.Way != plan.Whole && b.Way != plan.Closure && i < len(pieces)-1 {
			b.Why = "this chain is put together at run time, or crosses a package"
		}
	}
}
