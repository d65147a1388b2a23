// Package graph looks whether an action makes sense, whatever else there is: the
// stages it names and how they read each other (R2, R3).
package graph

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Order returns the stages of an action sources first, the target last, as
// indexes into its Graph; or what is wrong with the action. It takes lineages of
// any depth.
func Order(a *model.SubmitAction) ([]int, error) {
	if err := checkSink(a); err != nil {
		return nil, err
	}
	at := make(map[plan.StageKey]int, len(a.Graph))
	for i, spec := range a.Graph {
		if _, twice := at[spec.Key]; twice || spec.Key == "" {
			return nil, fmt.Errorf("stage key %q is empty or used twice", spec.Key)
		}
		at[spec.Key] = i
		if err := checkStage(a, spec); err != nil {
			return nil, err
		}
	}
	if _, ok := at[a.Target]; !ok {
		return nil, fmt.Errorf("the target %q is not in the graph", a.Target)
	}
	return sort(a.Graph, at, a.Target)
}

func checkSink(a *model.SubmitAction) error {
	switch {
	case a.Sink.Kind == model.Files && a.Sink.Path == "":
		return errors.New("a sink of files needs a path")
	case a.FirstN < 0 || a.FirstN > 0 && a.Sink.Kind != model.RowsToDriver:
		return fmt.Errorf("the first %d rows can only go to the driver", a.FirstN)
	}
	for i, p := range a.Partitions {
		if p < 0 || i > 0 && p <= a.Partitions[i-1] {
			return fmt.Errorf("partitions must rise from 0: %v", a.Partitions)
		}
	}
	return nil
}

func checkStage(a *model.SubmitAction, spec model.StageSpec) error {
	target := spec.Key == a.Target
	switch {
	case target != (spec.Kind == model.ResultStage):
		return fmt.Errorf("stage %q: the target, and no other, is a result stage", spec.Key)
	case spec.Cut && (spec.Kind != model.MapStage || len(spec.Parents) > 0):
		return fmt.Errorf("stage %q has been cut, and reads something, or has no outputs to be kept", spec.Key)
	case spec.Cached != "" && !slices.ContainsFunc(spec.Caches, func(c model.Cache) bool { return c.RDD == spec.Cached }):
		return fmt.Errorf("stage %q starts at blocks of %q, which is not among the cached data sets that it reads", spec.Key, spec.Cached)
	case spec.Barrier && (spec.Cached != "" || spec.Kind == model.ValueStage):
		return fmt.Errorf("stage %q: the tasks of a barrier stage run all at once, so none can be left out for a cached block or a value", spec.Key)
	case spec.Barrier && target && (a.Partitions != nil || a.FirstN > 0):
		return fmt.Errorf("stage %q: the tasks of a barrier stage run all at once, not some of them", spec.Key)
	}
	return nil
}

// checkEdge looks at how a stage reads another.
func checkEdge(spec, up model.StageSpec, e model.Edge) error {
	switch {
	case up.Barrier && e == model.Narrow:
		return fmt.Errorf("stage %q reads single tasks of barrier stage %q, which run all at once", spec.Key, up.Key)
	case up.Kind == model.ResultStage || (up.Kind == model.ValueStage) != (e == model.ValueDep):
		return fmt.Errorf("stage %q cannot read %s stage %q so", spec.Key, up.Kind, up.Key)
	}
	return nil
}

// sort counts the parents that are left; a cycle never gets to zero. Every stage
// must lead to the target.
func sort(graph []model.StageSpec, at map[plan.StageKey]int, target plan.StageKey) ([]int, error) {
	left := make([]int, len(graph))
	readers := make([][]int, len(graph))
	var order []int
	for i, spec := range graph {
		left[i] = len(spec.Parents)
		for _, p := range spec.Parents {
			k, ok := at[p.Key]
			if !ok {
				return nil, fmt.Errorf("stage %q reads %q, which is not in the graph", spec.Key, p.Key)
			}
			if err := checkEdge(spec, graph[k], p.Edge); err != nil {
				return nil, err
			}
			readers[k] = append(readers[k], i)
		}
		if left[i] == 0 {
			order = append(order, i)
		}
	}
	for n := 0; n < len(order); n++ {
		for _, r := range readers[order[n]] {
			if left[r]--; left[r] == 0 {
				order = append(order, r)
			}
		}
	}
	if len(order) != len(graph) {
		return nil, errors.New("the graph has a cycle")
	}
	for i := range graph {
		if len(readers[i]) == 0 && graph[i].Key != target {
			return nil, fmt.Errorf("stage %q leads nowhere", graph[i].Key)
		}
	}
	// The target has no reader, but need not be last: others may be as deep.
	k := slices.Index(order, at[target])
	return append(slices.Delete(order, k, k+1), at[target]), nil
}
