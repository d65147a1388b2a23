// Package worker is a member of a cluster that runs tasks: the agent of a
// machine. It holds a stream to the master, starts a process for each job that
// has tasks here, owns the files that those leave, and serves them to other
// workers. It runs no user code itself.
//
// It acts for its master as long as it has a lease, which counts from the sending of
// what was answered. Without one it begins nothing, and lets go of what it
// has step by step.
//
// One goroutine, the loop, owns the worker's state. What the stream brings, what
// attempts report and what timers say comes to it as functions.
package worker
