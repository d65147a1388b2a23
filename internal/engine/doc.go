// Package engine turns the decisions of the scheduler into effects: it lists
// inputs, prepares and publishes outputs, dresses launches with what workers
// need, tells drivers what becomes of their actions, and the scheduler what came
// of it all.
//
// One goroutine, the loop, owns the scheduler. Everything else sends it events
// and may not look at its state. The loop takes the events that are there, gives
// them to the scheduler with one reading of the clock, and carries out its
// commands grouped by receiver. It never polls: one timer stands for whatever the
// scheduler waits for.
//
// Who the workers and the drivers are the engine does not know: commands leave it
// through [Effects]. In a user's process they are calls, see package embedded.
package engine
