// Package engine turns the decisions of the scheduler into effects: it lists
// inputs, prepares and publishes outputs, hands attempts to an executor, passes
// results to whoever asked, and tells the scheduler what came of it.
//
// One goroutine, the loop, owns the scheduler. Everything else sends it events
// and may not look at its state: the slots that run attempts, the goroutines
// that work on storage, and the callers of [Engine.Do]. The loop takes the
// events that are there, gives them to the scheduler with one reading of the
// clock, and carries out its commands grouped by receiver. It never polls: one
// timer stands for whatever the scheduler waits for.
//
// Commands leave the loop through [Effects]. The embedded engine, which this
// package gives with [New], is the one whose effects stay in the process: one
// worker with a fixed number of slots, one driver, no journal.
//
// An engine is one job. Within it a stage is the same data by its key, so a
// later action finds the shuffles of an earlier one, and a file source is
// listed once.
//
//	e := engine.New(engine.Options{Slots: 4, Scratch: dir}, runner)
//	defer e.Close()
//	status, err := e.Do(ctx, encoded, engine.Action{Result: take})
package engine
