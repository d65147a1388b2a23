// Package rdd is what runs: the lineage of RDDs, the registry of stage code,
// and the runner of tasks.
//
// An [Op] is one operator as stage code. The typed API makes one of each
// function it is given, and generated code registers the same, under an ID,
// with the same constructors (MapOp, ReduceByKeyOp, …). A [Graph] keeps the
// operators that a program calls as nodes, finds what is registered for them,
// and turns a node's lineage into a plan. A [Runner] runs a plan's tasks: it
// covers the operators of a pipe with the fewest registered kernels, and
// pushes batches of [Rows] through them from the source to the sink.
//
// What is generic here is compiled anew for every row type of a program: that
// should be loops over rows that call the user's functions, and little else.
// What such functions share is not generic, and marked go:noinline where
// inlining would put its closures into each instance.
//
// Users import package typed. The names here are for generated code.
package rdd
