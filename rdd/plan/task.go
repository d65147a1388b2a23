package plan

// Task is one attempt at one partition of a stage, with everything that an
// executor needs beside the stage itself and the blobs it names.
type Task struct {
	Action    ActionID
	Stage     StageKey
	Gen       int
	Partition int
	Attempt   string // unique in the job, and fit for the name of a file
	Splits    []PipeSplit
	Inputs    []ShuffleInput
	Values    []StageValue
	// Scratch is a directory of this attempt's own; it is there when the attempt
	// starts and is removed when it ends.
	Scratch string
	// Store is the directory, shared with other attempts, for files that outlive
	// this one: shuffle outputs and values too large to carry. It is there when
	// the attempt starts. Names in it begin with Attempt and then no digit, by
	// which the files of attempts that failed or lost are found and removed.
	Store  string
	Staged string // the file that a staged sink writes
	// Gens are the generations of what the stage reads, of those above zero. Cached
	// rows made of others are not what the task wants.
	Gens []StageGen
	// Held says that the executor has the block that the stage's pipe begins with, or
	// another one has it, so that the task was not given what it would take to compute
	// it.
	Held bool
	// Blocks are those that the task may read and that other executors keep.
	Blocks []Block
}

// StageGen is the generation of the outputs of a stage.
type StageGen struct {
	Stage StageKey
	Gen   int
}

// Block names one partition of a cached RDD.
type Block struct {
	RDD       StageKey
	Partition int
}

// PipeSplit is the input of one file source in the task's pipe. A pipe with a
// union or a join inside has several sources; At counts them in the order in
// which Plan lists them (a pipe's own source before its inputs' ones).
type PipeSplit struct {
	At        int
	Partition int    // of that source
	Split     []byte // an encoded storage.Split
}

// ShuffleInput is what the task reads of one shuffle, in map order: the outputs
// of all maps whole, or, in an executor process of its own, only their parts.
type ShuffleInput struct {
	Stage   StageKey
	Outputs [][]byte // encoded shuffle.Output, one a map task; or:
	// Parts is an encoded []shuffle.Part, one a map task, of Partition.
	Parts     []byte
	Partition int
	// Late says that there are no parts yet: whoever finds that it needs them asks.
	Late bool
}

// StageValue is the value of a value stage.
type StageValue struct {
	Stage StageKey
	Value []byte
}

// Result is what a finished attempt reports.
type Result struct {
	// Value is the driver's part of the result: encoded rows, or a value.
	Value []byte
	// ValuePath is a file in Store with the value where it is too large to carry.
	ValuePath string
	// Shuffle is an encoded shuffle.Output.
	Shuffle []byte
	// Staged describes the staged file.
	Staged   *StagedFile
	Rows     int64   // rows that reached the sink
	Sizes    []int64 // of a shuffle: bytes for each reduce partition
	Bytes    int64   // written by the sink
	Sum      uint64
	RowSum   uint64
	Counters Counters
	Updates  Updates // of accumulators
	// Kept are the blocks that the task read or made and that the executor keeps.
	Kept []KeptBlock
	// Evicted are those that the executor let go of since a result last said so.
	Evicted []Block
}

// MaxBlocks is the most blocks that a result tells of: what a task used of many more is
// followed no further, and what went is told by later ones.
const MaxBlocks = 1 << 16

// KeptBlock is a block that an executor keeps.
type KeptBlock struct {
	Block Block
	Bytes int64 // that it takes, of memory or else of the disk
}

// StagedFile is a file that a task wrote aside and the action publishes.
type StagedFile struct {
	Path  string
	Rows  int64
	Bytes int64
	Sum   uint64
}

// Counters are what an attempt did, added up over a stage's winning tasks.
type Counters struct {
	RowsIn       int64 // rows the sources gave
	RowsOut      int64 // rows that reached the sink
	BytesRead    int64 // from storage
	ShuffleRead  int64
	ShuffleWrite int64
	Spilled      int64
	Output       int64 // bytes of output files
	Rejected     int64 // rows dropped or set aside; not those of a sample
	HotKeys      int64 // that a join splits,
	HotParts     int64 // and the partitions that they have together
	// Of the tasks that would rather run near what they read, how many did so in
	// the process that has it, at the node, in the rack, or far away. The
	// scheduler counts them.
	AtProcess, AtNode, AtRack, AtAny int64
}

// Add adds d to c.
func (c *Counters) Add(d Counters) {
	c.RowsIn += d.RowsIn
	c.RowsOut += d.RowsOut
	c.BytesRead += d.BytesRead
	c.ShuffleRead += d.ShuffleRead
	c.ShuffleWrite += d.ShuffleWrite
	c.Spilled += d.Spilled
	c.Output += d.Output
	c.Rejected += d.Rejected
	c.HotKeys += d.HotKeys
	c.HotParts += d.HotParts
	c.AtProcess += d.AtProcess
	c.AtNode += d.AtNode
	c.AtRack += d.AtRack
	c.AtAny += d.AtAny
}

// FailureClass says whose fault a failed attempt is. The numbers travel and
// are never given another meaning.
type FailureClass uint8

// The classes of failure.
const (
	FailUser     FailureClass = 1 // user code returned an error or panicked
	FailFetch    FailureClass = 2 // a shuffle block could not be read
	FailResource FailureClass = 3 // no memory, no disk
	FailCrash    FailureClass = 4
	FailInfra    FailureClass = 5
	FailInput    FailureClass = 6 // input changed, is corrupt or cannot be read
	FailKilled   FailureClass = 7
	FailRefused  FailureClass = 8
)

// Failure is how an attempt failed, as data.
type Failure struct {
	Class   FailureClass
	Op      string // operator, with its site
	Site    Site   // the user's line the error or panic comes from, where known
	Row     int64  // ordinal of the row in the operator's partition, −1 when unknown
	Path    string // of the input the row came from
	Offset  int64  // of the row in Path, −1 when unknown
	Message string
	Stack   string       // of a panic, the user's frames
	Fetch   *FetchSource // set when Class is FailFetch
}

// FetchSource names the map output that could not be read.
type FetchSource struct {
	// Block says that it is a cached block instead, partition Map of RDD Stage,
	// that the executor has no more.
	Block bool
	Stage StageKey
	Map   int
	Way   FetchWay
	Cause string
}

// FetchWay is how an output could not be read. The numbers travel and are never
// given another meaning.
type FetchWay uint8

// The ways.
const (
	FetchCorrupt FetchWay = iota // it is there, and is not what was written
	FetchMissing                 // its owner does not have it
	FetchRefused                 // nobody listens where its owner was
	FetchTimeout                 // somebody may listen
)
