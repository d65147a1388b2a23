// Package master is the head of a cluster: it takes jobs from drivers, owns the
// scheduler by way of package engine, and tells workers what to run. It runs no
// user code.
//
// Everything that happens goes through the engine's loop. Around it are streams:
// one for each worker, which carries the scheduler's own events and commands, and
// one for each job's driver. A stream's receiver turns messages into events; what
// the loop decides is put into the stream's outbox, and its sender does the
// waiting.
package master
