package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

const (
	// MaxAdded is the most bytes that one task may add to accumulators, by functions
	// that are under no kept RDD, or by those that make one partition of a kept one.
	MaxAdded = 256 << 10
	// MaxUpdates is the most bytes of all that one task tells of.
	MaxUpdates = 4 << 20
	// MaxAllUpdates is the most bytes that all tasks of an action may: they go to
	// the driver before the word of its end, and with it, in portions.
	MaxAllUpdates = 128 << 20
	// MaxPortion is the most bytes of updates in one message, or record.
	MaxPortion = 8 << 20
	// MaxShownUpdates is the most bytes that the driver is told of a running action,
	// to show them.
	MaxShownUpdates = 8 << 20
	// bytesPerTask is what a task's updates take beside themselves.
	bytesPerTask = 64
)

// Updates are what one task tells was added to accumulators, encoded: of each
// accumulator its number, and a value. What the task added itself is in front. What
// was added when partitions of kept RDDs were computed follows, for each under its
// name: it counts once, however often and by whomever it is told.
type Updates []byte

// With gives the updates with one more. It may not follow Under.
func (u Updates) With(accumulator uint64, value []byte) Updates {
	u = binary.AppendUvarint(u, accumulator)
	return appendBytes(u, value)
}

// Under gives the updates with those that were made when a kept block was computed.
func (u Updates) Under(b Block, of Updates) Updates {
	u = append(u, 0) // no accumulator has this number
	u = appendBytes(u, []byte(b.RDD))
	u = binary.AppendUvarint(u, uint64(b.Partition))
	return appendBytes(u, of)
}

func appendBytes(u Updates, b []byte) Updates {
	return append(binary.AppendUvarint(u, uint64(len(b))), b...)
}

// Added are updates that count together: a task's own, or those of a kept block.
type Added struct {
	Kept    bool // they are those of Block
	Block   Block
	Updates Updates // with no further ones under a block
}

// Parts yields the task's own updates, if there are any, and those of each block.
// What is no encoding comes as an error, and is the last.
func (u Updates) Parts() iter.Seq2[Added, error] {
	return func(yield func(Added, error) bool) {
		own, rest, err := u.own()
		if err == nil && len(own) > 0 && !yield(Added{Updates: own}, nil) {
			return
		}
		for err == nil && len(rest) > 0 {
			var a Added
			if a, rest, err = rest.block(); err == nil && !yield(a, nil) {
				return
			}
		}
		if err != nil {
			yield(Added{}, err)
		}
	}
}

// own cuts off what is in front of the first block.
func (u Updates) own() (own, rest Updates, err error) {
	for rest = u; len(rest) > 0 && rest[0] != 0; {
		if _, rest, err = rest.update(); err != nil {
			return nil, nil, err
		}
	}
	return u[:len(u)-len(rest)], rest, nil
}

// block cuts off the updates of a block.
func (u Updates) block() (a Added, rest Updates, err error) {
	name, rest, err := cut(u[1:])
	if err != nil {
		return a, nil, err
	}
	partition, n := binary.Uvarint(rest)
	if n <= 0 || partition >= MaxPartitions {
		return a, nil, errUpdates
	}
	of, rest, err := cut(rest[n:])
	if err != nil {
		return a, nil, err
	}
	if own, _, err := of.own(); err != nil || len(own) != len(of) || len(name) == 0 {
		return a, nil, errUpdates
	}
	return Added{true, Block{StageKey(name), int(partition)}, of}, rest, nil
}

// update cuts off one update.
func (u Updates) update() (x Update, rest Updates, err error) {
	id, n := binary.Uvarint(u)
	if n <= 0 || id == 0 {
		return x, nil, errUpdates
	}
	value, rest, err := cut(u[n:])
	return Update{id, value}, rest, err
}

// cut cuts off bytes with their length in front.
func cut(u Updates) (b, rest Updates, err error) {
	size, n := binary.Uvarint(u)
	if n <= 0 || size > uint64(len(u)-n) {
		return nil, nil, errUpdates
	}
	end := n + int(size)
	return u[n:end:end], u[end:], nil
}

// Once gives the updates without those of the blocks that were seen, and has the
// others seen. What is no encoding stays as it is, for the driver to tell.
func (u Updates) Once(seen map[Block]struct{}) Updates {
	var once Updates
	for part, err := range u.Parts() {
		if err != nil {
			return u
		}
		if !part.Kept {
			once = slices.Clip(part.Updates)
			continue
		}
		if _, there := seen[part.Block]; there {
			continue
		}
		seen[part.Block] = struct{}{}
		once = once.Under(part.Block, part.Updates)
	}
	return once
}

// All yields the updates of one part: the number of an accumulator, and the value.
// What is no encoding comes as an error, and is the last.
func (u Updates) All() iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for len(u) > 0 {
			x, rest, err := u.update()
			if u = rest; !yield(x, err) {
				return
			}
		}
	}
}

var errUpdates = errors.New("what a task added to accumulators is no encoding of it")

// Update is what was added to one accumulator.
type Update struct {
	Accumulator uint64
	Value       []byte
}

// StageUpdates are what the tasks of a stage tell was added to accumulators: of
// each task that succeeded once, however often it ran.
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

// Portions cuts updates into lists of which each fits into a message. There is one at
// least, which may be empty.
func Portions(all []StageUpdates) (portions [][]StageUpdates) {
	var portion []StageUpdates
	size := 0
	for _, st := range all {
		part := StageUpdates{Stage: st.Stage, Own: st.Own}
		size += bytesPerTask + len(st.Stage)
		for _, t := range st.Tasks {
			n := bytesPerTask + len(t.Updates)
			if size+n > MaxPortion {
				portions = append(portions, append(portion, part))
				portion, part.Tasks, size = nil, nil, bytesPerTask+len(st.Stage)
			}
			part.Tasks = append(part.Tasks, t)
			size += n
		}
		portion = append(portion, part)
	}
	return append(portions, portion)
}

// GoodUpdates says whether the numbers of updates make sense.
func GoodUpdates(all []StageUpdates) bool {
	for _, st := range all {
		for _, t := range st.Tasks {
			if t.Partition < 0 || t.Partition >= MaxPartitions || len(t.Updates) > MaxUpdates {
				return false
			}
		}
	}
	return true
}

// CheckAdded refuses what is too much for one task, or one block.
func CheckAdded(u Updates) error {
	if len(u) > MaxAdded {
		return fmt.Errorf("the task added %d bytes to accumulators; the most is %d: "+
			"give what is large as rows, and combine it by Aggregate or ReduceByKey", len(u), MaxAdded)
	}
	return nil
}

// CheckUpdates refuses what is too much for one task to tell of.
func CheckUpdates(bytes int) error {
	if bytes > MaxUpdates {
		return fmt.Errorf("the task read partitions of kept RDDs for which %d bytes were added to accumulators; "+
			"the most is %d: have a task read fewer partitions, or add less", bytes, MaxUpdates)
	}
	return nil
}

// PartitionSet is a set of partitions, a bit for each.
type PartitionSet []byte

// Has says whether a partition is in the set.
func (s PartitionSet) Has(partition int) bool {
	return partition >= 0 && partition/8 < len(s) && s[partition/8]&(1<<(partition%8)) != 0
}

// With gives the set with one more, which may be the same in memory.
func (s PartitionSet) With(partition int) PartitionSet {
	if missing := partition/8 + 1 - len(s); missing > 0 {
		s = append(s, make(PartitionSet, missing)...)
	}
	s[partition/8] |= 1 << (partition % 8)
	return s
}
