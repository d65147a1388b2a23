// Package agent is a worker's side of the engine: it runs the attempts that the
// scheduler launches in its slots, those that come before there is a slot in their
// order, keeps what they leave until it is told that
// nobody needs it, and reports what becomes of them.
//
// An agent is not a process and has no clock. Whoever owns it calls its methods
// from one goroutine and passes its reports on: the embedded engine from the
// loop that owns the scheduler, a worker of a cluster from its connection to the
// master.
package agent
