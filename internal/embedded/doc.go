// Package embedded is the engine inside a user's process: the same scheduler,
// engine, agent and driver as a cluster's, joined by calls. There is one job, one
// worker with a fixed number of slots, and no journal.
//
// A stage is the same data by its key, so a later action finds the shuffles of an
// earlier one, and a file source is listed once.
//
//	e := embedded.New(embedded.Options{Slots: 4, Scratch: dir}, runner)
//	defer e.Close()
//	status, err := e.Do(ctx, encoded, driver.Action{Result: take})
package embedded
