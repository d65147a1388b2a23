package work

import (
	"errors"
	"fmt"

	"github.com/gordd-project/gordd/rdd/plan"
)

// MaxStages is the largest number of stages of one plan. A lineage gets so long by
// thousands of rounds of a loop.
const MaxStages = 10_000

// Check refuses a plan that no engine can run, whatever the world is like. After
// it an engine may use all numbers of the plan: a plan comes from another process,
// which may be anything.
func Check(p *plan.Plan) error {
	target, ok := p.Stage(p.Target)
	switch {
	case !ok:
		return fmt.Errorf("plan has no target stage %q", p.Target)
	case target.Sink.Staged != (p.Output != nil):
		return errors.New("plan writes files and names no output, or the other way round")
	case len(p.Stages) > MaxStages:
		return fmt.Errorf("plan has %d stages: the most is %d: use Checkpoint on the way", len(p.Stages), MaxStages)
	case p.Policy.Rows > plan.AsideRows:
		return fmt.Errorf("plan has the policy %d for rows, which is none", p.Policy.Rows)
	}
	if err := p.Labels.Check(); err != nil {
		return err
	}
	for i := range p.Stages {
		st := &p.Stages[i]
		err := checkStage(st)
		if err == nil {
			err = checkPipe(&st.Pipe)
		}
		if err != nil {
			return fmt.Errorf("stage %q: %w", st.Key, err)
		}
	}
	return nil
}

func checkStage(st *plan.Stage) error {
	part := st.Sink.Part
	switch {
	case st.Kind > plan.ValueStage || st.Class > plan.Indeterminate:
		return fmt.Errorf("it is of kind %d and class %d, which are none", st.Kind, st.Class)
	case st.Kind == plan.MapStage && part == nil:
		return errors.New("it writes a shuffle and has no partitioner")
	case st.Pipe.Source.Cut != nil && (st.Kind != plan.MapStage || len(st.Parents) > 0 || st.Barrier):
		return errors.New("it has been cut, and reads something, or is no stage whose output is kept")
	case part != nil && !part.Kind.Known():
		return fmt.Errorf("its partitioner is of kind %d, which is none", part.Kind)
	case part != nil && (part.Kind == plan.FuncPartitioner) != (part.By != nil):
		return errors.New("its partitioner is a function and names none, or the other way round")
	case part != nil && (part.Kind == plan.SkewPartitioner && st.Kind == plan.MapStage) != (part.Hot != ""):
		return errors.New("its partitioner is of hot keys and names no stage that finds them, or the other way round")
	case part != nil:
		if err := checkCount(part.N); err != nil {
			return err
		}
	}
	for _, parent := range st.Parents {
		if parent.Kind > plan.Value {
			return fmt.Errorf("it reads stage %q in way %d, which is none", parent.Key, parent.Kind)
		}
	}
	return nil
}

// checkPipe looks at a pipe and those that it reads. How deep they nest was
// bounded when the plan was decoded.
func checkPipe(p *plan.Pipe) error {
	src := &p.Source
	if err := checkSource(src); err != nil {
		return err
	}
	for i := range src.Union {
		if err := checkPipe(&src.Union[i]); err != nil {
			return err
		}
	}
	for i := range src.Wide {
		side := &src.Wide[i]
		if (side.Shuffle == "") == (side.Pipe == nil) {
			return errors.New("a side of a wide operator reads a shuffle or a pipe, and no other")
		}
		if side.Pipe != nil {
			if err := checkPipe(side.Pipe); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkSource(src *plan.Source) error {
	n := 0
	for _, set := range []bool{src.Files != nil, src.Data != nil, src.Range != nil, src.Cut != nil, len(src.Wide) > 0, len(src.Union) > 0} {
		if set {
			n++
		}
	}
	switch {
	case n > 1:
		return errors.New("a source is of one kind, and no other")
	case src.Cached != nil && (len(src.Wide) != 1 || src.Wide[0].Pipe == nil):
		return errors.New("a cached RDD is of the rows of one pipe, and no other")
	case src.Cached != nil && !src.Cached.Level.Known():
		return fmt.Errorf("a cached RDD has storage level %d: there is none", src.Cached.Level)
	case src.Files != nil && src.Files.Parts != 0:
		return checkCount(src.Files.Parts)
	case src.Crossed && (len(src.Wide) != 2 || src.Wide[0].Pipe == nil || src.Wide[1].Pipe == nil || src.Coalesced != nil):
		return errors.New("a product is of the partitions of two pipes, and no other")
	case src.Broadcast && !broadcast(src):
		return errors.New("a join by broadcast is of the partitions of one pipe with one shuffle, and no other")
	case src.Coalesced != nil && (len(src.Wide) != 1 || src.Wide[0].Pipe == nil):
		return errors.New("a coalesced RDD is of the partitions of one pipe, and no other")
	case src.Coalesced != nil && src.Coalesced.N < 1:
		return fmt.Errorf("a coalesced RDD of %d partitions", src.Coalesced.N)
	case src.Coalesced != nil:
		return checkCount(src.Coalesced.N)
	case src.Files != nil && src.Files.Record < 0:
		return fmt.Errorf("records of %d bytes", src.Files.Record)
	case src.Files != nil && src.Files.MaxBytes < 0:
		return fmt.Errorf("splits of at most %d bytes", src.Files.MaxBytes)
	case src.Files != nil:
		return checkCount(src.Files.MinSplits)
	case src.Range != nil:
		return checkCount(src.Range.N)
	case src.Data != nil:
		return checkCount(len(src.Data.Ends))
	case src.Cut != nil && src.Cut.Bytes < 0:
		return fmt.Errorf("%d bytes that were kept", src.Cut.Bytes)
	case src.Cut != nil:
		return checkCount(src.Cut.N)
	}
	return nil
}

// broadcast says whether a source reads one pipe and one shuffle.
func broadcast(src *plan.Source) bool {
	return len(src.Wide) == 2 && (src.Wide[0].Pipe == nil) != (src.Wide[1].Pipe == nil) &&
		!src.Wide[0].Own && !src.Wide[1].Own && !src.Crossed && src.Coalesced == nil && src.Cached == nil
}

// checkCount looks at a number of partitions, before any are made.
func checkCount(n int) error {
	if n > plan.MaxPartitions {
		return fmt.Errorf("%d partitions: %w: the most is %d", n, plan.ErrTooManyPartitions, plan.MaxPartitions)
	}
	if n < 0 {
		return fmt.Errorf("%d partitions", n)
	}
	return nil
}
