//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/hdfslab"
)

var (
	seeds = flag.Int("seeds", 0, "how many runs of TestDataNodesFail (default one of each kind)")
	first = flag.Uint64("seed", 1, "the first of their seeds")
)

const (
	// jobTime is how long a job may take: longer is hung.
	jobTime = 4 * time.Minute
	// calmTime is how long it may take until nothing of a job is left, and repairTime until
	// HDFS is whole again.
	calmTime, repairTime = 30 * time.Second, 5 * time.Minute
	// opTime is the deadline of an operation on a connection.
	opTime = 5 * time.Second
	// largeBlock takes the largest of the inputs.
	largeBlock = 16 << 20
)

// failures are what is done to a data node that a job uses.
var failures = []string{"killed", "paused", "corrupt"}

// Data nodes are killed (-9) or stand still, or a replica of theirs changes, while
// a job reads from them or writes to them: its output is right, it ends, and
// nothing is left of it.
func TestDataNodesFail(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts an HDFS and a cluster")
	}
	l := lab.Get(t)
	p, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, p, l, settings{client: map[string]string{"dfs.client.socket-timeout": fmt.Sprint(opTime.Milliseconds())}})
	in := load(t, c)
	kinds := 2 * len(failures)
	n := *seeds
	if n == 0 {
		n = kinds
	}
	results := make([]tally, kinds)
	for i := range n {
		r := newRun(c, in, *first+uint64(i))
		k := &results[r.seed%uint64(kinds)]
		k.name = r.name()
		t.Run(fmt.Sprintf("seed %d %s", r.seed, r.name()), func(t *testing.T) { k.add(t, r) })
	}
	for _, k := range results {
		if k.runs > 0 {
			t.Log(k)
		}
	}
}

// tally counts the runs of one kind.
type tally struct {
	name                    string
	runs, wrong, hung, left int
	failed, unbroken, tries int
	longest                 time.Duration
}

func (k tally) String() string {
	return fmt.Sprintf("%-22s %3d runs: %d wrong, %d hung, %d left something, %d failed, %d ended unbroken; %d tries of tasks failed, the longest job took %.1f s",
		k.name, k.runs, k.wrong, k.hung, k.left, k.failed, k.unbroken, k.tries, k.longest.Seconds())
}

func (k *tally) add(t *testing.T, r *run) {
	k.runs++
	err := r.do(t.Context())
	k.longest = max(k.longest, r.took)
	k.tries += r.tries
	for _, x := range []struct {
		is error
		n  *int
	}{{errWrong, &k.wrong}, {errHung, &k.hung}, {errLeft, &k.left}, {errFailed, &k.failed}, {errUnbroken, &k.unbroken}} {
		if errors.Is(err, x.is) {
			*x.n++
		}
	}
	t.Logf("%.1f s, %d tries of tasks failed; %s", r.took.Seconds(), r.tries, r.did)
	if err != nil {
		t.Errorf("repeat it with -run TestDataNodesFail -seeds 1 -seed %d: %v", r.seed, err)
	}
}

// What can be wrong with a run.
var (
	errWrong    = errors.New("the output is wrong")
	errHung     = fmt.Errorf("the job has not ended in %s", jobTime)
	errLeft     = errors.New("something is left")
	errFailed   = errors.New("the job failed")
	errUnbroken = errors.New("the job ended before anything was broken")
)

// input is what jobs read.
type input struct {
	texts  [][]byte        // of files that are named by their numbers
	blocks map[string]bool // the names of the files in which data nodes have them
}

// load puts texts of many sizes into HDFS, with three copies. Some are large enough
// that a data node is still sending when it fails; of what is written some fits
// into a writer's memory and some does not.
func load(t *testing.T, c *cluster) (in input) {
	t.Helper()
	before := c.blocks(t)
	rng, dir := rand.New(rand.NewPCG(*first, 6)), t.TempDir()
	args := []string{"fs", "put", "--replication", "3", "--block-size", strconv.Itoa(largeBlock)}
	for i := range 2 * nodes {
		size := 200_000 + rng.IntN(1_000_000)
		if i%2 == 0 {
			size = 6<<20 + rng.IntN(8<<20)
		}
		text := words(rng.Uint64(), size)
		text[size-1] = '\n'
		file := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		in.texts, args = append(in.texts, text), append(args, file)
	}
	if _, err := c.ctl(t.Context(), nil, append(args, c.lab.URL("/chaos/in/"))...); err != nil {
		t.Fatal(err)
	}
	in.blocks = c.blocks(t)
	for name := range before {
		delete(in.blocks, name)
	}
	return in
}

