package property

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

func pipeCases() []Case {
	return []Case{
		{"RDD.Pipe", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Pipe(typed.Command{Args: []string{"cat"}}).Collect(ctx))
		}, func(in Input) []string { return text(each(in.Ints, func(i int64) string { return fmt.Sprint(i) })) }},
		{"PairRDD.Pipe", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			numbered := typed.ZipWithUniqueID(s.Range(int64(in.Size), typed.Partitions(1)))
			return show(numbered.Pipe(typed.Command{Args: []string{"sh", "-c", "cat | cat"}}).Collect(ctx))
		}, func(in Input) []string {
			return text(each(counted(0, 1, in.Size), func(i int64) string { return fmt.Sprintf("%d\t%d", i, i) }))
		}},
	}
}
