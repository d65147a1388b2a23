package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sizes is what Resolve needs to know of the world.
type Sizes struct {
	Slots int // task slots of the cluster
	// Splits gives the number of splits and their bytes for a file source.
	Splits func(f *Files) (n int, bytes int64, err error)
	// Hosts gives the hosts that hold a split of a file source, where they are
	// known. It may be nil.
	Hosts func(f *Files, split int) []string
}

const (
	// A partition of so many bytes can be sorted in the memory that a task has where there is little, and in the
	// caches nearly. More than fewReducers cost more to write to: they get more bytes each.
	bytesPerReducer = 16 << 20
	bytesPerOfMany  = 64 << 20
	fewReducers     = 64
	maxReducers     = 4096
	// A number of a Range counts for as much as a pair of numbers takes where it
	// is grouped.
	bytesPerNumber = 32
	// maxNumbers, of which many Ranges can still be added up, have more than
	// maxReducers partitions.
	maxNumbers = 1 << 40
)

// ErrTooManyPartitions is wrapped by the error for a stage beyond
// MaxPartitions.
var ErrTooManyPartitions = errors.New("too many partitions")

// Resolve fixes what a plan leaves open until its inputs are known: the number
// of tasks of every stage, and the number of partitions of every shuffle for
// which the user named none: twice the slots, or one for each 16 MiB of files,
// or ½ Mi numbers of a Range, where that is more, and up to 64 as many as keep all slots
// at work to the end. Beyond 64 of these there is one for each 64 MiB, at most 4,096. Shuffles that one operator reads together get the same
// number. Sizes already fixed are kept.
func (p *Plan) Resolve(s Sizes) error {
	r := resolver{
		sizes:  s,
		stages: make(map[StageKey]*Stage, len(p.Stages)),
		below:  make(map[StageKey]inputs, len(p.Stages)),
		number: map[any]int{},
	}
	for i := range p.Stages {
		st := &p.Stages[i]
		r.stages[st.Key] = st
		n, in, err := r.pipe(&st.Pipe)
		if err != nil {
			return err
		}
		if n < 0 {
			return fmt.Errorf("%s: %d partitions", st.Name, n)
		}
		if n > MaxPartitions {
			return fmt.Errorf("%s: %d partitions: %w: the most is %d", st.Name, n, ErrTooManyPartitions, MaxPartitions)
		}
		r.below[st.Key] = in
		if part := st.Sink.Part; st.Kind == ValueStage && part != nil && part.N == 0 && part.Kind != SkewPartitioner {
			part.N = r.reducers(in)
		}
	}
	return nil
}

// inputs are the numbers of sources that have a size, in ascending order. They are shared,
// and never changed.
type inputs []int

// and gives the sources of both. Where one has all that the other has, which is
// the rule in long lineages, nothing is copied.
func (in inputs) and(others inputs) inputs {
	if len(in) < len(others) {
		in, others = others, in
	}
	all, copied := in, false
	for _, source := range others {
		at, found := slices.BinarySearch(all, source)
		if found {
			continue
		}
		if !copied {
			all, copied = slices.Clone(all), true
		}
		all = slices.Insert(all, at, source)
	}
	return all
}

type resolver struct {
	sizes  Sizes
	stages map[StageKey]*Stage // those seen so far: parents of the one at hand
	below  map[StageKey]inputs // what each of them reads, itself or through others
	number map[any]int         // of each Files, Range and Cut
	bytes  []int64             // by number
}

// reducers is the number of partitions of a shuffle for which the user named
// none.
func (r *resolver) reducers(in inputs) int {
	bytes := int64(0)
	for _, source := range in {
		bytes += r.bytes[source]
	}
	slots := int64(max(r.sizes.Slots, 1))
	n := max(2*slots, min(bytes/bytesPerReducer, fewReducers), bytes/bytesPerOfMany)
	// Five tasks on two slots take as long as six, which have less to do each.
	if turns := (n + slots - 1) / slots; turns*slots <= fewReducers {
		n = turns * slots
	}
	return int(min(n, maxReducers))
}

// files gives the number of splits of a file source.
func (r *resolver) files(f *Files) (n int, in inputs, err error) {
	n, bytes, err := r.sizes.Splits(f)
	if err != nil {
		return 0, nil, err
	}
	return n, r.source(*f, bytes), nil
}

// source gives a Files, Range or Cut, and what it has.
func (r *resolver) source(key any, bytes int64) inputs {
	source, known := r.number[key]
	if !known {
		source = len(r.bytes)
		r.number[key] = source
		r.bytes = append(r.bytes, bytes)
	}
	return inputs{source}
}

