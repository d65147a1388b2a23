// Package sched is the scheduler: one pure state machine, run by a cluster's
// master and by the embedded engine alike.
//
// Step takes the time and one event and returns commands. The machine has no
// goroutine, reads no clock and does no I/O; equal events give equal commands.
// Six ideas carry it:
//
//  1. A stage has one table of tasks for its whole life. A retry never makes a
//     second one, so there is one place that knows which partitions are done.
//  2. The generation of a stage is about correctness, the try is a count. Gen
//     rises only when old rows must not be mixed with new ones; no message is
//     refused because of a try.
//  3. Consistency is a field, not a moment. An attempt carries the generations
//     of all it reads, and a success counts iff all are still current.
//  4. Recomputation is pulled. A loss changes a registry; only what an
//     unfinished task still needs is made again.
//  5. Leases, gossip and exclusion concern time only. Any of them may be wrong
//     without a wrong row: safety is fences and one publisher.
//  6. Time, I/O and durability are outside.
//
// Comments and tests name the rules of the specification (R1 to R68), its fences
// (F1 to F5) and invariants (I1 to I34). The rules are spread over the files:
// job.go R1, R63, R64; action.go R2 to R4; stage.go R5, R6; place.go R8, R9, R14,
// R15; platform.go R14; places.go R10; early.go R16; task.go R16 to R26; worker.go R27, R28, R30 to
// R32, R36; reconcile.go R33; executor.go R24, R34; drain.go R39; fetch.go R38, R40
// to R46; output.go R44, R47; speculate.go R48, R49; generation.go R50 to R52;
// commit.go R53 to R57; barrier.go R59, R60; cache.go R61. Restarts from the journal are in
// restore.go, and what a later master needs of it in compact.go.
//
// What needs only a few fields to decide is in packages of its own, as plain
// values with tests of their own: graph checks what is submitted (R2), blame
// counts failures (R21 to R25, R36), health knows leases, suspicion and quarantine
// (R28, R30, R31, R35), locality queues tasks by place (R10 to R13), pace finds
// stragglers (R48), outputs keeps what was made. What is left here has the tasks of
// stages as its one subject: each rule reads and changes the same tables, so to
// divide it further would only move methods away from each other.
package sched
