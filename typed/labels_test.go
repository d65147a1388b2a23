package typed_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// Whoever watches actions sees what the user says of them.
func TestLabelsAreSeen(t *testing.T) {
	var mu sync.Mutex
	var seen []plan.Labels
	s := open(t, typed.Options{Observe: func(st plan.ActionStatus) {
		mu.Lock()
		defer mu.Unlock()
		if st.State.Ended() {
			seen = append(seen, st.Labels)
		}
	}})
	outer := typed.WithTags(typed.WithDescription(t.Context(), "all\n of\tit"), "nightly")
	inner := typed.WithTags(typed.WithDescription(outer, "a part"), "users", "nightly")
	for _, ctx := range []context.Context{t.Context(), outer, inner, outer} {
		if _, err := s.Range(3).Count(ctx); err != nil {
			t.Fatal(err)
		}
	}
	all := plan.Labels{Description: "all of it", Tags: []string{"nightly"}}
	want := []plan.Labels{{}, all, {Description: "a part", Tags: []string{"nightly", "users"}}, all}
	mu.Lock()
	defer mu.Unlock()
	if !slices.EqualFunc(seen, want, func(a, b plan.Labels) bool {
		return a.Description == b.Description && slices.Equal(a.Tags, b.Tags)
	}) {
		t.Errorf("%+v, want %+v", seen, want)
	}
}

func TestLabelsThatAreNone(t *testing.T) {
	s := open(t, typed.Options{})
	for want, ctx := range map[string]context.Context{
		"description has 1025 bytes": typed.WithDescription(t.Context(), strings.Repeat("d", 1025)),
		"a tag is empty":             typed.WithTags(t.Context(), ""),
		`the tag "a,b" has a comma`:  typed.WithTags(t.Context(), "a,b"),
	} {
		_, err := s.Range(3).Count(ctx)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Count (labels_test.go:") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// CancelTag ends the actions of a tag, with its cause, and no others.
func TestCancelTag(t *testing.T) {
	s := open(t, typed.Options{Cores: 3})
	why := errors.New("why")
	goOn := make(chan struct{})
	var begun, ended sync.WaitGroup
	results := map[string]error{}
	var mu sync.Mutex
	untilCancelled := func(t *typed.Task) { <-t.Done() }
	for tags, wait := range map[string]func(*typed.Task){
		"a": untilCancelled, "a b": untilCancelled, "b": func(*typed.Task) { <-goOn },
	} {
		begun.Add(1)
		ended.Go(func() {
			ctx := typed.WithTags(t.Context(), strings.Fields(tags)...)
			_, err := s.Range(1, typed.Partitions(1)).MapPartitions(func(task *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
				begun.Done()
				wait(task)
				return rows
			}).Count(ctx)
			mu.Lock()
			defer mu.Unlock()
			results[tags] = err
		})
	}
	begun.Wait()
	s.CancelTag("another", nil)
	s.CancelTag("a", why)
	s.CancelTag("a", errors.New("too late: the first counts"))
	close(goOn)
	ended.Wait()
	for tags, want := range map[string]error{"a": why, "a b": why, "b": nil} {
		if err := results[tags]; !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", tags, err, want)
		}
	}
	if _, err := s.Range(3).Count(typed.WithTags(t.Context(), "a")); err != nil {
		t.Errorf("a later action of a cancelled tag: %v", err)
	}
}
