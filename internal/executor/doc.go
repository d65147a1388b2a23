// Package executor runs tasks in a process of the user's program for the agent
// that started it. Tasks, plans and the paths of blobs come over the wire that the
// process inherited; reports go back the same way. It opens no connection and
// holds no secret.
//
// When the wire ends, so does [Server.Serve], and the process should: nobody
// waits for its tasks any more.
package executor
