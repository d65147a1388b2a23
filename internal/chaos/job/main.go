// Job is what the tests of package chaos submit: it counts words, or sorts
// lines, and takes its time, so that there is some to break things in.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

// trace is where another build leaves a file when it is run.
var trace string

func init() {
	if trace != "" {
		_ = os.WriteFile(trace, nil, 0o600)
	}
}

func main() { typed.Main(run) }

func run(ctx context.Context, s *typed.Session) error {
	a, err := parse(os.Args[1:])
	if err != nil {
		return typed.Usagef("%w", err)
	}
	read, written := typed.NewCounter(s, "lines read"), typed.NewCounter(s, "rows written")
	a.work.Rows, a.work.Notes = read, typed.NewAccumulator[notes](s, "notes")
	text := s.TextFile(a.in, typed.Partitions(a.maps)).With(a.work)
	lines := text.MapPartitions(slowly)
	if a.barrier {
		lines = text.MapPartitionsWithBarrier(inStep)
	}
	if a.keep >= 0 {
		lines = lines.Persist(typed.StorageLevel(a.keep))
		if err := a.pause(ctx, lines); err != nil {
			return err
		}
	}
	if a.fickle {
		rows := text.MapPartitions(byChance).Repartition(a.reduces)
		return rows.With(work{Pause: a.work.Pause, Rows: written, Notes: a.work.Notes}).MapPartitions(slowly).SaveAsTextFile(ctx, a.out)
	}
	if a.from != "" {
		keyed := lines.KeyBy(strings.Clone)
		return typed.FilterByRange(typed.SortByKey(keyed, typed.Partitions(a.reduces)), a.from, a.to).Keys().SaveAsTextFile(ctx, a.out)
	}
	if a.sort {
		sorted := lines.SortBy(strings.Clone, typed.Partitions(a.reduces))
		end := work{Pause: a.work.Pause, Rows: written, Notes: a.work.Notes}
		if err := sorted.With(end).MapPartitions(slowly).SaveAsTextFile(ctx, a.out); err != nil {
			return err
		}
		return cmp.Or(a.counted(read), a.counted(written))
	}
	counts := lines.
		FlatMap(strings.FieldsSeq).
		MapToPair(func(word string) (string, int64) { return word, 1 }).
		ReduceByKey(func(a, b int64) int64 { return a + b }, typed.Partitions(a.reduces))
	if err := counts.With(a.work.Pause).MapPartitions(textOf).SaveAsTextFile(ctx, a.out); err != nil {
		return err
	}
	return cmp.Or(a.counted(read), a.noted())
}

// pause has lines kept, says so by a file, and goes on when that is gone.
func (a *arguments) pause(ctx context.Context, lines typed.RDD[string]) error {
	if _, err := lines.Count(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(a.kept, nil, 0o600); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(a.kept); err != nil {
			return ctx.Err()
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// counted says whether a counter has counted each line once, where it is known how
// many there are.
func (a *arguments) counted(c typed.Counter) error {
	if n := c.Value(); a.lines > 0 && n != a.lines {
		return fmt.Errorf("%d %s, and the text has %d lines", n, c.Name(), a.lines)
	}
	return nil
}

// noted says whether each task has left its note once.
func (a *arguments) noted() error {
	if a.work.Note == 0 {
		return nil
	}
	all := a.work.Notes.Value()
	slices.SortFunc(all, func(x, y note) int { return x.Of - y.Of })
	for i, n := range all {
		if n.Of != i || !bytes.Equal(n.Text, noteOf(i, a.work.Note).Text) {
			return fmt.Errorf("note %d is of task %d, in %d bytes: a task has left none, another one, or two", i, n.Of, len(n.Text))
		}
	}
	if len(all) != a.maps {
		return fmt.Errorf("there are %d notes of %d tasks", len(all), a.maps)
	}
	return nil
}

// notes are what tasks leave in an accumulator.
type notes []note

type note struct {
	Of   int // partition
	Text []byte
}

// Merge gives the notes of both.
func (n notes) Merge(o notes) notes { return slices.Concat(n, o) }

// noteOf is the note of a task, which nothing makes shorter.
func noteOf(partition, size int) note {
	var seed [32]byte
	seed[0], seed[1] = byte(partition), byte(partition>>8)
	text := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(text) // it never fails
	return note{partition, text}
}

// work is what a task does beside its work.
type work struct {
	Pause time.Duration // before its first row
	Fatal string        // how the task of partition 1 ends its process at a row; "": it does not
	Once  string        // the file that such a task makes, so that others do not; "": all do
	Rows  typed.Counter // that were passed on
	Note  int           // bytes that each task adds to Notes
	Notes typed.Accumulator[notes]
}

// poisoned is the row at which a task dies that is to.
const poisoned = 100

// slowly passes rows on after a pause.
func slowly(w work, t *typed.Task, rows iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		pause(t, w.Pause)
		if w.Note > 0 {
			w.Notes.Add(notes{noteOf(t.Partition(), w.Note)})
		}
		n := 0
		for row := range rows {
			if n++; n == poisoned && t.Partition() == 1 {
				w.die()
			}
			w.Rows.Add(1)
			if !yield(row) {
				return
			}
		}
	}
}

// inStep passes rows on when all tasks are there, of which the first one takes its
// time, and ends when all have read theirs.
func inStep(w work, t *typed.BarrierTask, rows iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		if t.Partition() == 0 {
			pause(t, w.Pause)
		} else {
			fmt.Fprintln(os.Stderr, waits)
		}
		t.Barrier()
		n := 0
		for row := range rows {
			w.Rows.Add(1)
			if n++; !yield(row) {
				return
			}
		}
		own := fmt.Sprintf("%d rows of %d", n, t.Partition())
		for i, theirs := range t.AllGather([]byte(own)) {
			if got := string(theirs); i == t.Partition() && got != own || !strings.HasSuffix(got, fmt.Sprint(" rows of ", i)) {
				panic(fmt.Sprintf("%q comes from task %d", got, i))
			}
		}
	}
}

// byChance gives rows that are others each time.
func byChance(w work, t *typed.Task, _ iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		pause(t, w.Pause)
		for range drawn {
			if !yield(fmt.Sprint(t.Partition(), " ", t.Attempt())) {
				return
			}
		}
	}
}

