// Package cgroup bounds what the processes that a worker starts take of its
// machine, by Linux control groups: each executor has one with a limit of memory.
// CPU time is shared out rather than limited: when there is too little, executors
// have together what the worker's slots are worth, and equal parts of that.
//
// Groups are made inside the worker's own one, so that what bounds the worker
// bounds them too. Both versions of control groups do, and one controller may be of
// the first while the other is of the second. Where the worker may not make groups
// there is no [Tree], and executors run without.
//
// A process is in its group before it runs anything. What a worker leaves behind
// when it is killed, the next one inside the same group removes: a lock on the
// directory tells that its owner is gone.
package cgroup

// Usage is what a group has used until its end.
type Usage struct {
	// Killed says that the system killed a process of the group because that was at
	// its limit of memory.
	Killed bool
	// Peak is the most bytes of memory that it had at a time, cached files
	// included; 0 where that is not known.
	Peak int64
}
