package main

import (
	"context"
	"path/filepath"

	"github.com/gordd-project/gordd/typed"
)

// terasort sorts records of 100 bytes, which end lines, by the first ten.
func terasort(ctx context.Context, s *typed.Session) (result, error) {
	sorted := s.TextFile(filepath.Join(*in, "part-*")).SortBy(func(record string) string { return record[:10] })
	return save(func(dir string) error { return sorted.SaveAsTextFile(ctx, dir) })
}