// drawn is how many rows byChance gives.
const drawn = 64

// waits is what a task says that is about to wait for others.
const waits = "waits for the others"

// textOf writes counts as text, after a pause.
func textOf(d time.Duration, t *typed.Task, counts iter.Seq2[string, int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		pause(t, d)
		for word, n := range counts {
			if !yield(word + "\t" + strconv.FormatInt(n, 10)) {
				return
			}
		}
	}
}

// pause waits, unless the task is cancelled.
func pause(ctx context.Context, d time.Duration) {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-late.C:
	case <-ctx.Done():
	}
}

// die ends the process in one of the ways that nothing recovers from, or the task.
func (w work) die() {
	if w.Once != "" {
		f, err := os.OpenFile(w.Once, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return
		}
		_ = f.Close()
	}
	switch w.Fatal {
	case "exit":
		os.Exit(3)
	case "map":
		m := map[int]int{}
		for range 2 {
			go func() {
				for i := 0; ; i++ {
					m[i%8] = i
				}
			}()
		}
		select {}
	case "stack":
		debug.SetMaxStack(16 << 20)
		os.Exit(deep(new(int)))
	case "fault": // an address where nothing is
		os.Exit(int(*(*byte)(unsafe.Add(unsafe.Pointer(new(byte)), 1<<44))))
	case "mutex":
		new(sync.Mutex).Unlock()
	case "hang":
		select {}
	case "memory":
		n := 1 << 47 // as much as there are addresses
		os.Exit(len(make([]byte, n)))
	case "kill": // as the kernel does when memory is short
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			_ = p.Kill()
		}
		select {}
	case "panic":
		panic("poison")
	case "fill":
		for all := [][]byte{}; len(all) < 1<<10; { // more than it may have, and not what the machine has
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
	}
}

// deep calls itself for ever, as far as anybody waits.
func deep(calls *int) int {
	if *calls++; *calls < 0 {
		return 0
	}
	return deep(calls) + *calls
}

type arguments struct {
	in, out       string
	from, to      string
	sort, barrier bool
	fickle        bool
	maps, reduces int
	lines         int64
	keep          int
	kept          string
	work          work
}

func parse(line []string) (a arguments, err error) {
	fs := flag.NewFlagSet("job", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&a.in, "in", "", "`paths` of the text")
	fs.StringVar(&a.out, "out", "", "`directory` for the result")
	fs.BoolVar(&a.sort, "sort", false, "sort lines instead of counting words")
	fs.StringVar(&a.from, "from", "", "first `line` of those that are sorted and written, all others being left out; \"\": all are")
	fs.StringVar(&a.to, "to", "", "the last `line` of them")
	fs.BoolVar(&a.barrier, "barrier", false, "have the tasks that read the text wait for one another, and the first of them pause")
	fs.BoolVar(&a.fickle, "fickle", false, "write rows that are others each time they are made, instead of counting words")
	fs.IntVar(&a.maps, "maps", 16, "`number` of parts of the text")
	fs.Int64Var(&a.lines, "lines", 0, "`number` of lines of the text, to be compared with what was counted; 0: not known")
	fs.IntVar(&a.keep, "keep", -1, "storage `level` at which the lines are kept before anything else is done with them; -1: they are not")
	fs.StringVar(&a.kept, "kept", "", "`file` that is made when they are kept, and has to be removed for the job to go on")
	fs.IntVar(&a.reduces, "reduces", 8, "`number` of parts of the result")
	fs.DurationVar(&a.work.Pause, "pause", 0, "`time` that each task waits")
	fs.IntVar(&a.work.Note, "note", 0, "`bytes` that each task which reads the text adds to an accumulator")
	fs.StringVar(&a.work.Fatal, "fatal", "", "`way` in which a task ends its process: exit, map, stack, fault, mutex, memory, fill, hang, kill, panic")
	fs.StringVar(&a.work.Once, "once", "", "`file` that such a task makes, and does so only if it was not there")
	if err = fs.Parse(line); err == nil && (a.in == "" || a.out == "") {
		err = errors.New("give -in and -out")
	}
	return a, err
}
