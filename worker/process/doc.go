// Package process runs a job's tasks in a process of the job's program: the
// agent's end of what package internal/executor does.
//
// A process that dies, of whatever Go calls fatal, takes its tasks along and
// nothing else. One that does not heed the end of a task in time is killed. It
// ends with the agent: its wire closes, and the system kills it where it can.
package process
