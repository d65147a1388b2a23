package work

import (
	"errors"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestCheck(t *testing.T) {
	good := func() *plan.Plan {
		side := plan.Pipe{Source: plan.Source{Range: &plan.Range{N: plan.MaxPartitions}}}
		return &plan.Plan{Target: "r", Stages: []plan.Stage{
			{Key: "m", Pipe: plan.Pipe{Source: plan.Source{Union: []plan.Pipe{{Source: plan.Source{Files: &plan.Files{MinSplits: 3}}}, {Source: plan.Source{Data: &plan.Data{}}}}}},
				Sink: plan.Sink{Part: &plan.Partitioner{N: 2}}},
			{Key: "r", Kind: plan.ResultStage, Parents: []plan.Parent{{Key: "m"}}, Pipe: plan.Pipe{Source: plan.Source{Wide: []plan.Input{{Shuffle: "m"}, {Pipe: &side}}}}},
		}}
	}
	if err := Check(good()); err != nil {
		t.Fatal(err)
	}
	files := func(p *plan.Plan) *plan.Files { return p.Stages[0].Pipe.Source.Union[0].Source.Files }
	wide := func(p *plan.Plan) []plan.Input { return p.Stages[1].Pipe.Source.Wide }
	for want, spoil := range map[string]func(*plan.Plan){
		`no target stage "x"`:                         func(p *plan.Plan) { p.Target = "x" },
		"names no output":                             func(p *plan.Plan) { p.Stages[1].Sink.Staged = true },
		"10001 stages: the most is 10000":             func(p *plan.Plan) { p.Stages = append(p.Stages, make([]plan.Stage, MaxStages-1)...) },
		"policy 3 for rows":                           func(p *plan.Plan) { p.Policy.Rows = 3 },
		`stage "r": it is of kind 3`:                  func(p *plan.Plan) { p.Stages[1].Kind = 3 },
		`stage "r": it is of kind 1 and class 3`:      func(p *plan.Plan) { p.Stages[1].Class = 3 },
		`stage "r": it reads stage "m" in way 2`:      func(p *plan.Plan) { p.Stages[1].Parents[0].Kind = 2 },
		`stage "m": it writes a shuffle and has no`:   func(p *plan.Plan) { p.Stages[0].Sink.Part = nil },
		`stage "m": its partitioner is of kind 6`:     func(p *plan.Plan) { p.Stages[0].Sink.Part.Kind = 6 },
		"is of hot keys and names no stage":           func(p *plan.Plan) { p.Stages[0].Sink.Part.Kind = plan.SkewPartitioner },
		"finds them, or the other way round":          func(p *plan.Plan) { p.Stages[0].Sink.Part.Hot = "v" },
		"is a function and names none":                func(p *plan.Plan) { p.Stages[0].Sink.Part.Kind = plan.FuncPartitioner },
		`stage "m": -1 partitions`:                    func(p *plan.Plan) { p.Stages[0].Sink.Part.N = -1 },
		`stage "m": 1000001 partitions: too many`:     func(p *plan.Plan) { p.Stages[0].Sink.Part.N = plan.MaxPartitions + 1 },
		`stage "m": 1000002 partitions: too many`:     func(p *plan.Plan) { files(p).MinSplits = plan.MaxPartitions + 2 },
		"records of -1 bytes":                         func(p *plan.Plan) { files(p).Record = -1 },
		"splits of at most -1 bytes":                  func(p *plan.Plan) { files(p).MaxBytes = -1 },
		`stage "r": -5 partitions`:                    func(p *plan.Plan) { wide(p)[1].Pipe.Source.Range.N = -5 },
		"a shuffle or a pipe, and no other":           func(p *plan.Plan) { wide(p)[0].Shuffle = "" },
		"a cached RDD is of the rows of one pipe":     func(p *plan.Plan) { p.Stages[1].Pipe.Source.Cached = &plan.Cached{Key: "c"} },
		"a coalesced RDD is of the partitions of one": func(p *plan.Plan) { p.Stages[1].Pipe.Source.Coalesced = &plan.Coalesced{N: 1} },
		"a product is of the partitions of two pipes": func(p *plan.Plan) { p.Stages[1].Pipe.Source.Crossed = true },
		"one pipe with one shuffle, and no other": func(p *plan.Plan) {
			p.Stages[1].Pipe.Source.Wide, p.Stages[1].Pipe.Source.Broadcast = wide(p)[1:], true
		},
		"by broadcast is of the partitions of one pipe": func(p *plan.Plan) {
			p.Stages[1].Pipe.Source.Broadcast, wide(p)[0].Own = true, true
		},
		"join by broadcast is of the partitions": func(p *plan.Plan) {
			p.Stages[1].Pipe.Source.Broadcast, p.Stages[1].Pipe.Source.Coalesced = true, &plan.Coalesced{N: 1}
		},
		"a join by broadcast is of the part": func(p *plan.Plan) {
			wide(p)[1] = plan.Input{Shuffle: "m"}
			p.Stages[1].Pipe.Source.Broadcast = true
		},
		"a coalesced RDD of 0 partitions": func(p *plan.Plan) {
			p.Stages[1].Pipe.Source = plan.Source{Wide: wide(p)[1:], Coalesced: &plan.Coalesced{}}
		},
		`stage "r": it has been cut`: func(p *plan.Plan) { p.Stages[1].Pipe.Source = plan.Source{Cut: &plan.Cut{N: 1}} },
		`stage "m": -6 partitions`:   func(p *plan.Plan) { p.Stages[0].Pipe.Source = plan.Source{Cut: &plan.Cut{N: -6}} },
		"-1 bytes that were kept":    func(p *plan.Plan) { p.Stages[0].Pipe.Source = plan.Source{Cut: &plan.Cut{Bytes: -1}} },
		"a source is of one kind":    func(p *plan.Plan) { wide(p)[1].Pipe.Source.Data = &plan.Data{} },
		"there is none": func(p *plan.Plan) {
			p.Stages[1].Pipe.Source = plan.Source{Wide: []plan.Input{{Pipe: &plan.Pipe{}}}, Cached: &plan.Cached{Key: "c", Level: 10}}
		},
		`stage "m": 1000003 partitions: too many par`: func(p *plan.Plan) {
			p.Stages[0].Pipe.Source.Union[1].Source.Data.Ends = make([]int64, plan.MaxPartitions+3)
		},
	} {
		p := good()
		spoil(p)
		err := Check(p)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if strings.Contains(want, "too many") && !errors.Is(err, plan.ErrTooManyPartitions) {
			t.Errorf("%v is not plan.ErrTooManyPartitions", err)
		}
	}
}
