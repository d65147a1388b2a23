package typed

import (
	"context"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/rdd"
)

// LocalCheckpoint keeps the rows where they are computed, which runs at once, and gives
// an RDD of the same rows, in the same partitions, that reads them there. As with
// Checkpoint, what the rows were computed of is not needed any more; but there is no
// directory to be given, and nothing goes over the network.
//
// The rows are in files of the session's scratch directory, or of the workers that
// computed them, which have checksums, outlive the executors, and go when no RDD needs
// them any more, or with the session. What a worker had that is lost, or its disk, is
// gone for good: an action that wants it fails, and says so. A worker that leaves hands
// them to others. Rows that are read often are better kept with Persist as well.
func (r RDD[T]) LocalCheckpoint(ctx context.Context) (RDD[T], error) {
	n, err := newUse(r.s, r.n, typeOf[T]()).localCheckpoint(ctx, rdd.LocalCheckpointOp[T]())
	return RDD[T]{r.s, n}, err
}

// LocalCheckpoint is RDD.LocalCheckpoint. Pairs that were placed by their keys are known
// to be so as before: joins of what is placed alike need no shuffle.
func (p PairRDD[K, V]) LocalCheckpoint(ctx context.Context) (PairRDD[K, V], error) {
	n, err := newUse(p.s, p.n, typeOf[Pair[K, V]]()).localCheckpoint(ctx, rdd.LocalCheckpointOp[Pair[K, V]]())
	return PairRDD[K, V]{p.s, n}, err
}

func (u *use) localCheckpoint(ctx context.Context, op *rdd.Op) (*rdd.Node, error) {
	u.c = u.as(op)
	local := u.n.Local(op, u.c)
	st, err := u.s.act(ctx, local, u.action(op), driver.Action{Result: func(int, driver.Value) error { return nil }})
	switch {
	case err != nil:
		local.Discard()
		return nil, err
	case st.Partitions == 0: // there is nothing to read, and when it was only explained nothing was kept
		local.Discard()
		return u.n, nil
	}
	return local.Cut(u.c, st), nil
}
