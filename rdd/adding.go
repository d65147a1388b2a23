package rdd

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/rdd/plan"
)

// adding is where functions of one part of a task's pipe add to accumulators. The
// parts are cut where rows are kept. What is added for rows that are kept is kept
// with them, and whoever makes or reads them tells of it: the task for which they
// were computed may fail, or be one that only looks at them.
type adding struct {
	outer  *adding // the part that reads the kept rows; nil: it is the task's own
	cells  []taskCell
	blocks []blockAdded // of kept rows that were read or made for it
}

// blockAdded is what was added when a kept block was computed.
type blockAdded struct {
	block   plan.Block
	updates plan.Updates
}

// under begins a part under kept rows: what is opened until the function that it
// gives is called belongs to it.
func (t *Task) under() (a *adding, end func()) {
	a = &adding{outer: t.adding}
	t.parts = append(t.parts, a)
	return a, t.into(a)
}

// into has functions that are opened add to a part, until the function that it gives
// is called.
func (t *Task) into(a *adding) (end func()) {
	was := t.adding
	t.adding = a
	return func() { t.adding = was }
}

// note takes in what was added for blocks, each once.
func (a *adding) note(blocks []blockAdded) {
	for _, b := range blocks {
		if !slices.ContainsFunc(a.blocks, func(x blockAdded) bool { return x.block == b.block }) {
			a.blocks = append(a.blocks, b)
		}
	}
}

// ended takes what was added while the rows of a block went by. If those were all
// of them it is the block's, together with what belongs to blocks that it was made
// of. Else it is of whoever wanted a part of the rows, as if they were not to be
// kept.
func (a *adding) ended(block plan.Block, whole bool) ([]blockAdded, error) {
	if whole {
		updates, err := a.updates()
		if err != nil {
			return nil, err
		}
		if len(updates) > 0 {
			a.note([]blockAdded{{block, updates}})
		}
	}
	blocks, bytes := slices.Clone(a.blocks), 0
	for _, b := range blocks {
		bytes += len(b.updates)
	}
	a.leave(a.outer)
	return blocks, plan.CheckUpdates(bytes)
}

// leave moves all that there is to another part. Further rows may follow.
func (a *adding) leave(to *adding) {
	for _, c := range a.cells {
		c.cell.moveTo(to, c.id, c.name)
	}
	to.note(a.blocks)
}

// updates encodes what was added, and nothing of it is left.
func (a *adding) updates() (all plan.Updates, err error) {
	for _, c := range a.cells {
		b, err := c.cell.update()
		if err != nil {
			return nil, fmt.Errorf("accumulator %q: %w", c.name, err)
		}
		if b != nil {
			all = all.With(c.id, b)
		}
		if err := plan.CheckAdded(all); err != nil {
			return nil, fmt.Errorf("accumulator %q: %w", c.name, err)
		}
		c.cell.clear()
	}
	return all, nil
}

// updates encodes what the task tells was added to accumulators. One that only looks
// at the rows, for a sort's bounds, adds nothing itself: another runs the same
// functions.
func (t *Task) updates() (all plan.Updates, err error) {
	for _, a := range t.parts { // in the middle of rows of which nobody wanted the rest
		a.leave(t.adding)
	}
	if !t.samples() {
		if all, err = t.adding.updates(); err != nil {
			return nil, err
		}
	}
	known := t.known()
	for _, b := range t.adding.blocks {
		if !known[b.block.RDD].Has(b.block.Partition) {
			all = all.Under(b.block, b.updates)
		}
	}
	return all, plan.CheckUpdates(len(all))
}

// known gives the partitions of kept RDDs of which the driver knows what was added.
func (t *Task) known() map[plan.StageKey]plan.PartitionSet {
	if len(t.adding.blocks) == 0 {
		return nil
	}
	known := map[plan.StageKey]plan.PartitionSet{}
	eachPipe(&t.stage.Pipe, func(p *plan.Pipe) {
		if c := p.Source.Cached; c != nil {
			known[c.Key] = c.Counted
		}
	})
	return known
}
