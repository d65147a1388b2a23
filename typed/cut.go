package typed

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
)

// cutter cuts lineage that has grown long.
type cutter struct {
	mu   sync.Mutex // held by the one action that looks, or has rows saved
	off  bool       // rows could not be saved
	said bool       // the user knows
	// Rows that were saved while other actions were under way, whose nodes wait for an
	// instant without: a plan and those that follow must agree on what a node is.
	waiting []savedRows
	// underway is held by actions, from the making of their plans on.
	underway sync.RWMutex
}

// savedRows are those of a node, in files of a directory.
type savedRows struct {
	node       *rdd.Node
	dir        string
	partitions int
}

// cutLong cuts the lineage of a node where it is long, on behalf of an action that is to
// run. It is for loops that make an RDD of itself again and again. Where the rows cannot be
// saved that is told, and the action runs all the same; so does one while another has rows
// saved. An error is that of what was cancelled: the action then is.
func (s *Session) cutLong(ctx context.Context, n *rdd.Node, a rdd.Action) error {
	c := &s.cutter
	if !c.mu.TryLock() {
		return nil
	}
	defer c.mu.Unlock()
	c.apply()
	if c.off || len(c.waiting) > 0 || !s.checkpoints.possible() || labelsOf(ctx).Check() != nil {
		return nil
	}
	for _, set := range n.Cuts() {
		for _, at := range set {
			if st, err := s.save(ctx, at); err != nil {
				return s.notCut(ctx, a, st, err)
			}
		}
		if c.apply(); len(c.waiting) > 0 {
			return nil
		}
		s.sayCut(a, set)
	}
	return nil
}

// notCut says why lineage is not cut. Where a task failed the action's own will, and there
// is nothing to say.
func (s *Session) notCut(ctx context.Context, a rdd.Action, st plan.ActionStatus, err error) error {
	var failed *plan.StageError
	switch {
	case ctx.Err() != nil, s.ctx.Err() != nil, errors.As(err, &failed):
	case st.State == plan.ActionCancelled:
		return err
	default:
		s.cutter.off = true
		s.notice(fmt.Sprintf("%s (%s): the lineage is long, and stays so: %v", a.Op.Name, a.Call.Site, err))
	}
	return nil
}

// save writes the rows of a node.
func (s *Session) save(ctx context.Context, n *rdd.Node) (st plan.ActionStatus, err error) {
	dir, err := s.checkpoints.next(ctx, true)
	if err != nil {
		return st, err
	}
	st, err = s.saved(ctx, n, n.Saving(dir), dir)
	if err == nil {
		s.cutter.waiting = append(s.cutter.waiting, savedRows{n, dir, st.Partitions})
	}
	return st, err
}

// apply has nodes read the rows that were saved, if no action is under way.
func (c *cutter) apply() {
	if len(c.waiting) == 0 || !c.underway.TryLock() {
		return
	}
	defer c.underway.Unlock()
	for _, w := range c.waiting {
		w.node.CutTo(w.dir, w.partitions)
	}
	c.waiting = nil
}

// sayCut tells what was cut: the user once, the log each time.
func (s *Session) sayCut(a rdd.Action, set []*rdd.Node) {
	at := set[0]
	if s.options.Log != nil {
		for _, n := range set {
			s.options.Log.Info("lineage cut", "action", a.Op.Name, "site", a.Call.Site.String(), "saved", n.Operator(), "of", n.Site().String())
		}
	}
	if !s.cutter.said {
		s.cutter.said = true
		s.notice(fmt.Sprintf("%s (%s) has a long lineage: the rows of %s (%s) were saved, and what they were made of is forgotten; so it goes on, unless Options.KeepLineage says no",
			a.Op.Name, a.Call.Site, at.Operator(), at.Site()))
	}
}
