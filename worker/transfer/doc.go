// Package transfer carries map outputs, results and blobs from the worker that has them to those that read them.
//
// A [Server] answers other agents over HTTP/1.1, under mutual TLS when it is given a configuration. A [Fetcher] is the
// other side: one for a whole agent, because what it bounds (bytes in flight, memory held, connections to one peer, disk
// used) is the agent's. The executors of users' code take no part: an agent fetches for them and hands over bytes, an
// open file or a stream.
//
// # Requests
//
//	POST /v1/shuffle/{job}                     the wanted partitions of many small outputs
//	GET  /v1/shuffle/{job}/{output}/{from}-{to}   those of one output; Range resumes
//	GET  /v1/blob/{job}/{digest}               a blob or a result; Range resumes
//	GET  /v1/block/{job}/{rdd}/{partition}     a block of a cached RDD
//	GET  /v1/incarnation                       which process this is; see [Ask]
//
// Job is the job's name in hex, output the term and number of the attempt in hex, joined by a hyphen; from and to are
// decimal and name the partitions from ≤ p < to; the RDD of a block is its key in hex. Files are found in the [Store] by these numbers, never by a name from
// the network. What is sent of an output begins with a header that says which attempt and partitions it is of, in which
// epoch they were asked for, and how long each partition is in each segment; see wire.go.
//
// M maps and R reducers make M × R pieces, most of them small: those of one peer are asked for together, and stay in
// memory. A large piece has a request of its own and goes into a file, one a [Fetch]. When there is no room for
// it, it is streamed: each read fetches a window.
//
// # Damage
//
// Nothing is handed on before the blocks that it consists of have been verified: their checksums cover the place that
// they were written for, so a flipped bit, a cut file and a right block in the wrong place are found here. What is
// damaged is fetched once more at once, since the wire may be to blame; the second time it is the owner's.
//
// # Failures
//
// An [Error] names the output, its worker and one of a few causes, which is what the scheduler wants to know. Refusals
// have a code in the header Gordd-Code: bad, missing, stale, forbidden, busy (with Retry-After), broken. A transfer
// that breaks or stalls is tried again where it stopped; one whose output has moved goes to the new place as long as no
// row of it was used.
package transfer
