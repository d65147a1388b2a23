// Package msg is how the members of a cluster talk: the messages between master,
// workers and drivers, and the gRPC service that carries them.
//
// A call is a stream of frames. A frame holds one or more messages, each with a
// number that keeps its meaning, its length, and a body of which nothing is
// believed before it was checked (package forms). There are no generated stubs:
// the messages are the scheduler's own events and commands.
//
// Work is the stream of a worker, Drive that of a job's driver; PutBlob and
// GetBlob move bytes by digest; Detach has a driver run in the cluster; Enrol and
// Renew give workers certificates.
package msg
