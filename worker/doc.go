// Package worker is a member of a cluster that runs tasks: the agent of a
// machine. It holds a stream to the master, starts a process for each job that
// has tasks here, owns the files that those leave, and serves them to other
// workers. It runs no user code itself.
//
// One goroutine, the loop, owns the worker's state. What the stream brings, what
// attempts report and what timers say comes to it as functions.
package worker
