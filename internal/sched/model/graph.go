package model

import (
	"math"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Kind is what becomes of a stage's rows.
type Kind uint8

// The kinds of stage.
const (
	MapStage    Kind = iota // into a shuffle, kept in the workers' stores
	ResultStage             // into the action's sink
	ValueStage              // one task, whose result later stages get as a value (R7)
)

// String returns the kind in lower case.
func (k Kind) String() string { return name(k, "map", "result", "value") }

// Class says what a stage's own work does to given inputs when it is done again.
type Class uint8

// The classes. What lies above a stage is the business of its reads.
const (
	Determinate   Class = iota // the same rows in the same order
	Unordered                  // the same rows in any order
	Indeterminate              // perhaps other rows
)

// String returns the class in lower case.
func (c Class) String() string { return name(c, "determinate", "unordered", "indeterminate") }

// Edge is how a stage's task reads a parent.
type Edge uint8

// The edges.
const (
	Wide     Edge = iota // every task reads a part of every output of the parent
	Narrow               // task i reads the whole output i of the parent, which has as many tasks
	ValueDep             // every task gets the parent's value
)

// Parent is one stage that another reads.
type Parent struct {
	Key  plan.StageKey
	Edge Edge
	// Own says that task i reads the output i of a wide parent, and no other.
	Own bool
}

// StageSpec is what the machine knows of a stage before its sizes.
type StageSpec struct {
	Key     plan.StageKey
	Kind    Kind
	Parents []Parent
	Class   Class
	Barrier bool // all tasks run at once or none (R59)
	// Cached names the cached data set nearest to the sink: a task whose block
	// has a holder does not read the stage's parents. Empty: none.
	Cached plan.StageKey
	// Caches are the cached data sets that tasks may read, that of Cached among them.
	Caches []Cache
	// Cut says that only the outputs that the stage has are left of it: what it
	// read is not needed for it any more (R4).
	Cut bool
	// Local says that the stage is to be cut when the action is done.
	Local bool
	Name  string // for people
	Site  string // the user's file:line
}

// Cache is a cached data set.
type Cache struct {
	RDD    plan.StageKey
	Copies int // how many workers are to hold each of its blocks
	// Of says what its blocks are made of: rows of parents of the stage, and blocks of
	// others of its Caches. What those are made of is not among it.
	Of []plan.StageKey
}

// StageSize says how many tasks a stage has and where they like to run.
type StageSize struct {
	Key     plan.StageKey
	N       int
	Reduces int // partitions of its shuffle; 0 for others
	// Prefs lists for each task the hosts that hold its input. It may be nil,
	// and shorter than N; so may each entry.
	Prefs [][]string
	// Racks are those of hosts in Prefs, as far as storage knows them.
	Racks map[string]string
	// Blocks lists for each task what it reads of the stage's Caches. Without it that
	// is the block of its own number, of the only one.
	Blocks [][]BlockRead
}

// BlockRead is a block of a cached data set that a task reads.
type BlockRead struct {
	Cache     int // of StageSpec.Caches
	Partition int
	Under     int // of those that follow, so many are read only where this one is not kept
}

// SizeByte codes a number of bytes in one, rising: what MapOutput.Sizes has for
// each reducer. It is at most a tenth too high.
func SizeByte(n int64) byte {
	if n <= 0 {
		return 0
	}
	return byte(min(math.Ceil(math.Log(float64(n))/math.Log(sizeBase))+1, 255))
}

// SizeOf returns about the number that SizeByte coded.
func SizeOf(b byte) int64 {
	if b == 0 {
		return 0
	}
	return int64(math.Pow(sizeBase, float64(b)-1))
}

const sizeBase = 1.1 // 255 steps reach beyond 30 GB

// SinkKind is where an action's rows go.
type SinkKind uint8

// The sinks.
const (
	RowsToDriver SinkKind = iota // result blocks, passed on as they arrive
	Files                        // staged beside Path, published at once
	ForEach                      // user code with effects of its own; no rows come back
)

// String returns the sink in lower case.
func (k SinkKind) String() string { return name(k, "driver", "files", "foreach") }

// Guarantee says what repeating a task of a sink does.
type Guarantee uint8

// The guarantees.
const (
	Atomic      Guarantee = iota // nothing is visible before everything is
	Idempotent                   // the second time changes nothing
	AtLeastOnce                  // the second time is seen: no twins (R58)
)

// Sink is where an action's rows go and what is promised about them.
type Sink struct {
	Kind      SinkKind
	Path      string // of Files
	Overwrite bool
	Guarantee Guarantee
	// Consumed says that the driver's user code sees rows before the action's
	// end (All): they cannot be taken back (R51).
	Consumed bool
	// Ahead is how many of the wanted partitions may be asked for beyond those
	// that the driver acknowledged, so that a slow one is not buried; 0: any.
	Ahead int
}

// Limits bound one job; a zero field means the Config's.
type Limits struct {
	MaxFailures    int   // attempts of one task that may fail by its own fault
	Slots          int   // most attempts at a time
	SlotsPerWorker int   // most attempts at a time on one worker
	Memory         int64 // reserved per attempt, in bytes
	ResultBytes    int64 // most bytes of results per action
	// NoProgress is how long an attempt may stand still before it is ended (R26).
	NoProgress time.Duration
}

// name returns names[i], or the number for one this code does not know.
func name[T ~uint8](i T, names ...string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "unknown"
}
