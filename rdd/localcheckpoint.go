package rdd

import (
	"fmt"
	"runtime"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// LocalCheckpointOp has each partition's rows kept as the output of a map task, where
// that ran: parts "rows" and "kept" write and read them, "cut" stands for what they
// were made of, and "" is the sink of an action that wants them made and none of them.
func LocalCheckpointOp[T any]() *Op {
	like := (*Rows[T])(nil)
	return of((*T)(nil), many("LocalCheckpoint", nil, map[string]Part{
		"": nothing, "rows": keepPart(like), "kept": readPart(like), "cut": cutPart,
	}))
}

// keepPart writes the rows of a task as they are, to be read by one of its number.
func keepPart(like batch) *SinkPart {
	return writerPart(like, func(*Task, *plan.Sink, *codec.Type) (shuffle.Placer, error) { return shuffle.Single, nil })
}

// cutPart is run where the output of a task is lost, and wanted again.
var cutPart = &SourcePart{open: func(_ *Task, in *Input) (Run, error) {
	return nil, fmt.Errorf("partition %d of the rows of %s is gone, with the worker or the disk that had it, and there is nothing left to make it of: use Checkpoint, whose files survive that",
		in.partition, opName(in.spec.Op))
}}

// nothing is a sink that wants no rows.
var nothing = &SinkPart{open: func(*Task, *plan.Sink) (sink, error) { return nothingSink{}, nil }}

type nothingSink struct{}

func (nothingSink) feed(any) bool             { return false }
func (nothingSink) target() any               { return nil }
func (nothingSink) flush() bool               { return false }
func (nothingSink) finish(*plan.Result) error { return nil }
func (nothingSink) abort()                    {}

// Local makes a node of a node's rows that keeps them as the outputs of map tasks, once
// an action wants them. It is for one action, which Cut or Discard must follow.
func (n *Node) Local(op *Op, c Call) *Node {
	n = n.known()
	m := n.graph.node(localNode, op, c, n)
	m.placed = n.placed
	return m
}

// Cut makes a node of what a Local one keeps, and of nothing else: what that was made
// of is not needed any more.
func (n *Node) Cut(c Call, st plan.ActionStatus) *Node {
	m := n.graph.node(localNode, n.op, c)
	m.id = n.id // the output's name
	m.source.Cut = &plan.Cut{N: st.Partitions}
	for i := range st.Stages {
		if st.Stages[i].Key == n.rowsKey(0) {
			m.source.Cut.Bytes = st.Stages[i].Counters.ShuffleWrite
		}
	}
	m.placed = n.lies().of(m, st.Partitions)
	runtime.AddCleanup(m, n.graph.release, m.rowsKey(0))
	return m
}

// Discard lets go of what a Local node keeps.
func (n *Node) Discard() { n.graph.release(n.rowsKey(0)) }

// of gives the placement as that of rows that are read from where they were put, in so
// many partitions, by a node; nil where it says nothing of them.
func (p *placement) of(n *Node, partitions int) *placement {
	if p == nil || p.kind != plan.HashPartitioner && p.kind != plan.FuncPartitioner {
		return nil
	}
	return &placement{kind: p.kind, n: partitions, by: n, fn: p.fn}
}

// local adds the stage that keeps a local node's rows, and gives the pipe that reads
// them.
func (b *builder) local(n *Node, ref plan.Op) plan.Pipe {
	if n.source.Cut == nil {
		rows := n.parents()[0]
		return b.keep(n, ref, 0, plan.Stage{Class: plan.Determinate, Inexact: b.inexact[rows], Pipe: b.pipes[rows], Local: true})
	}
	rows := plan.Pipe{Source: plan.Source{Op: withPart(ref, "cut"), Cut: n.source.Cut}}
	return b.keep(n, ref, 0, plan.Stage{Class: plan.Determinate, Pipe: rows})
}
