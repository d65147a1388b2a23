package typed

import (
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
)

// ReadOption is an option of the sources that read files.
type ReadOption interface{ read(*plan.Files) }

// ShuffleOption is an option of operators that shuffle.
type ShuffleOption interface{ shuffle(*wideOptions) }

// JoinOption is an option of joins.
type JoinOption interface{ join(*wideOptions) }

// SortOption is an option of sorts.
type SortOption interface {
	sort(*wideOptions)
	PlacedSortOption
}

// PlacedSortOption is an option of RepartitionAndSortWithinPartitions: those of sorts,
// and PartitionFunc.
type PlacedSortOption interface{ placedSort(*wideOptions) }

// RangeOption is an option of Range.
type RangeOption interface{ rng(*plan.Range) }

// SaveOption is an option of the actions that write files.
type SaveOption interface{ save(*saveOptions) }

type wideOptions struct {
	partitions int
	descending bool
	by         *rdd.Partitioning
	below      int64 // as in rdd.Wide
	skew       int64 // as in rdd.Wide
}

type saveOptions struct {
	output plan.Output
	format any // func(T) string
}

// PartitionsOption is what Partitions gives: it fits every operator that makes
// partitions.
type PartitionsOption int

// Partitions asks for n partitions. Of a source of files it asks for at least
// so many, where the files can be cut. 0 is the default.
func Partitions(n int) PartitionsOption { return PartitionsOption(n) }

func (n PartitionsOption) read(f *plan.Files)        { f.MinSplits = int(n) }
func (n PartitionsOption) shuffle(o *wideOptions)    { o.partitions = int(n) }
func (n PartitionsOption) join(o *wideOptions)       { o.partitions = int(n) }
func (n PartitionsOption) sort(o *wideOptions)       { o.partitions = int(n) }
func (n PartitionsOption) placedSort(o *wideOptions) { o.partitions = int(n) }
func (n PartitionsOption) rng(r *plan.Range)         { r.N = int(n) }

type joinFunc func(*wideOptions)

func (f joinFunc) join(o *wideOptions) { f(o) }

// BroadcastBelow has a join send its smaller side whole to every task, so that the rows
// of the other are not shuffled, if that side is made of no more than so many bytes of
// input; 0 has it shuffle both. Without it [Options.BroadcastBelow] holds, and the other
// side must be much larger. The result has the partitions and the order of the side that
// is not sent. Of an outer join the side can be sent whose rows without a partner are
// dropped; FullOuterJoin, CoGroup and SubtractByKey send none, and nor do joins with
// Partitions or a PartitionFunc. Tasks share what is sent: the function must not change
// what its values refer to.
func BroadcastBelow(bytes int64) JoinOption {
	return joinFunc(func(o *wideOptions) {
		if o.below = bytes; bytes <= 0 {
			o.below = -1
		}
	})
}

// SkewJoin has a join split the keys that have at least so many bytes of one side, and several
// times as many as a partition has by the average: the rows of such a key on that side are
// dealt out to several partitions, and those of the other side are copied to each, so that
// no task has all of them. A sample of the rows finds these keys, and costs little where
// a side comes from files. 0 splits none. Without it [Options.SkewJoin] holds. The
// result is not placed by its keys. Of an outer join the side is split whose rows without a
// partner are kept; FullOuterJoin, CoGroup and SubtractByKey split none, and nor do joins
// with Partitions or a PartitionFunc, of sides of which one is not shuffled.
func SkewJoin(bytes int64) JoinOption {
	return joinFunc(func(o *wideOptions) {
		if o.skew = bytes; bytes <= 0 {
			o.skew = -1
		}
	})
}

type readFunc func(*plan.Files)

func (f readFunc) read(o *plan.Files) { f(o) }

// Recursive reads directories to any depth.
func Recursive() ReadOption { return readFunc(func(o *plan.Files) { o.Recursive = true }) }

// SplitBytes bounds the size of a split; the default is 256 MiB, and 128 MiB of files
// whose blocks have hosts.
func SplitBytes(n int64) ReadOption { return readFunc(func(o *plan.Files) { o.MaxBytes = n }) }

type rangeFunc func(*plan.Range)

func (f rangeFunc) rng(r *plan.Range) { f(r) }

// From starts a Range at a number other than 0.
func From(n int64) RangeOption { return rangeFunc(func(r *plan.Range) { r.From = n }) }

// Step makes a Range go in steps other than 1; negative ones go down.
func Step(n int64) RangeOption { return rangeFunc(func(r *plan.Range) { r.Step = n }) }

type sortFunc func(*wideOptions)

func (f sortFunc) sort(o *wideOptions)       { f(o) }
func (f sortFunc) placedSort(o *wideOptions) { f(o) }

// Descending sorts the greatest first.
func Descending() SortOption { return sortFunc(func(o *wideOptions) { o.descending = true }) }

type saveFunc func(*saveOptions)

func (f saveFunc) save(o *saveOptions) { f(o) }

// Overwrite replaces an output directory that is there.
func Overwrite() SaveOption { return saveFunc(func(o *saveOptions) { o.output.Overwrite = true }) }

// Compress compresses the part files: "gzip" or "zstd". SaveAsSequenceFile has "zlib"
// too, and compresses within them.
func Compress(name string) SaveOption {
	return saveFunc(func(o *saveOptions) { o.output.Compression = name })
}

// Replication is how many copies of each block of the part files a store such
// as HDFS keeps. The default is the store's; others have one.
func Replication(n int) SaveOption {
	return saveFunc(func(o *saveOptions) { o.output.Replication = n })
}

// BlockSize is the size, in bytes, of the blocks in which a store such as HDFS
// keeps the part files. The default is the store's.
func BlockSize(n int64) SaveOption {
	return saveFunc(func(o *saveOptions) { o.output.BlockSize = n })
}

// Format makes the line of each row, where rows have no text form of their
// own. f is a function as operators take them.
func Format[T any](f func(T) string) SaveOption {
	return saveFunc(func(o *saveOptions) { o.format = f })
}

func shuffleOptions(opts []ShuffleOption) wideOptions {
	var o wideOptions
	for _, opt := range opts {
		opt.shuffle(&o)
	}
	return o
}

func joinOptions(opts []JoinOption) wideOptions {
	var o wideOptions
	for _, opt := range opts {
		opt.join(&o)
	}
	return o
}

func sortOptions(opts []SortOption) wideOptions {
	var o wideOptions
	for _, opt := range opts {
		opt.sort(&o)
	}
	return o
}
