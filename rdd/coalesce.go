package rdd

var coalesce = builtin(many("Coalesce", nil, map[string]Part{"reduce": coalescePart}))

// CoalesceOp gives the rows of several partitions, one after the other.
func CoalesceOp() *Op { return coalesce }

var coalescePart = &SourcePart{open: func(t *Task, in *Input) (Run, error) {
	return func(feed Feed) error {
		more := true
		for _, side := range in.sides {
			err := t.within(side.run)(func(b any) bool {
				more = feed(b)
				return more
			})
			if err != nil || !more {
				return err
			}
		}
		return nil
	}, nil
}}

// Coalesce makes a node of the partitions of n, put into parts at most.
//
//go:noinline
func (n *Node) Coalesce(c Call, parts int) *Node {
	return n.Wide(coalesce, c, Wide{Aligned: true, Coalesce: parts})
}
