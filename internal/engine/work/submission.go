package work

import (
	"fmt"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Submission is an action that a driver wants.
type Submission struct {
	// ID has a number above those of all earlier actions of the job.
	ID   plan.ActionID
	Plan *plan.Plan
	Hash plan.Digest // of the plan as it was sent, which is
	// Encoded where a journal may have to keep it.
	Encoded []byte
	// Partitions of the target that are wanted, rising, of which those beyond its
	// last are left out; nil: all.
	Partitions []int
	// Consumed says that results cannot be taken back once they were passed on.
	Consumed bool
	// Ahead is how many partitions may be computed beyond those that were taken;
	// 0: all.
	Ahead int
}

// Wrap adds what the user asked for, and where.
func Wrap(p *plan.Plan, err error) error { return fmt.Errorf("%s: %w", Name(p), err) }

// Name is what the user calls an action.
func Name(p *plan.Plan) string {
	if p.Site.File == "" {
		return p.Action
	}
	return fmt.Sprintf("%s (%s)", p.Action, p.Site)
}
