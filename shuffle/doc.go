// Package shuffle moves rows between stages: it partitions and combines them on the map side, writes them to indexed
// files, reads them back, and aggregates, groups, joins and sorts them on the reduce side, all within a memory budget.
//
// Everything works on rows whose type is known at run time: a [codec.Type] moves them and turns them into bytes, a
// [codec.KeyType] hashes and orders the keys they begin with. So it is compiled once. Generic are only the functions
// that hand keys, values and rows to code that knows their types. The package knows neither jobs nor the network: where
// a block lies is the [Input]'s matter.
//
// # Map side
//
// A [Writer] partitions rows; a [Combiner] first merges the rows of a key in a hash table. Both leave one file a task
// with segments, one per time that memory ran out, each with its partitions one after another, and an [Output] that
// says where they lie.
//
// # Reduce side
//
// [Read] yields the rows of one partition in the order of map tasks, and within one in the order of segments.
// [Aggregate], [Merge], [Groups], [CoGroups], [Join] and [Sort] take such a stream, or any other, and spill to files in
// [Config].Dir when [Account.Grow] says no.
//
// # Order and repetition
//
// Rows of a key are always merged in the order of their arrival, and what Aggregate, Merge, Groups, CoGroups and Join
// yield is ordered by the keys' hash (and then by key). So the result of a reduce task is the same bit for bit however
// little memory it had, floating point sums included. A map task writes the same bytes again as long as its segments
// end at the same rows: [Config].SegmentBytes fixes that, unless the budget is so short that it ends them sooner.
//
// # Files and panics
//
// Temporary files live in Config.Dir. They are removed when an operator ends, well or not; when a function given by the
// caller panics, a Writer or Combiner needs its Abort, and the streams clean up by themselves.
package shuffle
