// Package work is what an engine hands to its workers: launches with all that
// their attempts need, and how both sides name what attempts leave.
package work

import (
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// Plan is the resolved plan of an action, shared by all its launches.
type Plan struct {
	*plan.Plan

	once    sync.Once
	digest  plan.Digest
	encoded []byte
	err     error
}

// Encoded gives the plan as bytes with their digest. They are made once, when
// somebody asks.
func (p *Plan) Encoded() (plan.Digest, []byte, error) {
	p.once.Do(func() {
		if p.encoded, p.err = plan.Encode(p.Plan); p.err == nil {
			p.digest = plan.DigestOf(p.encoded)
		}
	})
	return p.digest, p.encoded, p.err
}

// Launch is a launch of the scheduler's with what its attempts need. It is
// shared and never changed.
type Launch struct {
	model.Launch
	Action plan.ActionID // for which they run
	Plan   *Plan
	Stage  *plan.Stage // of the plan
	// Files are the file sources of the stage's pipe, and Found the splits of
	// each.
	Files []*plan.Files
	Found map[plan.Files][]storage.Split
	// Given has the encoded splits by partition instead, where the launch came
	// from another process.
	Given map[int][]plan.PipeSplit
}

// Received is a plan that came from another process, with the digest that it has
// been given there.
func Received(digest plan.Digest, encoded []byte) (*Plan, error) {
	p, err := plan.Decode[plan.Plan](encoded)
	if err != nil {
		return nil, err
	}
	w := &Plan{Plan: p}
	w.once.Do(func() { w.digest, w.encoded = digest, encoded })
	return w, nil
}

// Splits encodes what a partition reads from files.
func (l *Launch) Splits(partition int) ([]plan.PipeSplit, error) {
	if l.Given != nil || len(l.Files) == 0 {
		return l.Given[partition], nil
	}
	reads := l.Stage.Pipe.Reads(partition)
	splits := make([]plan.PipeSplit, len(reads))
	for i, r := range reads {
		of := l.Found[*l.Files[r.At]]
		if r.Partition >= len(of) {
			return nil, fmt.Errorf("partition %d of %s: its input has %d splits", partition, l.Stage.Name, len(of))
		}
		b, err := msgpack.Marshal(&of[r.Partition])
		if err != nil {
			return nil, fmt.Errorf("encode split: %w", err)
		}
		splits[i] = plan.PipeSplit{At: r.At, Partition: r.Partition, Split: b}
	}
	return splits, nil
}

// Committer is the commit of an action's output, equal on both sides.
func Committer(id plan.ActionID, out *plan.Output) (*storage.Committer, error) {
	return storage.NewCommitter(storage.Output{
		Dir: out.Path, ID: fmt.Sprintf("%s.%d", id.Job, id.N), Overwrite: out.Overwrite,
		Compression: out.Compression,
	})
}

// StagedBy names an attempt among those that write an output.
func StagedBy(id model.AttemptID) storage.Attempt {
	return storage.Attempt{Gen: uint64(id.Gen), Partition: id.Partition, Term: uint64(id.Term), Seq: id.Seq}
}

// counterNames name the counters in the scheduler's messages.
var counterNames = []string{"rowsIn", "rowsOut", "bytesRead", "shuffleRead", "shuffleWrite", "spilled", "output", "rejected", "hotKeys", "hotParts",
	model.AtProcess.Counter(), model.AtNode.Counter(), model.AtRack.Counter(), model.Anywhere.Counter()}

// fields lists the counters in the order of their names.
func fields(c *plan.Counters) [14]*int64 {
	return [14]*int64{&c.RowsIn, &c.RowsOut, &c.BytesRead, &c.ShuffleRead, &c.ShuffleWrite, &c.Spilled, &c.Output, &c.Rejected, &c.HotKeys, &c.HotParts,
		&c.AtProcess, &c.AtNode, &c.AtRack, &c.AtAny}
}

// CountersFor gives the counters that are not zero as the scheduler has them.
func CountersFor(c plan.Counters) []model.Counter {
	var list []model.Counter
	for i, v := range fields(&c) {
		if *v != 0 {
			list = append(list, model.Counter{Name: counterNames[i], Value: *v})
		}
	}
	return list
}

// CountersOf is the reverse of CountersFor. Counters of other names are left
// out.
func CountersOf(list []model.Counter) (c plan.Counters) {
	f := fields(&c)
	for _, l := range list {
		for i, name := range counterNames {
			if name == l.Name {
				*f[i] += l.Value
			}
		}
	}
	return c
}

// NewFailure is a failure that was found outside the executor.
func NewFailure(class plan.FailureClass, format string, args ...any) *plan.Failure {
	return &plan.Failure{Class: class, Row: -1, Offset: -1, Message: fmt.Sprintf(format, args...)}
}

// Killed is the cause with which the context of an attempt ends that is to end.
type Killed struct {
	Reason string
	Dump   bool // what its executor does is of interest: it hangs
}

// Error gives the reason.
func (k *Killed) Error() string { return k.Reason }
