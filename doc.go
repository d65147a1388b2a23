// Package gordd is the root of the module and holds no code. Programs import
// [github.com/gordd-project/gordd/typed]; a tour of the folders:
//
//	typed              what users import: Session, RDD, PairRDD, sources, operators, actions, Main
//	typed/sketch       sketches of many values, for accumulators; quantiles of rows
//	typed/ml           what learning from data spends its time in
//	typed/typedtest    tests of pipelines: in every way there is, with tasks that fail
//	rdd                lineage, registry of stage code, task runner; what generated code names
//	rdd/plan           plans, stages, tasks, statuses: data only
//	rdd/codec          rows as bytes, by column
//	rdd/sequencefile   Hadoop's SequenceFiles
//	shuffle            combining, sorting, spilling, merging; block format. No network
//	storage            files: listing, splits, text, output that is committed once
//	hdfs               the store of hdfs:// paths, joined by an import
//	gen                the generator: load, scan, check, model, emit
//	internal/sched     the scheduler, a pure state machine
//	internal/engine    the loop that turns the scheduler's commands into effects
//	internal/agent     a worker's side: slots that run attempts, and what those leave
//	internal/driver    a program's side: actions, their results, their ends
//	internal/executor  tasks in a process of their own, for an agent
//	worker             a member of a cluster that runs tasks
//	worker/process     the agent's end of an executor
//	worker/transfer    shuffle outputs and blobs from one worker to another
//	master             the head of a cluster
//	internal/msg       what the members of a cluster say to each other
//	internal/submit    joins a program to a cluster
//	internal/trust     certificates, tokens, tickets
//	internal/gossip    members that find each other
//	internal/embedded  all of it in one process
//	internal/blob      bytes that plans name by digest
//	internal/scratch   the directory for temporary files, and those that dead processes left
//	internal/wire      frames between a program and what started it
//	internal/launch    building a program and running it over the wire
//	internal/show      progress and plans, for people
//	internal/tally     what actions did, added up
//	internal/hdfslab   a real HDFS for tests
//	internal/size      numbers of bytes, as people write them
//	cmd/rddgen         the generator's command
//	cmd/rddctl         run, explain, submit, and the members of a cluster
//	examples           small programs, checked by tests
//
// ARCHITECTURE.md says how they work together, deps_test.go who may import
// whom.
package gordd
