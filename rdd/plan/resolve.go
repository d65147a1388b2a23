package plan

import (
	"errors"
	"fmt"
)

// Sizes is what Resolve needs to know of the world.
type Sizes struct {
	Slots int // task slots of the cluster
	// Splits gives the number of splits and their bytes for a file source.
	Splits func(f *Files) (n int, bytes int64, err error)
}

const (
	bytesPerReducer = 64 << 20
	maxReducers     = 4096
)

// ErrTooManyPartitions is wrapped by the error for a stage beyond
// MaxPartitions.
var ErrTooManyPartitions = errors.New("too many partitions")

// Resolve fixes what a plan leaves open until its inputs are known: the number
// of tasks of every stage, and the number of partitions of every shuffle for
// which the user named none: twice the slots, or one for each 64 MiB of input
// where that is more, at most 4,096. Shuffles that one operator reads together
// get the same number. Sizes already fixed are kept.
func (p *Plan) Resolve(s Sizes) error {
	r := resolver{sizes: s, stages: make(map[StageKey]*Stage, len(p.Stages)), bytes: make(map[StageKey]int64, len(p.Stages))}
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
		r.bytes[st.Key] = in
		if st.Kind == ValueStage && st.Sink.Part != nil && st.Sink.Part.N == 0 {
			st.Sink.Part.N = defaultReducers(s.Slots, in)
		}
	}
	return nil
}

func defaultReducers(slots int, bytes int64) int {
	return int(min(max(int64(2*slots), bytes/bytesPerReducer, 1), maxReducers))
}

type resolver struct {
	sizes  Sizes
	stages map[StageKey]*Stage // those seen so far: parents of the one at hand
	bytes  map[StageKey]int64  // of input below each of them
}

// pipe sets and gives the number of partitions of a pipe, and the bytes of
// input below it.
func (r *resolver) pipe(p *Pipe) (n int, bytes int64, err error) {
	defer func() { p.N = n }()
	src := &p.Source
	switch {
	case src.Files != nil:
		return r.sizes.Splits(src.Files)
	case src.Data != nil:
		return len(src.Data.Ends), 0, nil
	case src.Range != nil:
		return src.Range.N, 0, nil
	case src.Wide != nil:
		return r.wide(src.Wide)
	}
	for i := range src.Union {
		m, b, err := r.pipe(&src.Union[i])
		if err != nil {
			return 0, 0, err
		}
		n, bytes = n+m, bytes+b
	}
	return n, bytes, nil
}

// wide gives the number of partitions that the inputs of one operator share,
// and fixes it for those shuffles among them that have none yet.
func (r *resolver) wide(inputs []Input) (n int, bytes int64, err error) {
	var open []*Partitioner
	for i := range inputs {
		var m int
		var b int64
		if in := &inputs[i]; in.Pipe != nil {
			if m, b, err = r.pipe(in.Pipe); err != nil {
				return 0, 0, err
			}
		} else {
			st := r.stages[in.Shuffle]
			if st == nil || st.Sink.Part == nil {
				return 0, 0, fmt.Errorf("plan reads shuffle %s before it is made", in.Shuffle)
			}
			m, b = st.Sink.Part.N, r.bytes[in.Shuffle]
			if m == 0 {
				open = append(open, st.Sink.Part)
			}
		}
		if n != 0 && m != 0 && m != n {
			return 0, 0, fmt.Errorf("inputs of one operator have %d and %d partitions", n, m)
		}
		n, bytes = max(n, m), bytes+b
	}
	if n == 0 && len(open) > 0 {
		n = defaultReducers(r.sizes.Slots, bytes)
	}
	for _, part := range open {
		part.N = n
	}
	return n, bytes, nil
}