// blocks names the files in which data nodes have blocks that are complete.
func (c *cluster) blocks(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, d := range c.lab.Data {
		files, err := d.Blocks()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			names[filepath.Base(f)] = true
		}
	}
	return names
}

// run is one job, and what is done to it.
type run struct {
	c       *cluster
	in      input
	seed    uint64
	rng     *rand.Rand
	failure string
	writing bool  // it is done to a data node that is written to
	words   bool  // the job counts words; else it copies
	files   []int // what it reads
	block   int   // bytes of a block of the output

	took  time.Duration
	tries int // that failed
	did   string
	undo  func() error // makes a changed replica what it was
}

// newRun draws a run. What counts words writes too little to be caught at it.
func newRun(c *cluster, in input, seed uint64) *run {
	rng := rand.New(rand.NewPCG(seed, 0))
	r := &run{c: c, in: in, seed: seed, rng: rng, undo: func() error { return nil }}
	r.failure, r.writing = failures[seed/2%uint64(len(failures))], seed%2 == 1
	r.words = !r.writing && rng.IntN(2) == 0
	r.block = []int{1 << 20, largeBlock}[rng.IntN(2)]
	for i, f := range append(rng.Perm(nodes)[:3], rng.Perm(nodes)[:2]...) { // three large ones, two small ones
		r.files = append(r.files, 2*f+i/3)
	}
	slices.Sort(r.files)
	return r
}

func (r *run) name() string {
	return r.failure + " in mid-" + map[bool]string{false: "read", true: "write"}[r.writing]
}

// do does a run, and brings HDFS back to what it was. The error says all that was
// wrong.
func (r *run) do(ctx context.Context) error {
	err := r.job(ctx)
	if !errors.Is(err, errFailed) && !errors.Is(err, errHung) {
		err = errors.Join(err, r.check(ctx)) // with HDFS as it is now
	}
	err = errors.Join(err, r.left(ctx))
	ctx, stop := context.WithTimeout(ctx, repairTime)
	defer stop()
	return errors.Join(err, r.undo(), r.c.lab.Repair(ctx))
}

func (r *run) out() string { return r.c.lab.URL("/chaos/out") }

// job runs the job while something is broken.
func (r *run) job(ctx context.Context) error {
	ctx, stop := context.WithTimeoutCause(ctx, jobTime, errHung)
	defer stop()
	var in []string
	for _, i := range r.files {
		in = append(in, r.c.lab.URL("/chaos/in/"+strconv.Itoa(i)))
	}
	args := []string{"submit", "--quiet", r.c.words, "--", "-in", strings.Join(in, ","), "-out", r.out(), "-overwrite",
		"-block", strconv.Itoa(r.block), "-split", strconv.Itoa(largeBlock), "-pause", "100ms", "-every", "2000"}
	if !r.words {
		args = append(args, "-copy")
	}
	began, done := time.Now(), make(chan struct{})
	var err error
	go func() {
		_, err = r.c.ctl(ctx, nil, args...)
		close(done)
	}()
	broken := r.breakOne(done)
	<-done
	r.took = time.Since(began)
	switch {
	case context.Cause(ctx) != nil:
		return errors.Join(broken, context.Cause(ctx))
	case err != nil:
		return errors.Join(broken, errFailed, err)
	}
	r.tries, err = r.c.failedTries(ctx)
	return errors.Join(broken, err)
}

// failedTries counts the tasks of the last job that failed and ran again.
func (c *cluster) failedTries(ctx context.Context) (n int, err error) {
	events, err := c.ctl(ctx, nil, "events")
	job := regexp.MustCompile(`job=\S+`).FindAllString(events, -1)
	for line := range strings.Lines(events) {
		if strings.Contains(line, "task failed") && strings.Contains(line, job[len(job)-1]) {
			n++
		}
	}
	return n, err
}

