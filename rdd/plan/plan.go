package plan

import (
	"slices"
	"strconv"
)

// Plan is one action's worth of work: every stage it may need, in an order in
// which parents come before their children, and the stage whose rows it wants.
type Plan struct {
	Action string // the action's operator: "Collect", "SaveAsTextFile"
	Site   Site   // where the user called it
	Labels Labels // what the user says about it
	Stages []Stage
	Target StageKey
	Seed   uint64   // seed of the partition hash, the same for a whole session
	Output *Output  // files the action writes, nil when it writes none
	Policy Policy   // what happens to rows that cannot be processed
	Blobs  []Digest // every blob that the stages name
	// RowSums says that what tasks shuffle is summed, to find those that give other rows when they run again.
	RowSums bool
}

// Stage finds the stage with the given key.
func (p *Plan) Stage(key StageKey) (*Stage, bool) {
	for i := range p.Stages {
		if p.Stages[i].Key == key {
			return &p.Stages[i], true
		}
	}
	return nil, false
}

// Site is a position in the user's source, as the run time sees it.
type Site struct {
	File string // base name
	Line int
	Func string // enclosing function, for people
}

// String returns file:line.
func (s Site) String() string { return s.File + ":" + strconv.Itoa(s.Line) }

// StageKind says what a stage's tasks leave behind.
type StageKind uint8

// The kinds of stages.
const (
	MapStage    StageKind = iota // shuffle output, read by later stages
	ResultStage                  // rows or values for the driver, or files
	ValueStage                   // one small value (range bounds) that later stages carry
)

var stageKinds = [...]string{"map", "result", "value"}

// String returns the kind's name.
func (k StageKind) String() string { return named(stageKinds[:], int(k)) }

// named gives the name of a value that may come from a decoded plan, where any
// number can stand.
func named(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown(" + strconv.Itoa(i) + ")"
}

// Class says what running a task of a stage again gives.
type Class uint8

// The classes. Unordered is a determinate set of rows in any order.
const (
	Determinate Class = iota
	Unordered
	Indeterminate
)

// Stage is a pipe and a sink, run once for each partition.
type Stage struct {
	Key   StageKey
	Kind  StageKind
	Class Class
	// Inexact stages may give rows that differ in a last bit when a task runs again: floating-point values were
	// combined on the way, in groups that depend on memory.
	Inexact bool
	// Barrier stages run all their tasks at once, or none.
	Barrier bool
	// Local stages are all that is to be left of their rows: once the action is done,
	// what they read is not needed for them any more.
	Local   bool
	Name    string // the operators in the user's words: "TextFile → FlatMap → ReduceByKey"
	Parents []Parent
	Pipe    Pipe
	Sink    Sink
}

// N is the number of the stage's tasks; 0 until Resolve has run.
func (s *Stage) N() int { return s.Pipe.N }

// Parent is a stage that another one reads.
type Parent struct {
	Key  StageKey
	Kind ParentKind
}

// ParentKind says how a stage reads its parent.
type ParentKind uint8

// The kinds of dependency between stages. A narrow dependency is inside a
// stage, as a chain of its pipe, so it never shows here.
const (
	Wide  ParentKind = iota // every task reads a piece of every map output
	Value                   // every task gets the parent's value
)

// Pipe is what a task runs: a source, then operators in order.
type Pipe struct {
	Source Source
	Ops    []Op
	N      int // number of partitions; 0 until Resolve has run
}

// FileSources lists the pipe's file sources: its own, then those of the pipes
// that its source reads, in order. A task's PipeSplit counts them so.
func (p *Pipe) FileSources() []*Files {
	if p.Source.Files != nil {
		return []*Files{p.Source.Files}
	}
	var all []*Files
	for i := range p.Source.Union {
		all = append(all, p.Source.Union[i].FileSources()...)
	}
	for _, in := range p.Source.Wide {
		if in.Pipe != nil {
			all = append(all, in.Pipe.FileSources()...)
		}
	}
	return all
}

// PipeFiles is a file source that one partition of a pipe reads.
type PipeFiles struct {
	At        int // its place in FileSources
	Partition int // the partition of the source
}

