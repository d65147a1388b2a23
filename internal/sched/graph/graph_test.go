package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func stage(key plan.StageKey, kind model.Kind, parents ...model.Parent) model.StageSpec {
	return model.StageSpec{Key: key, Kind: kind, Parents: parents}
}

func wide(key plan.StageKey) model.Parent { return model.Parent{Key: key} }

func TestWhatIsRefused(t *testing.T) {
	m, r := stage("m", model.MapStage), stage("r", model.ResultStage, wide("m"))
	value := stage("v", model.ValueStage)
	gang, lone := m, r
	gang.Barrier, lone.Barrier = true, true
	cached := gang
	cached.Cached, cached.Caches = "c", []model.Cache{{RDD: "c"}}
	plain := stage("r", model.ResultStage)
	for _, c := range []struct {
		want string
		a    model.SubmitAction
	}{
		{"not in the graph", model.SubmitAction{Graph: []model.StageSpec{m}}},
		{"used twice", model.SubmitAction{Graph: []model.StageSpec{m, m, r}}},
		{"is empty", model.SubmitAction{Graph: []model.StageSpec{stage("", model.MapStage), r}}},
		{"a cycle", model.SubmitAction{Graph: []model.StageSpec{stage("m", model.MapStage, wide("n")), stage("n", model.MapStage, wide("m")), r}}},
		{"which is not in the graph", model.SubmitAction{Graph: []model.StageSpec{r}}},
		{"leads nowhere", model.SubmitAction{Graph: []model.StageSpec{m, plain}}},
		{"and no other, is a result stage", model.SubmitAction{Graph: []model.StageSpec{stage("q", model.ResultStage), plain}}},
		{"and no other, is a result stage", model.SubmitAction{Graph: []model.StageSpec{stage("r", model.MapStage)}}},
		{"cannot read value", model.SubmitAction{Graph: []model.StageSpec{value, stage("r", model.ResultStage, wide("v"))}}},
		{"cannot read map", model.SubmitAction{Graph: []model.StageSpec{m, stage("r", model.ResultStage, model.Parent{Key: "m", Edge: model.ValueDep})}}},
		{"single tasks of barrier", model.SubmitAction{Graph: []model.StageSpec{gang, stage("r", model.ResultStage, model.Parent{Key: "m", Edge: model.Narrow})}}},
		{"has been cut", model.SubmitAction{Graph: []model.StageSpec{m, {Key: "c", Kind: model.MapStage, Cut: true, Parents: []model.Parent{wide("m")}}, r}}},
		{"cached block", model.SubmitAction{Graph: []model.StageSpec{cached, r}}},
		{"not some of them", model.SubmitAction{Graph: []model.StageSpec{m, lone}, Partitions: []int{0}}},
		{"not some of them", model.SubmitAction{Graph: []model.StageSpec{m, lone}, FirstN: 1}},
		{"needs a path", model.SubmitAction{Graph: []model.StageSpec{plain}, Sink: model.Sink{Kind: model.Files}}},
		{"only go to the driver", model.SubmitAction{Graph: []model.StageSpec{plain}, Sink: model.Sink{Kind: model.ForEach}, FirstN: 1}},
		{"only go to the driver", model.SubmitAction{Graph: []model.StageSpec{plain}, FirstN: -1}},
		{"must rise", model.SubmitAction{Graph: []model.StageSpec{plain}, Partitions: []int{1, 1}}},
		{"must rise", model.SubmitAction{Graph: []model.StageSpec{plain}, Partitions: []int{-1}}},
	} {
		c.a.Target = "r"
		if order, err := Order(&c.a); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", c.want, order, err)
		}
	}
}

// Any graph without a cycle is sorted, however it is listed and however deep it is.
func TestSourcesFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		read := map[int]bool{}
		var g []model.StageSpec
		for i := range n {
			s := stage(plan.StageKey(fmt.Sprint(i)), model.MapStage)
			for range rapid.IntRange(0, min(i, 3)).Draw(t, "parents") {
				p := rapid.IntRange(0, i-1).Draw(t, "parent")
				s.Parents = append(s.Parents, wide(plan.StageKey(fmt.Sprint(p))))
				read[p] = true
			}
			g = append(g, s)
		}
		target := stage("r", model.ResultStage)
		for i := range n {
			if !read[i] {
				target.Parents = append(target.Parents, wide(plan.StageKey(fmt.Sprint(i))))
			}
		}
		g = rapid.Permutation(append(g, target)).Draw(t, "listed")
		order, err := Order(&model.SubmitAction{Graph: g, Target: "r"})
		if err != nil || len(order) != len(g) || g[order[n]].Key != "r" {
			t.Fatalf("%v, %v", order, err)
		}
		var seen []plan.StageKey
		for _, i := range order {
			for _, p := range g[i].Parents {
				if !slices.Contains(seen, p.Key) {
					t.Fatalf("%s before %s", g[i].Key, p.Key)
				}
			}
			seen = append(seen, g[i].Key)
		}
	})
}

func TestDeepLineages(t *testing.T) {
	const n = 200_000
	g := []model.StageSpec{stage("0", model.MapStage)}
	for i := 1; i < n; i++ {
		g = append(g, stage(plan.StageKey(fmt.Sprint(i)), model.MapStage, wide(g[i-1].Key)))
	}
	g = append(g, stage("r", model.ResultStage, wide(g[n-1].Key)))
	if order, err := Order(&model.SubmitAction{Graph: g, Target: "r"}); err != nil || order[n] != n {
		t.Error(err)
	}
}
