package typed

import (
	"fmt"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Coalesce puts the rows into at most n partitions without moving any: each has the
// rows of several partitions of r, one after the other, as many as the others have,
// and never more than there are. Partitions that follow one another are put
// together; those of a store that tells where its blocks are, such as HDFS, by
// host, so that tasks run near what they read. What comes before, down to the last
// shuffle, runs in n tasks too: where that is too few, use Repartition.
func (r RDD[T]) Coalesce(n int) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, rowType{}).coalesce(n)}
}

// Coalesce is RDD.Coalesce.
func (p PairRDD[K, V]) Coalesce(n int) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, rowType{}).coalesce(n)}
}

func (u *use) coalesce(n int) *rdd.Node {
	if (n < 1 || n > plan.MaxPartitions) && u.c.Err == nil {
		u.c.Err = fmt.Errorf("Coalesce (%s): %d partitions: give a number from 1 to %d", u.c.Site, n, plan.MaxPartitions)
	}
	return u.n.Coalesce(u.c, n)
}