// Reads gives the file sources that a partition of the pipe reads: a union
// reads one of its pipes, a wide operator all of its narrow sides.
func (p *Pipe) Reads(partition int) []PipeFiles {
	return p.reads(partition, 0)
}

func (p *Pipe) reads(partition, at int) []PipeFiles {
	if p.Source.Files != nil {
		return []PipeFiles{{At: at, Partition: partition}}
	}
	for i := range p.Source.Union {
		child := &p.Source.Union[i]
		if partition < child.N {
			return child.reads(partition, at)
		}
		partition -= child.N
		at += len(child.FileSources())
	}
	var all []PipeFiles
	for _, part := range p.Source.Parts(partition) {
		if in := p.Source.Wide[part.Input].Pipe; in != nil {
			all = append(all, in.reads(part.Partition, at+p.Source.FilesBefore(part.Input))...)
		}
	}
	return all
}

// InputPart is a partition of one of the inputs of a source.
type InputPart struct{ Input, Partition int }

// Parts gives what a partition of a source reads of its inputs, in order: of each
// the partition of its own number, but for operators that put several partitions
// into one, every one of a side together with every one of the other, or each with the
// whole of a small side.
func (s *Source) Parts(partition int) []InputPart {
	if s.Coalesced != nil && len(s.Wide) == 1 && s.Wide[0].Pipe != nil {
		return s.Coalesced.parts(partition, s.Wide[0].Pipe.N)
	}
	if s.Crossed && len(s.Wide) == 2 && s.Wide[1].Pipe != nil && s.Wide[1].Pipe.N > 0 {
		n := s.Wide[1].Pipe.N
		return []InputPart{{0, partition / n}, {1, partition % n}}
	}
	parts := make([]InputPart, len(s.Wide))
	for i := range parts {
		parts[i] = InputPart{i, partition}
		if s.Broadcast && s.Wide[i].Pipe == nil {
			parts[i].Partition = 0
		}
	}
	return parts
}

// Streamed is the pipe of a broadcast whose rows each task takes as they come; nil of
// other sources.
func (s *Source) Streamed() *Pipe {
	if s.Broadcast {
		for i := range s.Wide {
			if in := s.Wide[i].Pipe; in != nil {
				return in
			}
		}
	}
	return nil
}

// FilesBefore is the number of file sources of the inputs before one.
func (s *Source) FilesBefore(input int) (n int) {
	for _, in := range s.Wide[:input] {
		if in.Pipe != nil {
			n += len(in.Pipe.FileSources())
		}
	}
	return n
}

// ShuffleRead is a partition of a shuffle that one partition of a pipe reads.
type ShuffleRead struct {
	Shuffle   StageKey
	Partition int
	Own       bool // the whole output of the map task of that number instead
	Whole     bool // every task reads it: there are no other partitions
	// Late says that the task may find that it has no use for it: that is known when
	// operators above it have looked where their rows lie.
	Late bool
}

// ShuffleReads gives what a partition of the pipe reads of shuffles.
func (p *Pipe) ShuffleReads(partition int) []ShuffleRead {
	return p.shuffleReads(nil, partition, false)
}

func (p *Pipe) shuffleReads(all []ShuffleRead, partition int, late bool) []ShuffleRead {
	late = late || slices.ContainsFunc(p.Ops, func(op Op) bool { return op.Placed != nil })
	for i := range p.Source.Union {
		child := &p.Source.Union[i]
		if partition < child.N {
			return child.shuffleReads(all, partition, late)
		}
		partition -= child.N
	}
	for _, part := range p.Source.Parts(partition) {
		in := &p.Source.Wide[part.Input]
		if in.Pipe != nil {
			all = in.Pipe.shuffleReads(all, part.Partition, late)
			continue
		}
		all = addRead(all, ShuffleRead{in.Shuffle, part.Partition, in.Own, p.Source.Broadcast, late})
	}
	return all
}

// addRead adds a read once: it is late where it is so each time.
func addRead(all []ShuffleRead, r ShuffleRead) []ShuffleRead {
	for i := range all {
		same := r
		if same.Late = all[i].Late; all[i] == same {
			all[i].Late = all[i].Late && r.Late
			return all
		}
	}
	return append(all, r)
}