// breakOne waits until a data node is at what it shall fail in, and a time that is
// drawn, and breaks one that is at it then.
func (r *run) breakOne(done <-chan struct{}) error {
	var drawn <-chan time.Time
	for over := false; ; {
		nodes, files := r.busy()
		switch {
		case len(nodes) > 0 && over:
			i := r.rng.IntN(len(nodes))
			if err := r.breakIt(nodes[i], files[i]); !errors.Is(err, os.ErrNotExist) {
				return err
			} // the file has just been completed: another one
		case len(nodes) > 0 && drawn == nil:
			drawn = time.After(time.Duration(r.rng.Int64N(int64(time.Second))))
		}
		select {
		case <-done:
			return errUnbroken
		case <-drawn:
			over = true
		case <-time.After(5 * time.Millisecond): // a data node can only be asked
		}
	}
}

// busy finds data nodes that are at what they shall fail in, each with a file.
func (r *run) busy() (nodes []int, files []string) {
	for i, d := range r.c.lab.Data {
		open, received := d.Open()
		if r.writing {
			open = received
		}
		for _, f := range open {
			if r.writing || r.in.blocks[filepath.Base(f)] {
				nodes, files = append(nodes, i), append(files, f)
				break
			}
		}
	}
	return nodes, files
}

// breakIt breaks a data node, or the replica in a file of it.
func (r *run) breakIt(node int, file string) error {
	d := r.c.lab.Data[node]
	r.did = fmt.Sprintf("data node %d with %s: %s", node, filepath.Base(file), r.failure)
	switch r.failure {
	case "killed":
		return d.Kill()
	case "paused":
		return d.Pause()
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return os.ErrNotExist
	}
	at := info.Size() - 1 - r.rng.Int64N(info.Size()/4+1) // where it was not read yet
	if !r.writing {
		r.undo = func() error {
			if err := hdfslab.Flip(file, at); !errors.Is(err, os.ErrNotExist) {
				return err
			}
			return nil // it was known to be corrupt, and replaced
		}
	}
	r.did += fmt.Sprintf(", at byte %d of %d", at, info.Size())
	return hdfslab.Flip(file, at)
}

// check compares the output with what plain loops make of the texts.
func (r *run) check(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, jobTime)
	defer stop()
	got, err := r.c.ctl(ctx, nil, "fs", "cat", r.out())
	if err != nil {
		return errors.Join(errWrong, err)
	}
	var all []byte
	for _, i := range r.files {
		all = append(all, r.in.texts[i]...)
	}
	want := string(all)
	if r.words {
		got, want = sorted(strings.SplitAfter(got, "\n")), sorted(counted(all))
	}
	if got != want {
		return fmt.Errorf("%w: %d bytes, not those %d that should be there", errWrong, len(got), len(want))
	}
	return nil
}

func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// counted gives the lines that a word count has to write.
func counted(text []byte) (lines []string) {
	n := map[string]int{}
	for word := range bytes.FieldsSeq(text) {
		n[string(word)]++
	}
	for word, n := range n {
		lines = append(lines, fmt.Sprintf("%s\t%d\n", word, n))
	}
	return lines
}

// left waits until nothing is left of a job but its output, and says what is.
func (r *run) left(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, calmTime)
	defer stop()
	for {
		what, err := r.remains(ctx)
		if what == "" && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w after %s: %s", errLeft, calmTime, what), err)
		case <-time.After(100 * time.Millisecond): // it can only be looked at
		}
	}
}

func (r *run) remains(ctx context.Context) (string, error) {
	paths, err := r.c.lab.BeingWritten(ctx)
	if err != nil || len(paths) > 0 {
		return fmt.Sprintf("open for writing %q", paths), err
	}
	list, err := r.c.ctl(ctx, nil, "fs", "ls", r.c.lab.URL("/chaos"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); f[0] != "KIND" && !slices.Contains([]string{r.c.lab.URL("/chaos/in"), r.out()}, f[len(f)-1]) {
			return "beside the output: " + line, nil
		}
	}
	for _, m := range r.c.members {
		if pids := children(m.Process.Pid); len(pids) > 0 {
			return fmt.Sprintf("processes %v of %q", pids, m.Args[1:]), nil
		}
	}
	return "", nil
}

// children gives the processes that a process has started.
func children(pid int) (pids []string) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}
