package main

import (
	"context"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

func TestSizes(t *testing.T) {
	labels := []string{"a", "b", "a", "c", "b", "a", "d", "d"}
	want := []typed.Pair[string, int]{{Key: "a", Value: 3}, {Key: "b", Value: 2}, {Key: "d", Value: 2}}
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) ([]typed.Pair[string, int], error) {
		nodes := s.Parallelize(labels, 2).MapToPair(func(label string) (string, string) { return "x", label })
		return sizes(nodes).Top(ctx, 3, bySize)
	}, want)
}