// BlockRead is a block of a cached RDD that one partition of a pipe reads.
type BlockRead struct {
	Block
	// Under is how many of those that follow it are read where it is not kept, to
	// make it.
	Under int
}

// BlockReads gives the blocks that a partition of the pipe reads, so many at most.
func (p *Pipe) BlockReads(partition, most int) []BlockRead {
	return p.blockReads(nil, partition, most)
}

func (p *Pipe) blockReads(all []BlockRead, partition, most int) []BlockRead {
	for i := range p.Source.Union {
		child := &p.Source.Union[i]
		if partition < child.N {
			return child.blockReads(all, partition, most)
		}
		partition -= child.N
	}
	at := len(all)
	if c := p.Source.Cached; c != nil && at < most {
		all = append(all, BlockRead{Block: Block{RDD: c.Key, Partition: partition}})
	}
	for _, part := range p.Source.Parts(partition) {
		if in := p.Source.Wide[part.Input].Pipe; in != nil && len(all) < most {
			all = in.blockReads(all, part.Partition, most)
		}
	}
	if p.Source.Cached != nil && at < len(all) {
		all[at].Under = len(all) - at - 1
	}
	return all
}

// MadeOf says of each of some cached RDDs in the pipe what its rows are made of:
// shuffles, and those of others of them. What these are made of is not listed again.
func (p *Pipe) MadeOf(caches []*Cached) [][]StageKey {
	of := make([][]StageKey, len(caches))
	p.madeOf(caches, of, -1)
	return of
}

// madeOf adds what is read below the one of the caches that is at a place; below 0: below
// none.
func (p *Pipe) madeOf(caches []*Cached, of [][]StageKey, at int) {
	add := func(key StageKey) {
		if at >= 0 && !slices.Contains(of[at], key) {
			of[at] = append(of[at], key)
		}
	}
	if c := p.Source.Cached; c != nil {
		if k := slices.IndexFunc(caches, func(x *Cached) bool { return x.Key == c.Key }); k >= 0 {
			add(c.Key)
			at = k
		}
	}
	for i := range p.Source.Union {
		p.Source.Union[i].madeOf(caches, of, at)
	}
	for i := range p.Source.Wide {
		if in := &p.Source.Wide[i]; in.Pipe != nil {
			in.Pipe.madeOf(caches, of, at)
		} else {
			add(in.Shuffle)
		}
	}
}

// CachedSources lists the cached RDDs that the pipe reads, so many at most, each
// once and before those that it is made of.
func (p *Pipe) CachedSources(most int) []*Cached { return p.cachedSources(nil, most) }

func (p *Pipe) cachedSources(all []*Cached, most int) []*Cached {
	c := p.Source.Cached
	if c != nil && len(all) < most && !slices.ContainsFunc(all, func(x *Cached) bool { return x.Key == c.Key }) {
		all = append(all, c)
	}
	for i := range p.Source.Union {
		all = p.Source.Union[i].cachedSources(all, most)
	}
	for _, in := range p.Source.Wide {
		if in.Pipe != nil {
			all = in.Pipe.cachedSources(all, most)
		}
	}
	return all
}

// Op is one operator in a pipe, or the half of one that reads or writes a
// shuffle.
type Op struct {
	ID   OpID
	Part string // which part of the operator: "" is its function, others are "map", "reduce", "left", …
	Name string
	Site Site
	Env  Digest // the value given to With, encoded; empty: none
	// Placed is how a sort has placed the rows of an operator that can make use of
	// it; nil where nothing is known.
	Placed *Partitioner
}

// Ref is the name under which a kernel lists the operator.
func (o Op) Ref() string {
	if o.Part == "" {
		return string(o.ID)
	}
	return string(o.ID) + "/" + o.Part
}

