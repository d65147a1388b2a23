package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

const (
	// MaxUpdates is the most bytes that one task may add to accumulators.
	MaxUpdates = 256 << 10
	// MaxAllUpdates is the most bytes that all tasks of an action may: they go to
	// the driver with the word of its end.
	MaxAllUpdates = 8 << 20
)

// Updates are what one task added to accumulators, encoded: of each its number,
// and a value.
type Updates []byte

// With gives the updates with one more.
func (u Updates) With(accumulator uint64, value []byte) Updates {
	u = binary.AppendUvarint(u, accumulator)
	u = binary.AppendUvarint(u, uint64(len(value)))
	return append(u, value...)
}

// All yields the updates: the number of an accumulator, and the value. What is no
// encoding comes as an error, and is the last.
func (u Updates) All() iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for rest := []byte(u); len(rest) > 0; {
			id, n := binary.Uvarint(rest)
			size, m := binary.Uvarint(rest[max(n, 0):])
			if n <= 0 || m <= 0 || size > uint64(len(rest)-n-m) {
				yield(Update{}, errUpdates)
				return
			}
			value := rest[n+m : n+m+int(size)]
			if rest = rest[n+m+int(size):]; !yield(Update{id, value}, nil) {
				return
			}
		}
	}
}

var errUpdates = errors.New("what a task added to accumulators is no encoding of it")

// Update is what one task added to one accumulator.
type Update struct {
	Accumulator uint64
	Value       []byte
}

// StageUpdates are what the tasks of a stage added to accumulators: of each task
// that succeeded once, however often it ran.
type StageUpdates struct {
	Stage StageKey
	// Own says that the stage is the action's own: other actions may have one of
	// that key. What others share is told by each, and counts once.
	Own   bool
	Tasks []TaskUpdates
}

// TaskUpdates are a task's.
type TaskUpdates struct {
	Partition int
	Updates   Updates
}

// GoodUpdates says whether the numbers of updates make sense.
func GoodUpdates(all []StageUpdates) bool {
	for _, st := range all {
		for _, t := range st.Tasks {
			if t.Partition < 0 || t.Partition >= MaxPartitions {
				return false
			}
		}
	}
	return true
}

// CheckUpdates refuses what is too much for one task.
func CheckUpdates(u Updates) error {
	if len(u) > MaxUpdates {
		return fmt.Errorf("the task added %d bytes to accumulators; the most is %d: "+
			"give what is large as rows, and combine it by Aggregate or ReduceByKey", len(u), MaxUpdates)
	}
	return nil
}
