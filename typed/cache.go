package typed

import (
	"fmt"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
)

// StorageLevel says how Persist keeps rows.
type StorageLevel = plan.StorageLevel

// The storage levels.
const (
	// MemoryOnly keeps rows as values: the fastest to read.
	MemoryOnly = plan.MemoryOnly
	// MemoryOnlySer keeps rows encoded, compressed where that pays: less memory, and
	// time to decode them.
	MemoryOnlySer = plan.MemoryOnlySer
	// MemoryAndDisk keeps rows as values, and in files those for which there is no
	// memory, or no more.
	MemoryAndDisk = plan.MemoryAndDisk
	// MemoryAndDiskSer keeps rows encoded, and in files those for which there is no
	// memory.
	MemoryAndDiskSer = plan.MemoryAndDiskSer
	// DiskOnly keeps rows in files.
	DiskOnly = plan.DiskOnly

	// MemoryOnly2 and the others are the same levels, but that each block is kept by two
	// executors, of different workers, and on different hosts if there are some. What one
	// of them keeps is copied once it is there, and again when a worker is lost. In the
	// process of an embedded session there is one executor, and they are as without the 2.
	MemoryOnly2       = plan.MemoryOnly2
	MemoryOnlySer2    = plan.MemoryOnlySer2
	MemoryAndDisk2    = plan.MemoryAndDisk2
	MemoryAndDiskSer2 = plan.MemoryAndDiskSer2
	DiskOnly2         = plan.DiskOnly2
)

// Cache keeps the rows once they were computed: it is Persist(MemoryOnly).
func (r RDD[T]) Cache() RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, typeOf[T]()).cached(rdd.CacheOp[T](), MemoryOnly)}
}

// Persist gives an RDD of the same rows, which are kept, partition by partition, by
// the process that computes them, and read from there when they are needed again.
// They share the memory of tasks, who take of it what they need. What does not fit, or
// is pushed out, the blocks first that were not read for the longest time, is in files
// of the session's scratch directory, or with a level without disk computed again; so is
// what a full or failing disk did not keep. Blocks of one RDD do not push out one another.
// What a Take reads of a partition in part is not kept. The rows go when no
// RDD needs them any more, or with Unpersist. Functions must not change them.
func (r RDD[T]) Persist(level StorageLevel) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, typeOf[T]()).cached(rdd.CacheOp[T]().Named("Persist"), level)}
}

// Unpersist lets go of the rows that Cache or Persist, which gave this RDD, keeps.
// It can be used as before, and is computed each time.
func (r RDD[T]) Unpersist() { r.n.Uncache() }

// Cache keeps the pairs once they were computed: it is Persist(MemoryOnly).
func (p PairRDD[K, V]) Cache() PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, typeOf[Pair[K, V]]()).cached(rdd.CacheOp[Pair[K, V]](), MemoryOnly)}
}

// Persist is RDD.Persist. Pairs stay where they are: joins of what is placed alike
// need no shuffle.
func (p PairRDD[K, V]) Persist(level StorageLevel) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, typeOf[Pair[K, V]]()).cached(rdd.CacheOp[Pair[K, V]]().Named("Persist"), level)}
}

// Unpersist is RDD.Unpersist.
func (p PairRDD[K, V]) Unpersist() { p.n.Uncache() }

func (u *use) cached(op *rdd.Op, level StorageLevel) *rdd.Node {
	if !level.Known() && u.c.Err == nil {
		u.c.Err = fmt.Errorf("%s (%s): there is no storage level %d", op.Name, u.c.Site, level)
	}
	return u.n.Cached(op, u.as(op), level)
}