// Source is where a pipe's rows come from: exactly one of its pointers or
// lists is set.
type Source struct {
	Op    Op // the stage code that makes rows of it; unused by Union
	Files *Files
	Data  *Data
	Range *Range
	Cut   *Cut
	Wide  []Input // shuffles, or pipes that are already placed as one would be
	Union []Pipe  // the partitions of each pipe, one after another
	// Cached says that executors keep the rows of the one pipe in Wide, and take
	// them from there as long as they have them.
	Cached *Cached
	// Coalesced says that each partition is several of the one pipe in Wide.
	Coalesced *Coalesced
	// Crossed says that each partition is one of the first pipe in Wide together with
	// one of the second.
	Crossed bool
	// Broadcast says that each partition is one of the one pipe in Wide together with
	// all of the one shuffle, which has a single partition.
	Broadcast bool
	// Descending turns the order of a sort's read side around.
	Descending bool
}

// Input is one side of a wide operator: a shuffle when Shuffle is set, or else
// a pipe whose partitions are already placed as the shuffle would place them.
type Input struct {
	Shuffle StageKey
	// Own says that a partition is all that one map task of the shuffle wrote, the
	// first what the first did: the rows have been kept, not moved.
	Own  bool
	Pipe *Pipe
}

// Coalesced puts the partitions of a pipe into fewer ones.
type Coalesced struct {
	N int // partitions; Resolve takes off what is more than the pipe has
	// Order lists the pipe's partitions: the first of them make the first partition,
	// and so on. It is nil where that is by their numbers; Resolve sets it.
	Order []int
}

// parts gives those of a pipe's of partitions that one partition has.
func (c *Coalesced) parts(partition, of int) []InputPart {
	if partition < 0 || partition >= c.N {
		return nil
	}
	at := func(i int) int { return int(int64(i) * int64(of) / int64(c.N)) }
	parts := make([]InputPart, 0, at(partition+1)-at(partition))
	for i := at(partition); i < at(partition+1); i++ {
		part := InputPart{Partition: i}
		if len(c.Order) == of {
			part.Partition = c.Order[i]
		}
		parts = append(parts, part)
	}
	return parts
}

// Cached names an RDD whose rows are kept, partition by partition.
type Cached struct {
	Key   StageKey
	Level StorageLevel
	// Counted are the partitions of which the driver knows what was added to
	// accumulators when they were computed: nobody need tell it again.
	Counted PartitionSet
}

// StorageLevel says how the rows of an RDD are kept.
type StorageLevel uint8

// The levels.
const (
	MemoryOnly       StorageLevel = iota // as values
	MemoryOnlySer                        // encoded: smaller, and slower to read
	MemoryAndDisk                        // as values, in files what has no room
	MemoryAndDiskSer                     // encoded, in files what has no room
	DiskOnly                             // in files
	// The same, each block by two executors of different workers.
	MemoryOnly2
	MemoryOnlySer2
	MemoryAndDisk2
	MemoryAndDiskSer2
	DiskOnly2
)

var storageLevels = [...]string{"memory", "memory, encoded", "memory and disk", "memory and disk, encoded", "disk",
	"memory, twice", "memory, encoded, twice", "memory and disk, twice", "memory and disk, encoded, twice", "disk, twice"}

// Known says whether there is such a level.
func (l StorageLevel) Known() bool { return int(l) < len(storageLevels) }

// Copies is how many executors keep each block.
func (l StorageLevel) Copies() int {
	if l >= MemoryOnly2 {
		return 2
	}
	return 1
}

// Single is how each of them does.
func (l StorageLevel) Single() StorageLevel {
	if l >= MemoryOnly2 {
		return l - MemoryOnly2
	}
	return l
}

// Memory says whether rows are in memory where there is room.
func (l StorageLevel) Memory() bool { return l.Single() != DiskOnly }

// Encoded says whether they are never kept as values.
func (l StorageLevel) Encoded() bool {
	l = l.Single()
	return l == MemoryOnlySer || l == MemoryAndDiskSer || l == DiskOnly
}

// Disk says whether they are in files where memory has no room.
func (l StorageLevel) Disk() bool { return l.Single() >= MemoryAndDisk }

// String returns the level's name.
func (l StorageLevel) String() string { return named(storageLevels[:], int(l)) }

