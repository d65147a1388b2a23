// Prog is the programs of the scripts. It was never generated.
package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

func main() { typed.Main(run) }

func run(ctx context.Context, s *typed.Session) error {
	if len(os.Args) < 2 {
		return typed.Usagef("which program?")
	}
	program, ok := programs[os.Args[1]]
	if !ok {
		return typed.Usagef("no program %q", os.Args[1])
	}
	return program(ctx, s, os.Args[2:])
}

var programs = map[string]func(context.Context, *typed.Session, []string) error{
	"quote": quote, "partitions": partitions, "repartition": repartition, "ints": ints, "panic": panics,
	"wait": wait, "spin": spin, "fail": fail, "driver-panic": driverPanic, "first": first, "save": save,
	"memory": memory, "loop": loop, "skew": skew, "kept": kept, "checkpoint": checkpoint,
}

// quote prints the lines of files as Go strings, long ones by their length.
func quote(ctx context.Context, s *typed.Session, args []string) error {
	for line, err := range s.TextFile(args[0]).All(ctx) {
		switch {
		case err != nil:
			return err
		case len(line) > 1000:
			fmt.Println(len(line), "bytes")
		default:
			fmt.Printf("%q\n", line)
		}
	}
	return nil
}

func number(args []string) int {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		panic(err)
	}
	return n
}

// partitions counts rows in so many partitions.
func partitions(ctx context.Context, s *typed.Session, args []string) error {
	n, err := s.Range(1000, typed.Partitions(number(args))).Count(ctx)
	fmt.Println(n)
	return err
}

// repartition counts rows moved to so many partitions.
func repartition(ctx context.Context, s *typed.Session, args []string) error {
	n, err := s.Range(10).Repartition(number(args)).Count(ctx)
	fmt.Println(n)
	return err
}

// ints adds up numbers in files.
func ints(ctx context.Context, s *typed.Session, args []string) error {
	sum, err := s.TextFile(args[0]).TryMap(strconv.Atoi).Reduce(ctx, func(a, b int) int { return a + b })
	if err == nil {
		fmt.Println(sum)
	}
	return err
}

// panics divides by numbers in files.
func panics(ctx context.Context, s *typed.Session, args []string) error {
	return s.TextFile(args[0]).TryMap(strconv.Atoi).Map(divide).SaveAsTextFile(ctx, args[1])
}

func divide(n int) int { return 100 / n }

// started tells a script that a task runs.
func started(path string) {
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(os.Getpid())+"\n"), 0o666); err != nil {
		panic(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		panic(err)
	}
}

// wait runs a task that heeds its context, beside one that has written already.
func wait(ctx context.Context, s *typed.Session, args []string) error {
	path := args[0]
	return s.Range(2, typed.Partitions(2)).MapPartitions(func(t *typed.Task, rows iter.Seq[int64]) iter.Seq[string] {
		return func(yield func(string) bool) {
			if t.Partition() == 0 {
				yield(strings.Repeat("x", 1<<20))
				return
			}
			started(path)
			<-t.Done()
		}
	}).SaveAsTextFile(ctx, args[1])
}

// spin runs a task that never looks at its context.
func spin(ctx context.Context, s *typed.Session, args []string) error {
	path := args[0]
	return s.Range(2, typed.Partitions(2)).Map(func(i int64) int64 {
		if i == 0 {
			return i
		}
		started(path)
		for n := int64(0); n >= 0; n = (n + i) % 1000 {
		}
		return i
	}).SaveAsTextFile(ctx, args[1])
}

func fail(context.Context, *typed.Session, []string) error { return errors.New("it did not work") }

func driverPanic(ctx context.Context, s *typed.Session, _ []string) error {
	if _, err := s.Range(10).Count(ctx); err != nil {
		return err
	}
	panic("at the disco")
}

func first(ctx context.Context, s *typed.Session, args []string) error {
	row, err := s.TextFile(args[0]).First(ctx)
	fmt.Printf("%q\n", row)
	return err
}

// save writes so many bytes.
func save(ctx context.Context, s *typed.Session, args []string) error {
	return s.Range(int64(number(args))/100).Map(func(int64) string { return strings.Repeat("y", 99) }).SaveAsTextFile(ctx, args[1])
}

// memory sorts so many texts in one task, which takes more than a little.
func memory(ctx context.Context, s *typed.Session, args []string) error {
	n, err := s.Range(int64(number(args))).
		Map(func(i int64) string { return strconv.FormatInt(i*7919%1_000_003, 36) + strings.Repeat("z", 50) }).
		SortBy(func(x string) string { return x }, typed.Partitions(1)).
		Count(ctx)
	fmt.Println(n)
	return err
}

// kept keeps rows that do not compress on disk, and counts them twice.
func kept(ctx context.Context, s *typed.Session, args []string) error {
	rows := s.Range(int64(number(args)), typed.Partitions(20)).Map(func(i int64) string {
		x, text := uint64(i), ""
		for range 4 {
			x = (x + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
			x ^= x >> 27
			text += strconv.FormatUint(x, 36)
		}
		return text
	}).Persist(typed.DiskOnly)
	for range 2 {
		n, err := rows.Count(ctx)
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
	return nil
}

// checkpoint makes numbers of themselves.
func checkpoint(ctx context.Context, s *typed.Session, args []string) (err error) {
	rows := s.Range(int64(number(args)))
	for range 3 {
		if rows, err = rows.Map(func(i int64) int64 { return i + 1 }).Checkpoint(ctx); err != nil {
			return err
		}
	}
	first, err := rows.First(ctx)
	fmt.Println(first)
	return err
}

// skew counts the rows of a join that splits a key.
func skew(ctx context.Context, s *typed.Session, _ []string) error {
	hot := s.Range(9000).KeyBy(func(i int64) int64 { return i % 7 / 6 })
	few := s.Range(2).KeyBy(func(i int64) int64 { return i })
	n, err := hot.Join(few, func(a, b int64) int64 { return a + b }, typed.BroadcastBelow(0), typed.SkewJoin(1)).Count(ctx)
	fmt.Println(n)
	return err
}

// loop runs the same action three times, and another one.
func loop(ctx context.Context, s *typed.Session, _ []string) error {
	for range 3 {
		if _, err := s.Range(9).Filter(func(i int64) bool { return i > 3 }).Count(ctx); err != nil {
			return err
		}
	}
	a := s.Range(3).Union(s.Parallelize([]int64{1, 2}, 2)).KeyBy(func(i int64) int64 { return i })
	_, err := typed.SortByKey(a.Join(a.ReduceByKey(func(a, _ int64) int64 { return a }), func(a, b int64) int64 { return a + b })).First(ctx)
	return err
}
