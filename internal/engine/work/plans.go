package work

import (
	"slices"

	"github.com/gordd-project/gordd/rdd/plan"
)

// keptPlans is how many plans are known on a connection: more than run at a time, so
// that few are sent twice, and few enough that a job of very many actions stays small.
const keptPlans = 64

// Plans are the last plans that went over a connection, with what an end has made of
// each. Both ends note them in the order in which they go, so that they forget the same
// ones and need not say which. The zero value has none.
type Plans[T any] struct {
	all   map[plan.Digest]T
	order []plan.Digest // the oldest first
}

// Get gives what was noted of a plan.
func (p *Plans[T]) Get(d plan.Digest) (v T, ok bool) {
	v, ok = p.all[d]
	return v, ok
}

// Put notes a plan that goes over the connection, and gives the one that is forgotten
// for it, if any.
func (p *Plans[T]) Put(d plan.Digest, v T) (forgotten plan.Digest, ok bool) {
	if p.all == nil {
		p.all = map[plan.Digest]T{}
	}
	p.all[d] = v
	p.order = append(slices.DeleteFunc(p.order, func(o plan.Digest) bool { return o == d }), d)
	if len(p.order) <= keptPlans {
		return "", false
	}
	forgotten = p.order[0]
	p.order = slices.Delete(p.order, 0, 1)
	delete(p.all, forgotten)
	return forgotten, true
}