// pipe sets and gives the number of partitions of a pipe, and the input below
// it.
func (r *resolver) pipe(p *Pipe) (n int, in inputs, err error) {
	defer func() { p.N = n }()
	src := &p.Source
	switch {
	case src.Files != nil:
		return r.files(src.Files)
	case src.Data != nil:
		return len(src.Data.Ends), nil, nil
	case src.Range != nil:
		return src.Range.N, r.source(*src.Range, min(src.Range.Count, maxNumbers)*bytesPerNumber), nil
	case src.Cut != nil:
		return src.Cut.N, r.source(src.Cut, src.Cut.Bytes), nil
	case src.Coalesced != nil:
		return r.coalesced(src)
	case src.Crossed:
		return r.crossed(src)
	case src.Wide != nil:
		return r.wide(src)
	}
	for i := range src.Union {
		m, b, err := r.pipe(&src.Union[i])
		if err != nil {
			return 0, nil, err
		}
		n, in = n+m, in.and(b)
	}
	return n, in, nil
}

// wide gives the number of partitions that the inputs of one operator share,
// and fixes it for those shuffles among them that have none yet.
func (r *resolver) wide(src *Source) (n int, in inputs, err error) {
	sides := src.Wide
	var open []*Partitioner
	for i := range sides {
		var m int
		var b inputs
		if side := &sides[i]; side.Pipe != nil {
			if m, b, err = r.pipe(side.Pipe); err != nil {
				return 0, nil, err
			}
		} else {
			st := r.stages[side.Shuffle]
			if st == nil || st.Sink.Part == nil {
				return 0, nil, fmt.Errorf("plan reads shuffle %s before it is made", side.Shuffle)
			}
			m, b = st.Sink.Part.N, r.below[side.Shuffle]
			open = r.finder(open, st.Sink.Part)
			switch {
			case side.Own:
				m = st.N()
			case src.Broadcast && m != 1:
				return 0, nil, fmt.Errorf("%s (%s): every task reads all of shuffle %s, which has %d partitions and not one", src.Op.Name, src.Op.Site, side.Shuffle, m)
			case src.Broadcast:
				m = 0 // as many as the other side has
			case m == 0:
				open = append(open, st.Sink.Part)
			}
		}
		if n != 0 && m != 0 && m != n {
			return 0, nil, fmt.Errorf("%s (%s): its inputs have %d and %d partitions: give them the same number", src.Op.Name, src.Op.Site, n, m)
		}
		n, in = max(n, m), in.and(b)
	}
	if n == 0 && len(open) > 0 {
		n = r.reducers(in)
	}
	for _, part := range open {
		part.N = n
	}
	return n, in, nil
}

// finder adds the partitioner of the stage that finds the hot keys of another one, where
// its number is open: that is the number of the shuffles that are read together, and of
// no side alone.
func (r *resolver) finder(open []*Partitioner, part *Partitioner) []*Partitioner {
	if st := r.stages[part.Hot]; st != nil && st.Sink.Part != nil && st.Sink.Part.N == 0 {
		return append(open, st.Sink.Part)
	}
	return open
}

// coalesced sets how the partitions of a pipe are put into fewer ones: as many of
// the one as of the other, and next to each other those that one host holds.
func (r *resolver) coalesced(src *Source) (n int, in inputs, err error) {
	p, c := src.Wide[0].Pipe, src.Coalesced
	if n, in, err = r.pipe(p); err != nil {
		return 0, nil, err
	}
	c.N, c.Order = min(c.N, n), nil
	if c.N < n {
		c.Order = r.byHost(p)
	}
	return c.N, in, nil
}

// byHost orders the partitions of a pipe by a host that holds what they read, of
// several the one with the fewest partitions so far; nil where none is known.
func (r *resolver) byHost(p *Pipe) []int {
	files := p.FileSources()
	if r.sizes.Hosts == nil || len(files) == 0 {
		return nil
	}
	hosts, order, load := make([]string, p.N), make([]int, p.N), map[string]int{}
	for i := range order {
		order[i] = i
		for _, read := range p.Reads(i) {
			for _, host := range r.sizes.Hosts(files[read.At], read.Partition) {
				if hosts[i] == "" || load[host] < load[hosts[i]] {
					hosts[i] = host
				}
			}
		}
		load[hosts[i]]++
	}
	if load[""] == p.N {
		return nil
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(hosts[i], hosts[j]) })
	return order
}

// crossed gives the number of partitions of one pipe times that of the other.
func (r *resolver) crossed(src *Source) (n int, in inputs, err error) {
	left, lefts, err := r.pipe(src.Wide[0].Pipe)
	if err != nil {
		return 0, nil, err
	}
	right, rights, err := r.pipe(src.Wide[1].Pipe)
	if err != nil {
		return 0, nil, err
	}
	if right > 0 && left > MaxPartitions/right {
		return 0, nil, fmt.Errorf("%s (%s): %d times %d partitions: %w: the most is %d: Coalesce the sides before",
			src.Op.Name, src.Op.Site, left, right, ErrTooManyPartitions, MaxPartitions)
	}
	return left * right, lefts.and(rights), nil
}
