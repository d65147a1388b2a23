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
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
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
	params   = flag.String("params", "", "what some workloads need: k=v,k=v")
	memory   = flag.Int64("memory", 0, "memory budget in bytes")
	profile  = flag.String("profile", "", "write a CPU profile to this file")
)

// result is what a workload reports; times are in seconds.
type result struct {
	load, run float64
	check     any
}

// workloadFunc runs a workload.
type workloadFunc = func(context.Context, *typed.Session) (result, error)

var workloads = map[string]workloadFunc{
	"wordcount":       wordcount,
	"wordcount_split": wordcountSplit,
	"sum":             sum,
	"sum_loop":        sumLoop,
	"kept":            kept,
	"scan":            scan,
	"square":          square,
	"tasks":           emptyTasks,
	"kmeans_rounds":   kmeansRounds,
	"tasks1000":       tasks(1000, 5),
	"count100":        tasks(0, 21),
	"startup":         tasks(0, 1),
	"reduce_ints":     reduceInts,
	"group_ints":      groupInts,
	"join_ints":       joinInts,
	"distinct_ints":   distinctInts,
	"terasort":        terasort,
	"kmeans_csv":      kmeans(csvPoints, inPlace),
	"kmeans_bin":      kmeans(binPoints, withLibrary),
	"kmeans_pair":     kmeans(csvPoints, textbook),
	"pagerank":        pagerank,
	"tbl_q1":          tblQ1,
	"tbl_q3":          tblQ3,
	"tbl_q6":          tblQ6,
}

func main() {
	start := time.Now()
	flag.Parse()
	runtime.GOMAXPROCS(*cores)
	typed.Main(func(ctx context.Context, s *typed.Session) error { return bench(ctx, s, start) },
		typed.Options{Cores: *cores, Memory: *memory})
}

// bench runs a workload on this machine, or on a cluster where rddctl submit started it.
func bench(ctx context.Context, s *typed.Session, start time.Time) error {
	f := workloads[*workload]
	if f == nil {
		fmt.Println(`{"skip":"no such workload"}`)
		return nil
	}
	if *profile != "" {
		w, err := os.Create(*profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	r, err := f(ctx, s)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"peer": "gordd", "workload": *workload, "size": *size, "check": r.check,
		"load_s": r.load, "run_s": r.run, "total_s": time.Since(start).Seconds(), "rss_mb": peakRSS(),
	})
}

func add(a, b int64) int64 { return a + b }

// two gives two of the numbers in -params.
func two(a, b string) (x, y int64, err error) {
	given := map[string]string{}
	for p := range strings.SplitSeq(*params, ",") {
		k, v, _ := strings.Cut(p, "=")
		given[k] = v
	}
	x, err1 := strconv.ParseInt(given[a], 10, 64)
	y, err2 := strconv.ParseInt(given[b], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, 0, fmt.Errorf("-workload %s needs -params %s=N,%s=N: %w", *workload, a, b, err)
	}
	return x, y, nil
}

// tasks runs n empty tasks, or counts 100 numbers when n is 0: once, and then
// the median of more runs.
func tasks(n, more int) workloadFunc {
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
