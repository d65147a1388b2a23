// Command bench runs the workloads that gordd is measured by, one a call, and
// prints a line of JSON. It is written as a user would write it.
//
//	bench -workload wordcount -in DIR -out DIR [-cores N] [-memory BYTES]
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	workload = flag.String("workload", "", "what to run")
	in       = flag.String("in", "", "input directory")
	out      = flag.String("out", "", "output directory")
	cores    = flag.Int("cores", runtime.GOMAXPROCS(0), "tasks at a time")
	size     = flag.String("size", "", "label for the report")
	_        = flag.String("params", "", "k=v,k=v, which no workload here has")
	memory   = flag.Int64("memory", 0, "memory budget in bytes")
)

// result is what a workload reports; times are in seconds.
type result struct {
	load, run float64
	check     any
}

var workloads = map[string]func(context.Context, *typed.Session) (result, error){
	"wordcount":       wordcount,
	"wordcount_split": wordcountSplit,
	"sum":             sum,
	"sum_loop":        sumLoop,
	"kept":            kept,
	"tasks1000":       tasks(1000, 5),
	"count100":        tasks(0, 21),
	"startup":         tasks(0, 1),
}

func main() {
	flag.Parse()
	if err := bench(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context) error {
	start := time.Now()
	f := workloads[*workload]
	if f == nil {
		fmt.Println(`{"skip":"no such workload"}`)
		return nil
	}
	runtime.GOMAXPROCS(*cores)
	s, err := typed.NewSession(ctx, typed.Options{Cores: *cores, Memory: *memory})
	if err != nil {
		return err
	}
	r, err := f(ctx, s)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"peer": "gordd", "workload": *workload, "size": *size, "check": r.check,
		"load_s": r.load, "run_s": r.run, "total_s": time.Since(start).Seconds(), "rss_mb": peakRSS(),
	})
}

func add(a, b int64) int64 { return a + b }

// wordcount splits lines by strings.FieldsSeq.
func wordcount(ctx context.Context, s *typed.Session) (result, error) {
	return saveWords(ctx, s.TextFile(filepath.Join(*in, "part-*")).
		FlatMap(strings.FieldsSeq).
		MapToPair(func(w string) (string, int64) { return w, 1 }).
		ReduceByKey(add))
}

// wordcountSplit splits lines by a splitter of the same meaning.
func wordcountSplit(ctx context.Context, s *typed.Session) (result, error) {
	return saveWords(ctx, s.TextFile(filepath.Join(*in, "part-*")).
		FlatMap(typed.Fields).
		MapToPair(func(w string) (string, int64) { return w, 1 }).
		ReduceByKey(add))
}

func saveWords(ctx context.Context, words typed.PairRDD[string, int64]) (result, error) {
	if err := emptyOut(); err != nil {
		return result{}, err
	}
	t := time.Now()
	dir := filepath.Join(*out, "words")
	if err := words.SaveAsTextFile(ctx, dir); err != nil {
		return result{}, err
	}
	r := result{run: time.Since(t).Seconds(), check: "file"}
	// The report's reader wants the part files in the directory it made.
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	for _, p := range parts {
		err = errors.Join(err, os.Rename(p, filepath.Join(*out, filepath.Base(p))))
	}
	return r, errors.Join(err, os.RemoveAll(dir))
}

// emptyOut refuses to put part files where other files are: without -out that
// would be the working directory.
func emptyOut() error {
	if *out == "" {
		return errors.New("-out is needed: a directory for the part files")
	}
	files, err := os.ReadDir(*out)
	if len(files) > 0 {
		return fmt.Errorf("-out %s is not empty: give the name of a new directory", *out)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

const sumRows = 200_000_000

// sum is range → map → filter → map → sum.
func sum(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	n, err := s.Range(sumRows).
		Map(func(i int64) int64 { return i * 3 }).
		Filter(func(i int64) bool { return i&1 == 0 }).
		Map(func(i int64) int64 { return i>>1 + 7 }).
		Reduce(ctx, add)
	return result{run: time.Since(t).Seconds(), check: n}, err
}

// sumLoop is sum written by hand, over as many goroutines as there are cores.
func sumLoop(context.Context, *typed.Session) (result, error) {
	t := time.Now()
	sums := make(chan int64)
	for c := range *cores {
		go func() {
			var n int64
			for i := int64(c) * sumRows / int64(*cores); i < int64(c+1)*sumRows/int64(*cores); i++ {
				x := i * 3
				if x&1 != 0 {
					continue
				}
				n += x>>1 + 7
			}
			sums <- n
		}()
	}
	var n int64
	for range *cores {
		n += <-sums
	}
	return result{run: time.Since(t).Seconds(), check: n}, nil
}

// kept collects a line in a thousand, and says how much heap that took.
func kept(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	lines, err := s.TextFile(filepath.Join(*in, "part-*")).
		MapPartitions(func(_ *typed.Task, lines iter.Seq[string]) iter.Seq[string] {
			return func(yield func(string) bool) {
				n := 0
				for line := range lines {
					if n++; n%1000 == 0 && !yield(line) {
						return
					}
				}
			}
		}).
		Collect(ctx)
	run := time.Since(t).Seconds()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	bytes := 0
	for _, l := range lines {
		bytes += len(l) + 16
	}
	return result{run: run, check: fmt.Sprintf("%d lines of %d bytes, heap %d bytes", len(lines), bytes, m.HeapAlloc)}, err
}

// tasks runs n empty tasks, or counts 100 numbers when n is 0: once, and then
// the median of more runs.
func tasks(n, more int) func(context.Context, *typed.Session) (result, error) {
	return func(ctx context.Context, s *typed.Session) (result, error) {
		rows, parts := int64(n), n
		if n == 0 {
			rows, parts = 100, 0
		}
		var times []float64
		var count int64
		for range more + 1 {
			t := time.Now()
			var err error
			if count, err = s.Range(rows, typed.Partitions(parts)).Count(ctx); err != nil {
				return result{}, err
			}
			times = append(times, time.Since(t).Seconds())
		}
		rest := times[1:]
		slices.SortFunc(rest, cmp.Compare)
		return result{load: times[0], run: rest[len(rest)/2], check: fmt.Sprint(count)}, nil
	}
}
