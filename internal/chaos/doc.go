// Package chaos breaks a cluster of real processes and looks whether its results
// are still right.
//
// It has tests alone, and package proxy. They start a master and four workers, each
// in a network namespace of its own where that can be had, submit programs, and
// meanwhile kill, stop and cut off what runs, damage its files, or talk nonsense to
// its ports. What a job wrote is compared with what a plain loop over the same text
// gives. Every fault is drawn from a seed:
//
//	go test ./internal/chaos                                 a seed of every failure
//	go test ./internal/chaos -seeds 20 -killer 2m -timeout 0 more of them, as make chaos does
//	go test ./internal/chaos -run TestFailures/zombie -seed 7
package chaos