// Files is input from storage.
type Files struct {
	// ID tells the file sources of a session apart. What one was found to be
	// holds for all actions over it, and for no other source of the same paths:
	// a program may have written there meanwhile.
	ID        int64
	Paths     string // a path, several with commas, directories, globs
	MinSplits int    // at least so many splits where the input can be cut; 0: the default
	MaxBytes  int64  // the largest split; 0: the default
	Whole     bool   // a file is a row: splits never cut one
	Recursive bool   // directories are read to any depth
	// Record is how many bytes each record has, of files that have records of one
	// length; 0: of others.
	Record int64
	// Parts says that there are so many files, each a partition, in their order; 0:
	// files are cut and packed together.
	Parts int
}

// Data is a slice that the driver holds, in one blob.
type Data struct {
	Blob Digest
	// Ends holds, for each partition, where its encoded rows end in the blob;
	// they start where those of the partition before end.
	Ends []int64
}

// Range is the numbers From, From+Step, … , Count of them, cut into N parts.
type Range struct {
	From, Step, Count int64
	N                 int
}

// Cut stands for rows of which only what an earlier action kept is left, as the output
// of the stage that begins with it: there is nothing to make them of again.
type Cut struct {
	N     int   // partitions
	Bytes int64 // that were kept
}

// Sink is where a task's rows go.
type Sink struct {
	Op   Op
	Part *Partitioner // shuffles only
	// Limit ends a task after so many rows; 0: no limit. Take and First set it,
	// TakeOrdered keeps so many, and a sample looks at so many.
	Limit int64
	// Zero is the value that a fold starts with, encoded.
	Zero Digest
	// Staged says that a task writes a file that its action publishes.
	Staged bool
	// Effects says that a task does something that shows when it is done twice.
	Effects bool
}

// PartitionerKind says how rows find their partition.
type PartitionerKind uint8

// The kinds of partitioner.
const (
	HashPartitioner       PartitionerKind = iota // by the key's seeded hash
	RangePartitioner                             // by bounds, which a value stage finds
	RoundRobinPartitioner                        // by turns, from a start that depends on the task
	SinglePartitioner                            // everything in partition 0
	FuncPartitioner                              // as a function of the program's says
	SkewPartitioner                              // by the key's seeded hash, but for hot keys, which have several partitions
)

var partitionerKinds = [...]string{"hash", "range", "round robin", "single", "function", "skew"}

// Known says whether there is such a kind.
func (k PartitionerKind) Known() bool { return int(k) < len(partitionerKinds) }

// String returns the kind's name.
func (k PartitionerKind) String() string { return named(partitionerKinds[:], int(k)) }

// Partitioner is a value: two RDDs with equal partitioners are placed alike.
type Partitioner struct {
	Kind PartitionerKind
	// N is the number of partitions; 0 until Resolve has run when the user
	// named none.
	N      int
	Bounds StageKey // range: the value stage that finds the bounds
	// Descending turns the order of a range partitioner around.
	Descending bool
	By         *Op // function: the operator that has it
	// Hot is the value stage that finds the hot keys of a skew partitioner. That stage has
	// one itself, for the number of partitions and HotFrom, from how many bytes on a key may
	// be hot.
	Hot     StageKey
	HotFrom int64
}

// Output is a directory that an action writes.
type Output struct {
	Path      string
	Overwrite bool
	// Compression of the part files: "gzip", "zstd", or none.
	Compression string
	// Blocks is the compression of blocks within the part files, of a format that has
	// such: "zlib", "gzip", "zstd", or none.
	Blocks string
	// Replication and BlockSize (bytes) of the part files, for stores that have
	// such; 0: the store's own.
	Replication int
	BlockSize   int64
}

// Policy says what happens to a row that cannot be processed.
type Policy struct {
	Rows  RowPolicy
	Aside string // a directory for rows set aside
	Max   int64  // fail after so many rows in a task all the same; 0: no limit
}

// RowPolicy is one of the ways to treat a bad row.
type RowPolicy uint8

// The policies for bad rows.
const (
	FailRows  RowPolicy = iota // fail the job with path, offset and row
	SkipRows                   // drop and count
	AsideRows                  // write to a directory and count
)

// MaxPartitions is the largest number of partitions of one stage.
const MaxPartitions = 1_000_000
