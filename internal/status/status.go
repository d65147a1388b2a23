// Package status is what a master tells people of its cluster: jobs, stages, tasks,
// workers and events, as plain data that rddctl prints and writes as JSON. Names of
// fields stay what they are; new ones may come.
package status

import (
	"strconv"
	"strings"
	"time"
)

// Job is one job, running or ended.
type Job struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	User     string    `json:"user"`            // as who submitted it is called there
	Owner    string    `json:"owner,omitempty"` // the role and name in their certificate, where there are certificates
	Pool     string    `json:"pool"`
	State    string    `json:"state"` // queued, running, ending, done, failed, cancelled
	Cause    string    `json:"cause,omitempty"`
	Driver   string    `json:"driver,omitempty"` // the worker that runs it; none: somebody's rddctl
	Running  int       `json:"running"`          // tasks, at the moment
	Began    time.Time `json:"began,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Duration float64   `json:"seconds"`
	Actions  []Action  `json:"actions"`
	Locality Locality  `json:"locality"` // of the actions that have ended
	HotKeys  HotKeys   `json:"hot_keys"` // of the joins of these
	// Accumulators are the values that its driver told last: of actions that run, by
	// the tasks that have succeeded so far.
	Accumulators []Accumulator `json:"accumulators,omitempty"`
	Programs     []Program     `json:"programs,omitempty"`
	LeftOut      []string      `json:"left_out,omitempty"` // platforms of workers that have none of these, and no tasks of the job
}

// Accumulator is the value of an accumulator as text.
type Accumulator struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Program is a job's program for one platform.
type Program struct {
	Platform string `json:"platform"` // as in linux/amd64
	Binary   string `json:"binary"`   // its digest
}

// HotKeys counts the keys that joins split, and the parts that they have together.
type HotKeys struct {
	Keys  int64 `json:"keys"`
	Parts int64 `json:"parts"`
}

// Locality counts finished tasks that would rather run near what they read, since
// storage or a shuffle has much of it in one place, by how near they did.
type Locality struct {
	Process int64 `json:"process"` // where a cached block is
	Node    int64 `json:"node"`    // on a host that has it
	Rack    int64 `json:"rack"`
	Any     int64 `json:"any"` // far away
}

// Add adds m to l.
func (l *Locality) Add(m Locality) {
	l.Process += m.Process
	l.Node += m.Node
	l.Rack += m.Rack
	l.Any += m.Any
}

// String is the counts that are not zero, with what they count.
func (l Locality) String() string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{{l.Process, "process"}, {l.Node, "node"}, {l.Rack, "rack"}, {l.Any, "any"}} {
		if p.n > 0 {
			parts = append(parts, strconv.FormatInt(p.n, 10)+" "+p.what)
		}
	}
	return strings.Join(parts, ", ")
}

// Over reports whether nothing of the job will change any more.
func (j *Job) Over() bool { return j.State == "done" || j.State == "failed" || j.State == "cancelled" }

// Action is one action of a job.
type Action struct {
	N           int      `json:"n"`
	Name        string   `json:"name,omitempty"`
	Site        string   `json:"site,omitempty"`        // the user's line
	Description string   `json:"description,omitempty"` // the user's words
	Tags        []string `json:"tags,omitempty"`
	State       string   `json:"state"`
	Done        int      `json:"done"` // partitions of its result
	Of          int      `json:"of"`
	Cause       string   `json:"cause,omitempty"`
}

// Over reports whether nothing of the action will change any more.
func (a *Action) Over() bool {
	return a.State == "done" || a.State == "failed" || a.State == "cancelled"
}

// Stage is one stage of a job that is not forgotten.
type Stage struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Site    string `json:"site,omitempty"`
	State   string `json:"state"` // waiting, running, complete
	Tasks   int    `json:"tasks"`
	Done    int    `json:"done"`
	Running int    `json:"running"`
	Queued  int    `json:"queued"` // attempts that wait at their workers for a slot
	Pending int    `json:"pending"`
	Gen     int    `json:"generation"`
	Try     int    `json:"try"` // how often lost inputs held it up
	// Locality is of its finished tasks.
	Locality Locality `json:"locality"`
	// Fraction is how much is done, from 0 to 1: of running tasks as far as is known.
	Fraction float64 `json:"fraction"`
}

// Task is one task of a stage.
type Task struct {
	Stage     string    `json:"stage"`
	Partition int       `json:"partition"`
	State     string    `json:"state"` // idle, pending, queued, running, done
	Failures  int       `json:"failures"`
	Level     string    `json:"level,omitempty"` // how near a finished one ran to what it read: process, node, rack, any; none: it did not care
	Attempts  []Attempt `json:"attempts,omitempty"`
}

// Attempt is a running attempt of a task.
type Attempt struct {
	Worker      string `json:"worker"`
	Level       string `json:"level"` // how near its input is
	Speculative bool   `json:"speculative,omitempty"`
	Queued      bool   `json:"queued,omitempty"` // it waits at its worker for a slot
	Rows        int64  `json:"rows"`             // of its input, that it has begun with
	// Fraction is the part of its input that it is done with, from 0 to 1; none where
	// that is not known.
	Fraction float64 `json:"fraction,omitzero"`
}

// Worker is a worker that is or was there.
type Worker struct {
	ID          string    `json:"id"`
	Incarnation string    `json:"incarnation"` // drawn anew by each process of the worker, in hex
	Address     string    `json:"address"`
	PID         int       `json:"pid"`
	State       string    `json:"state"` // live, suspect, draining, drained, quarantined, lost
	Slots       int       `json:"slots"`
	Running     int       `json:"running"`
	Queued      int       `json:"queued"`  // attempts that wait there for a slot
	Outputs     int       `json:"outputs"` // of map tasks, that it holds
	Drivers     int       `json:"drivers"` // of detached jobs
	Memory      int64     `json:"memory"`  // bytes, of one job
	Limits      string    `json:"limits"`  // what bounds its executors: memory+cpu, memory or none
	Rack        string    `json:"rack,omitempty"`
	Labels      []string  `json:"labels,omitempty"` // KEY=VALUE
	Version     string    `json:"version,omitempty"`
	OS          string    `json:"os"`
	Arch        string    `json:"arch"`
	Excluded    bool      `json:"excluded,omitempty"`
	Attached    time.Time `json:"attached,omitzero"`
	LeaseAge    float64   `json:"lease_age,omitzero"` // seconds since it was last heard, if it is attached
}

// Event is something that happened. Seq rises without gaps as long as one master
// lives, which is a term.
type Event struct {
	Term      uint64    `json:"term"`
	Seq       uint64    `json:"seq"`
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"`
	Job       string    `json:"job,omitempty"`
	Stage     string    `json:"stage,omitempty"`
	Partition int       `json:"partition,omitempty"`
	Worker    string    `json:"worker,omitempty"`
	Count     int       `json:"count,omitempty"`
	Text      string    `json:"text,omitempty"`
}

// Log is a file that a job's processes wrote on a worker.
type Log struct {
	Worker string `json:"worker"`
	Name   string `json:"name"` // driver, or the number of the executor
	Size   int64  `json:"size"`
}

// Totals are sums over the cluster, since this master began.
type Totals struct {
	Term      uint64 `json:"term"`
	Workers   int    `json:"workers"`
	Slots     int    `json:"slots"`
	Free      int    `json:"free"`
	Jobs      int    `json:"jobs"`
	Actions   int    `json:"actions"`
	Stages    int    `json:"stages"`
	Tasks     int    `json:"tasks"`
	Pending   int    `json:"pending"`
	Running   int    `json:"running"`
	Queued    int    `json:"queued"` // attempts that wait at workers for a slot
	Launched  int64  `json:"launched"`
	Done      int64  `json:"done"`
	Failed    int64  `json:"failed"`
	Lost      int64  `json:"lost"`
	Discarded int64  `json:"discarded"`
	Refused   int64  `json:"refused"`
}
