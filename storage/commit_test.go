package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func committer(t testing.TB, out Output) *Committer {
	t.Helper()
	if out.ID == "" {
		out.ID = "job-1.0"
	}
	c, err := NewCommitter(out)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// attempt writes one attempt's file and reports it.
func attempt(t testing.TB, c *Committer, a Attempt, content string) Winner {
	t.Helper()
	w, err := c.Create(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return Winner{Attempt: a, Rows: int64(strings.Count(content, "\n")), Bytes: w.Size(), Sum: "s" + fmt.Sprint(a.Partition)}
}

// attempts prepares and writes n winners with losers beside them.
func attempts(t testing.TB, c *Committer, n int) []Winner {
	t.Helper()
	if err := c.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	var winners []Winner
	for p := range n {
		attempt(t, c, Attempt{0, p, 1, uint64(p)}, "rolled back\n")
		attempt(t, c, Attempt{1, p, 1, uint64(100 + p)}, "loser\n")
		winners = append(winners, attempt(t, c, Attempt{1, p, 2, uint64(p)}, strings.Repeat("row\n", p)))
	}
	return winners
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantOutput checks an output of attempts: exactly its files, and nothing else below top.
func wantOutput(t testing.TB, top, dir string, n int) {
	t.Helper()
	want := []string{dir + "/", dir + "/_SUCCESS", dir + "/_manifest.json"}
	for p := range n {
		name := fmt.Sprintf("%s/part-%05d", dir, p)
		want = append(want, name)
		if got := read(t, filepath.Join(top, name)); got != strings.Repeat("row\n", p) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := names(t, top); !slices.Equal(got, want) {
		t.Errorf("got files %v\nwant %v", got, want)
	}
	m, err := ReadManifest(t.Context(), filepath.Join(top, dir))
	must(t, err)
	if len(m.Parts) != n {
		t.Errorf("manifest of %d parts, want %d", len(m.Parts), n)
	}
	for p, part := range m.Parts {
		if (part != ManifestPart{p, fmt.Sprintf("part-%05d", p), int64(p), int64(4 * p), "s" + fmt.Sprint(p)}) {
			t.Errorf("manifest part %d: %+v", p, part)
		}
	}
}

func TestCommit(t *testing.T) {
	for _, out := range []Output{{}, {Sync: true}, {Nonce: NewNonce()}, {Overwrite: true}} {
		t.Run(fmt.Sprintf("sync %v nonce %v overwrite %v", out.Sync, out.Nonce != "", out.Overwrite), func(t *testing.T) {
			top := t.TempDir()
			out.Dir = filepath.Join(top, "new", "out")
			c := committer(t, out)
			winners := attempts(t, c, 5)
			if _, err := os.Stat(out.Dir); err == nil {
				t.Error("output is visible before Publish")
			}
			must(t, c.Publish(t.Context(), winners))
			must(t, c.Publish(t.Context(), winners)) // again
			must(t, c.Collect(t.Context()))
			must(t, c.Publish(t.Context(), winners)) // even now
			must(t, c.Collect(t.Context()))
			wantOutput(t, filepath.Join(top, "new"), "out", 5)
			files, err := Expand(t.Context(), out.Dir, ExpandOptions{})
			if err != nil || len(files) != 5 {
				t.Errorf("read back: %v, %v", files, err)
			}
		})
	}
}

func TestCommitNothing(t *testing.T) {
	top := t.TempDir()
	c := committer(t, Output{Dir: filepath.Join(top, "out")})
	must(t, c.Prepare(t.Context()))
	must(t, c.Publish(t.Context(), nil))
	must(t, c.Collect(t.Context()))
	wantOutput(t, top, "out", 0)
}

func TestCommitCompressed(t *testing.T) {
	for _, name := range []string{"gzip", "zstd"} {
		top := t.TempDir()
		c := committer(t, Output{Dir: filepath.Join(top, "out"), Compression: name})
		must(t, c.Prepare(t.Context()))
		content := strings.Repeat("a line of text\n", 10_000)
		w := attempt(t, c, Attempt{}, content)
		if w.Bytes == 0 || w.Bytes > 10_000 {
			t.Errorf("%s: %d bytes", name, w.Bytes)
		}
		must(t, c.Publish(t.Context(), []Winner{w}))
		must(t, c.Collect(t.Context()))
		files := expand(t, filepath.Join(top, "out"))
		if want := "part-00000" + CompressionExt(name); baseOf(files[0].Path) != want {
			t.Errorf("part is %s, want %s", files[0].Path, want)
		}
		got, err := ReadWhole(t.Context(), PartOf(files[0]), 1<<20)
		if err != nil || string(got) != content {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestOverwrite(t *testing.T) {
	top := tree(t, "out/part-00000", "out/part-00099", "out/sub/x")
	c := committer(t, Output{Dir: filepath.Join(top, "out"), Overwrite: true})
	winners := attempts(t, c, 3)
	if got := read(t, filepath.Join(top, "out/part-00099")); got != "out/part-00099" {
		t.Errorf("old output is touched before Publish: %q", got)
	}
	must(t, c.Publish(t.Context(), winners))
	must(t, c.Collect(t.Context()))
	wantOutput(t, top, "out", 3)
}

func TestPrepareRefuses(t *testing.T) {
	top := tree(t, "there/", "full/part-00000", "file")
	cases := []struct {
		name string
		out  Output
		kind Kind
		says string
	}{
		{"an empty directory", Output{Dir: "there"}, Exists, "exists already"},
		{"a full directory", Output{Dir: "full"}, Exists, "exists already"},
		{"a file", Output{Dir: "file"}, Exists, "a file is in the way"},
		{"a file also with Overwrite", Output{Dir: "file", Overwrite: true}, Exists, "a file is in the way"},
		{"a place below a file", Output{Dir: "file/out"}, Invalid, "not a directory"},
		{"two paths", Output{Dir: "a,b"}, Invalid, "one directory"},
		{"two longer paths", Output{Dir: "x/a,x/b"}, Invalid, "one directory"},
		{"a pattern", Output{Dir: "a*"}, Invalid, "one directory"},
		{"a hidden name", Output{Dir: "_out"}, Invalid, "_ or ."},
		{"unknown compression", Output{Dir: "o", Compression: "lzma"}, Invalid, "lzma"},
		{"compression that is only read", Output{Dir: "o", Compression: "bzip2"}, Invalid, "bzip2"},
		{"an id with a slash", Output{Dir: "o", ID: "a/b"}, Invalid, "id"},
		{"an id that leads out", Output{Dir: "o", ID: ".."}, Invalid, "id"},
	}
	before := names(t, top)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.out.Dir = top + "/" + c.out.Dir
			if c.out.ID == "" {
				c.out.ID = "j.0"
			}
			cm, err := NewCommitter(c.out)
			if err == nil {
				err = cm.Prepare(t.Context())
			}
			wantKind(t, err, c.kind, "save to", top, c.says)
		})
	}
	for _, dir := range []string{"", "/", "hdfs://nn/out"} {
		_, err := NewCommitter(Output{Dir: dir, ID: "j.0"})
		wantKind(t, err, Invalid)
	}
	if after := names(t, top); !slices.Equal(after, before) {
		t.Errorf("files now %v, before %v", after, before)
	}
}

func TestPrepareWithoutPermission(t *testing.T) {
	top := t.TempDir()
	url := withFaults(t, top, func(op, p string) error {
		if op == "mkdir" {
			return wrapError("make directory", p, os.ErrPermission)
		}
		return nil
	})
	err := committer(t, Output{Dir: url + "/out"}).Prepare(t.Context())
	wantKind(t, err, Permission, "save to", "/out", "permission denied")
}

// TestPrepareBesideCollect: another action takes an empty _temporary away at the worst moment.
func TestPrepareBesideCollect(t *testing.T) {
	top := t.TempDir()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				c := committer(t, Output{Dir: filepath.Join(top, fmt.Sprintf("out-%d-%d", g, i)), ID: fmt.Sprintf("j%d.%d", g, i)})
				if err := c.Prepare(t.Context()); err != nil {
					t.Error(err)
				}
				if err := c.Collect(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := names(t, top); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// crasher lets n changes of the store happen and then nothing any more.
type crasher struct{ left atomic.Int64 }

func (c *crasher) hook(op, _ string) error {
	switch op {
	case "mkdir", "create", "rename", "remove", "removeall":
		if c.left.Add(-1) < 0 {
			return errCrash
		}
	default:
		if c.left.Load() < 0 {
			return errCrash
		}
	}
	return nil
}

// TestCrashPoints stops Publish and Collect after every number of changes, then repeats.
func TestCrashPoints(t *testing.T) {
	const n = 4
	for _, overwrite := range []bool{false, true} {
		for _, step := range []string{"publish", "collect"} {
			t.Run(fmt.Sprintf("%s overwrite %v", step, overwrite), func(t *testing.T) {
				crashed := 0
				for k := int64(0); ; k++ {
					if crashAt(t, k, step, overwrite, n) {
						crashed++
						continue
					}
					break
				}
				if step == "publish" && crashed < n+5 {
					t.Errorf("only %d places to crash at", crashed)
				}
			})
		}
	}
}

func crashAt(t *testing.T, k int64, step string, overwrite bool, n int) (crashed bool) {
	t.Helper()
	top := t.TempDir()
	if overwrite {
		write(t, filepath.Join(top, "out", "part-00000"), "old")
	}
	var cr crasher
	cr.left.Store(1 << 40)
	out := Output{Dir: withFaults(t, top, cr.hook) + "/out", Overwrite: overwrite}
	c := committer(t, out)
	winners := attempts(t, c, n)
	run := func() error {
		if step == "collect" {
			return c.Collect(t.Context())
		}
		return c.Publish(t.Context(), winners)
	}
	if step == "collect" {
		must(t, c.Publish(t.Context(), winners))
	}
	cr.left.Store(k)
	err := run()
	if err == nil {
		return false
	}
	if !errors.Is(err, errCrash) {
		t.Fatalf("after %d changes: %v", k, err)
	}
	if step == "publish" {
		noHalfOutput(t, filepath.Join(top, "out"), overwrite, n)
	}
	cr.left.Store(1 << 40)
	c = committer(t, out) // another process
	if err := run(); err != nil {
		t.Fatalf("repeated after %d changes: %v", k, err)
	}
	must(t, c.Collect(t.Context()))
	wantOutput(t, top, "out", n)
	return true
}

// noHalfOutput: what readers see is the old output, nothing, or all of the new one.
func noHalfOutput(t *testing.T, dir string, overwrite bool, n int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		t.Fatal(err)
	case len(entries) == n+2:
	case overwrite && len(entries) == 1 && read(t, filepath.Join(dir, "part-00000")) == "old":
	default:
		t.Errorf("half an output: %v", entries)
	}
}

// TestCollectGivesTheOldOutputBack: a Publish that was given up between its last two renames.
func TestCollectGivesTheOldOutputBack(t *testing.T) {
	top := tree(t, "out/old-file")
	var stop atomic.Bool
	url := withFaults(t, top, func(op, p string) error {
		if stop.Load() && op == "rename" && filepath.Base(p) == readyName {
			return errCrash
		}
		return nil
	})
	c := committer(t, Output{Dir: url + "/out", Overwrite: true})
	winners := attempts(t, c, 2)
	stop.Store(true)
	if err := c.Publish(t.Context(), winners); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	must(t, c.Collect(t.Context()))
	if got := names(t, top); !slices.Equal(got, []string{"out/", "out/old-file"}) {
		t.Errorf("got %v", got)
	}
}

// TestPublishersRace: several publishers of one intent, as after a wrong failover.
func TestPublishersRace(t *testing.T) {
	for _, overwrite := range []bool{false, true} {
		t.Run(fmt.Sprintf("overwrite %v", overwrite), func(t *testing.T) {
			for range 50 {
				top := t.TempDir()
				if overwrite {
					write(t, filepath.Join(top, "out", "old"), "old")
				}
				out := Output{Dir: filepath.Join(top, "out"), Overwrite: overwrite}
				winners := attempts(t, committer(t, out), 6)
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() { _ = committer(t, out).Publish(t.Context(), winners) })
				}
				wg.Wait()
				c := committer(t, out)
				must(t, c.Publish(t.Context(), winners))
				must(t, c.Collect(t.Context()))
				wantOutput(t, top, "out", 6)
			}
		})
	}
}

func TestPublishRefuses(t *testing.T) {
	setup := func(t *testing.T) (*Committer, []Winner, string) {
		top := t.TempDir()
		c := committer(t, Output{Dir: filepath.Join(top, "out")})
		return c, attempts(t, c, 3), top
	}
	t.Run("a file of another length", func(t *testing.T) {
		c, winners, _ := setup(t)
		write(t, c.AttemptPath(winners[1].Attempt), "changed after the report\n")
		wantKind(t, c.Publish(t.Context(), winners), Corrupt, "reported 4", c.AttemptPath(winners[1].Attempt))
	})
	t.Run("a file that is gone", func(t *testing.T) {
		c, winners, _ := setup(t)
		must(t, c.Discard(t.Context(), winners[1].Attempt))
		must(t, c.Discard(t.Context(), winners[1].Attempt)) // twice is fine
		wantKind(t, c.Publish(t.Context(), winners), Corrupt, "gone")
	})
	t.Run("a file that is nobody's", func(t *testing.T) {
		c, winners, _ := setup(t)
		write(t, filepath.Join(c.Staging(), readyName, "part-00007"), "x")
		wantKind(t, c.Publish(t.Context(), winners), Corrupt, "part-00007")
	})
	t.Run("a partition without a winner", func(t *testing.T) {
		c, winners, _ := setup(t)
		wantKind(t, c.Publish(t.Context(), winners[1:]), Invalid, "partition 1")
	})
	for _, made := range []string{"out/", "out/part-00000"} {
		t.Run("an output made meanwhile, "+made, func(t *testing.T) {
			c, winners, top := setup(t)
			if strings.HasSuffix(made, "/") {
				must(t, os.Mkdir(filepath.Join(top, "out"), 0o777))
			} else {
				write(t, filepath.Join(top, made), "somebody's")
			}
			wantKind(t, c.Publish(t.Context(), winners), Exists, "while the job ran")
			must(t, c.Collect(t.Context()))
			if got := names(t, top)[0]; got != "out/" {
				t.Errorf("left %v", got)
			}
		})
	}
}

func TestLateAttempt(t *testing.T) {
	for _, nonce := range []string{"", NewNonce()} {
		top := t.TempDir()
		c := committer(t, Output{Dir: filepath.Join(top, "out"), Nonce: nonce})
		must(t, c.Prepare(t.Context()))
		must(t, c.Prepare(t.Context())) // a new master
		must(t, c.Collect(t.Context()))
		_, err := c.Create(t.Context(), Attempt{})
		wantKind(t, err, NotFound, c.Staging())
		if left := names(t, top); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestDirectoryThatIsNotShared(t *testing.T) {
	top := t.TempDir()
	here := committer(t, Output{Dir: filepath.Join(top, "out"), Nonce: NewNonce()})
	must(t, here.Prepare(t.Context()))
	elsewhere := committer(t, Output{Dir: filepath.Join(top, "out"), Nonce: NewNonce()})
	_, err := elsewhere.Create(t.Context(), Attempt{})
	wantKind(t, err, NotFound, "shared by all workers", top)
}

func TestManifestThatIsBroken(t *testing.T) {
	top := tree(t, "out/_manifest.json")
	_, err := ReadManifest(t.Context(), filepath.Join(top, "out"))
	wantKind(t, err, Corrupt, ManifestName)
	_, err = ReadManifest(t.Context(), top)
	wantKind(t, err, NotFound, ManifestName)
}

func TestCompressorEnds(t *testing.T) {
	for _, name := range []string{"", "gzip", "zstd"} {
		path := filepath.Join(t.TempDir(), "f")
		create := func() Writer {
			w, err := Local{}.Create(t.Context(), path)
			must(t, err)
			z, err := Compress(w, name)
			must(t, err)
			_, err = z.Write(bytes.Repeat([]byte("abc"), 1<<20))
			must(t, err)
			return z
		}
		w := create()
		must(t, w.Abort())
		must(t, w.Abort())
		must(t, w.Close())
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q: file is there after Abort", name)
		}
		w = create()
		must(t, w.Close())
		must(t, w.Close())
		must(t, w.Abort())
		if info, err := (Local{}).Stat(context.Background(), path); err != nil || info.Size != w.Size() {
			t.Errorf("%q: %+v, %v; Size says %d", name, info, err, w.Size())
		}
	}
	path := filepath.Join(t.TempDir(), "f")
	w, err := Local{}.Create(t.Context(), path)
	must(t, err)
	if _, err := Compress(w, "bzip2"); err == nil {
		t.Error("bzip2 can be written")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("file is there after a refused compression")
	}
}

// TestRenameThatStoppedHalfWay: a store without one-step renames left both names.
func TestRenameThatStoppedHalfWay(t *testing.T) {
	top := t.TempDir()
	c := committer(t, Output{Dir: filepath.Join(top, "out")})
	winners := attempts(t, c, 3)
	ready := filepath.Join(c.Staging(), readyName)
	must(t, os.Mkdir(ready, 0o777))
	if err := os.Link(c.AttemptPath(winners[2].Attempt), filepath.Join(ready, c.PartName(2))); err != nil {
		t.Skipf("no hard links: %v", err)
	}
	must(t, c.Publish(t.Context(), winners))
	must(t, c.Collect(t.Context()))
	wantOutput(t, top, "out", 3)
}

// TestSlowPublisherGivesBack: it found the output in the way and put aside, as the old one, what
// a faster publisher of the same intent had just made.
func TestSlowPublisherGivesBack(t *testing.T) {
	for _, crashed := range []bool{false, true} {
		top := t.TempDir()
		c := committer(t, Output{Dir: filepath.Join(top, "out"), Overwrite: true})
		winners := attempts(t, c, 3)
		must(t, c.Publish(t.Context(), winners))
		if crashed {
			must(t, os.Rename(c.Dir(), filepath.Join(c.Staging(), oldName)))
			must(t, c.Publish(t.Context(), winners))
		} else {
			data := []byte(read(t, filepath.Join(c.Dir(), ManifestName)))
			must(t, c.swap(t.Context(), filepath.Join(c.Staging(), readyName), data))
		}
		must(t, c.Collect(t.Context()))
		wantOutput(t, top, "out", 3)
	}
}

// TestStagingIsNotAnInput: unfinished output is invisible to jobs that read the parent.
func TestStagingIsNotAnInput(t *testing.T) {
	top := tree(t, "data.txt")
	c := committer(t, Output{Dir: filepath.Join(top, "out")})
	attempts(t, c, 3)
	got, err := found(top, "**/*", ExpandOptions{})
	if err != nil || got != "data.txt" {
		t.Errorf("a reader beside the output sees %s, %v", got, err)
	}
	must(t, c.Collect(t.Context()))
}

// TestAttemptsRace: attempts of one partition never write the same file, whoever is late.
func TestAttemptsRace(t *testing.T) {
	top := t.TempDir()
	c := committer(t, Output{Dir: filepath.Join(top, "out")})
	must(t, c.Prepare(t.Context()))
	const rivals = 8
	winners := make([]Winner, rivals)
	var wg sync.WaitGroup
	for i := range rivals {
		wg.Go(func() { winners[i] = attempt(t, c, Attempt{1, 0, 1, uint64(i)}, strings.Repeat("x\n", i)) })
	}
	wg.Wait()
	_, err := c.Create(t.Context(), winners[3].Attempt)
	wantKind(t, err, Exists, c.AttemptPath(winners[3].Attempt))
	must(t, c.Publish(t.Context(), winners[5:6]))
	must(t, c.Collect(t.Context()))
	if got := read(t, filepath.Join(top, "out", "part-00000")); got != strings.Repeat("x\n", 5) {
		t.Errorf("got %q", got)
	}
}

func TestCancelledPublish(t *testing.T) {
	top := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var renames atomic.Int32
	url := withFaults(t, top, func(op, _ string) error {
		if op == "rename" && renames.Add(1) == 2 {
			cancel()
		}
		return ctx.Err()
	})
	c := committer(t, Output{Dir: url + "/out"})
	winners := attempts(t, c, 3)
	if err := c.Publish(ctx, winners); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	c = committer(t, Output{Dir: filepath.Join(top, "out")})
	must(t, c.Publish(t.Context(), winners))
	must(t, c.Collect(t.Context()))
	wantOutput(t, top, "out", 3)
}
