// Package acceptance has only tests: what a user of Spark relies on, suite by suite
// (RDDs, pairs, sorting, partitioning, accumulators, checkpoints, broadcast values and
// caches), said in our words and asked of the public API. Where Spark and we differ
// on purpose, a case says what we promise instead, and docs/operators.md says why.
package acceptance
