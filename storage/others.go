package storage

import "sync/atomic"

var others atomic.Bool

// ServeOthers says that this process reads and writes for others than who started it, as masters,
// workers and executors do. Stores that know their users by credentials refuse from then on: those
// of the process are not for everybody. Main functions call it before anything else.
func ServeOthers() { others.Store(true) }

// ServesOthers says whether [ServeOthers] was called.
func ServesOthers() bool { return others.Load() }
