package journal

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

var attempt = model.AttemptID{Stage: model.StageID{Job: "j", Key: "k"}, Gen: 1, Partition: 2, Term: 3, Seq: 4}

// samples has a record of every type.
var samples = []model.Record{
	model.TermStarted{Term: 3},
	model.JobAccepted{Submit: model.SubmitJob{Job: "j", Key: "k", Name: "words", Data: []byte{1, 2}, Limits: model.Limits{Slots: 3}}},
	model.ActionAccepted{Submit: model.SubmitAction{Action: plan.ActionID{Job: "j", N: 1}, Encoded: []byte("plan"), Partitions: []int{0, 3},
		Graph: []model.StageSpec{{Key: "k", Parents: []model.Parent{{Key: "p"}}}}}},
	model.SplitsPlanned{Action: plan.ActionID{Job: "j", N: 1}, Sizes: []model.StageSize{{Key: "k", N: 4}}, Resolved: []byte("resolved")},
	model.Prepared{Action: plan.ActionID{Job: "j", N: 1}},
	model.GenRaised{Job: "j", Stages: []model.StageGen{{Stage: attempt.Stage, Gen: 2}}, Why: "w"},
	model.ClassChanged{Stage: attempt.Stage, Class: model.Indeterminate},
	model.Launched{Worker: "w", Inc: 5, Exec: 1, Attempts: []model.AttemptID{attempt}},
	model.OutputAt{Output: model.MapOutput{Partition: 2, Attempt: attempt, Store: "s", Sum: 1 << 63}},
	model.OutputGone{Stage: attempt.Stage, Partition: 2},
	model.Moved{Output: attempt, To: "t", Where: []byte("x")},
	model.Won{File: model.StagedFile{Attempt: attempt, File: "f", Bytes: 9}},
	model.ResultAt{Attempt: attempt, Worker: "w", Address: "a"},
	model.Failure{Attempt: attempt, Class: model.User, Signature: model.Signature{Kind: "panic"}},
	model.WorkerSeen{Worker: "w", Inc: 5, Store: "s"},
	model.WorkerRule{Worker: "w", Drain: true},
	model.PoolSet{Pool: model.Pool{Name: "p", Weight: 2}},
	model.CommitIntent{Manifest: model.Manifest{Files: []model.StagedFile{{Attempt: attempt}}}},
	model.Committed{Action: plan.ActionID{Job: "j", N: 1}},
	model.ActionEnded{Action: plan.ActionID{Job: "j", N: 1}, State: model.ActionFailed, Cause: &model.Cause{Message: "why"}},
	model.CancelAccepted{Cancel: model.Cancel{Job: "j", Reason: "r"}},
	model.JobEnded{Job: "j", State: model.JobDone},
	model.CollectedRecord{Action: plan.ActionID{Job: "j", N: 1}},
	model.BlobHeld{Job: "j", Digest: plan.DigestOf([]byte("b"))},
}

// mustOpen opens a directory's journal, which the test closes.
func mustOpen(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(Options{Dir: dir, Cluster: "c", Holder: "me", Flushed: func(uint64, error) {}})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// put appends records, each synced if it is at an even place.
func put(t *testing.T, j *Journal, recs []model.Record) {
	t.Helper()
	for i, r := range recs {
		durable, err := j.Append([]model.Append{{Record: r, Sync: i%2 == 0}})
		if err != nil || durable != (i%2 == 0) {
			t.Fatalf("record %d: durable %t, %v", i, durable, err)
		}
	}
}

func read(t *testing.T, j *Journal) (recs []model.Record) {
	t.Helper()
	for e, err := range j.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		if e.At.IsZero() {
			t.Error("a record has no time")
		}
		recs = append(recs, e.Record)
	}
	return recs
}

func mustClose(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// written gives the bytes of a journal with some records, and where each ends.
func written(t *testing.T, recs []model.Record) (file []byte, ends []int64) {
	t.Helper()
	dir := t.TempDir()
	j := mustOpen(t, dir)
	ends = append(ends, j.end)
	for _, r := range recs {
		put(t, j, []model.Record{r})
		ends = append(ends, j.end)
	}
	mustClose(t, j)
	file, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return file, ends
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir)
	if j.Term() != 0 || len(read(t, j)) != 0 {
		t.Error("a new journal is not empty")
	}
	put(t, j, samples)
	mustClose(t, j)
	j = mustOpen(t, dir)
	defer mustClose(t, j)
	if got := read(t, j); !reflect.DeepEqual(got, samples) {
		t.Errorf("got  %+v\nwant %+v", got, samples)
	}
	if j.Term() != 3 {
		t.Errorf("term %d, want 3", j.Term())
	}
}

// An output of very many files has a record that is larger than any message.
func TestLargeRecord(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir)
	want := model.CommitIntent{}
	for i := range 120_000 {
		f := model.StagedFile{Partition: i, Attempt: attempt, Worker: "w", Rows: 1, Bytes: 1, Sum: 1 << 63}
		f.Attempt.Partition = i
		want.Manifest.Files = append(want.Manifest.Files, f)
	}
	put(t, j, []model.Record{want, samples[0]})
	if j.end < plan.MaxEncoded {
		t.Fatalf("%d bytes are no large record", j.end)
	}
	mustClose(t, j)
	j = mustOpen(t, dir)
	defer mustClose(t, j)
	got := read(t, j)
	if len(got) != 2 || !reflect.DeepEqual(got[0], want) || !reflect.DeepEqual(got[1], samples[0]) {
		t.Errorf("%d records, not those that were written", len(got))
	}
}

// Every record that the scheduler may want is one that can be kept.
func TestEveryRecordHasAForm(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../sched/model/record.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, r := range samples {
		has[reflect.TypeOf(r).Name()] = true
	}
	n := 0
	for _, d := range f.Decls {
		if m, ok := d.(*ast.FuncDecl); ok && m.Name.Name == "record" {
			n++
			if name := m.Recv.List[0].Type.(*ast.Ident).Name; !has[name] {
				t.Errorf("%s has no sample here", name)
			}
		}
	}
	if n != len(table.Types()) || n != len(samples) {
		t.Errorf("%d records, %d forms, %d samples", n, len(table.Types()), len(samples))
	}
}

// Whatever a crash leaves of the end of the file, what was whole before is read.
func TestEveryCut(t *testing.T) {
	t.Parallel()
	file, ends := written(t, samples[:6])
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	for cut := ends[0]; cut <= int64(len(file)); cut++ {
		if err := os.WriteFile(path, file[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= cut {
			whole++
		}
		j := mustOpen(t, dir)
		if got := read(t, j); len(got) != whole {
			t.Fatalf("cut at %d: %d records, want %d", cut, len(got), whole)
		}
		if cut%8 == 0 {
			put(t, j, samples[:1])
			if got := read(t, j); len(got) != whole+1 {
				t.Fatalf("cut at %d: %d records after one more, want %d", cut, len(got), whole+1)
			}
		}
		mustClose(t, j)
	}
}

// A file that ends in what was never written, as after a power cut, is one whose
// end is torn.
func TestGarbageAtTheEnd(t *testing.T) {
	file, _ := written(t, samples)
	for name, tail := range map[string][]byte{"zeros": make([]byte, 5000), "a marker": []byte(marker + marker), "text": bytes.Repeat([]byte("x"), 999)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), append(bytes.Clone(file), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		j := mustOpen(t, dir)
		if got := read(t, j); len(got) != len(samples) {
			t.Errorf("%s: %d records, want %d", name, len(got), len(samples))
		}
		mustClose(t, j)
	}
}

// Any byte that differs is noticed: in the last record as a torn end, before it as
// damage, which is refused and can be repaired.
func TestEveryFlippedByte(t *testing.T) {
	t.Parallel()
	file, ends := written(t, samples[3:7])
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 0x5a
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		whole := -1 // of the header
		for whole+1 < len(ends) && ends[whole+1] <= int64(i) {
			whole++
		}
		j, err := Open(Options{Dir: dir, Cluster: "c", Flushed: func(uint64, error) {}})
		if whole == 3 {
			if err != nil || len(read(t, j)) != 3 {
				t.Fatalf("byte %d of the last record: %v", i, err)
			}
			mustClose(t, j)
			continue
		}
		var damage *DamageError
		if !errors.As(err, &damage) || damage.Offset != max(0, atLeast(ends, whole)) || damage.Path != path {
			t.Fatalf("byte %d, behind record %d: %v", i, whole, err)
		}
		repaired(t, dir, bad, whole)
	}
}

func atLeast(ends []int64, whole int) int64 {
	if whole < 0 {
		return 0
	}
	return ends[whole]
}

// repaired repairs a damaged journal with so many records before the damage.
func repaired(t *testing.T, dir string, bad []byte, whole int) {
	t.Helper()
	r, err := Repair(dir)
	if whole < 0 {
		if err == nil {
			t.Fatal("a journal without its header was repaired")
		}
		return
	}
	if err != nil || r.Records != whole || r.Cut == 0 {
		t.Fatalf("repaired %+v, %v, want %d records", r, err, whole)
	}
	copied, err := os.ReadFile(r.Copy)
	if err != nil || !bytes.Equal(copied, bad) {
		t.Fatalf("the copy differs from what was there: %v", err)
	}
	if err := os.Remove(r.Copy); err != nil {
		t.Fatal(err)
	}
	j := mustOpen(t, dir)
	if got := read(t, j); len(got) != whole {
		t.Fatalf("%d records after the repair, want %d", len(got), whole)
	}
	mustClose(t, j)
}

func TestRepairOfWhatIsWhole(t *testing.T) {
	dir := t.TempDir()
	if _, err := Repair(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("repaired nothing: %v", err)
	}
	j := mustOpen(t, dir)
	put(t, j, samples)
	if _, err := Repair(dir); !strings.Contains(fmt.Sprint(err), "is held by me") {
		t.Errorf("repaired a journal in use: %v", err)
	}
	mustClose(t, j)
	if r, err := Repair(dir); err != nil || r.Records != len(samples) || r.Cut != 0 || r.Copy != "" {
		t.Errorf("got %+v, %v", r, err)
	}
}

// A record of a newer release is no torn end.
func TestUnknownRecord(t *testing.T) {
	file, ends := written(t, samples[:1])
	for name, at := range map[string]int{"kind": 0, "version": 1} {
		frame := bytes.Clone(file[ends[0]:])
		frame[frameHead+at] = 99
		copy(frame[8:], le32(checksum(frame[4:8], frame[frameHead:])))
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), append(bytes.Clone(file), frame...), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Options{Dir: dir, Cluster: "c"})
		var damage *DamageError
		if !errors.As(err, &damage) || damage.Offset != ends[1] {
			t.Errorf("%s: %v", name, err)
		}
		if r, err := Repair(dir); err != nil || r.Records != 1 || r.Cut != int64(len(frame)) {
			t.Errorf("%s: repaired %+v, %v", name, r, err)
		}
	}
}

func le32(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }

func TestOtherCluster(t *testing.T) {
	dir := t.TempDir()
	mustClose(t, mustOpen(t, dir))
	_, err := Open(Options{Dir: dir, Cluster: "d"})
	var other *ClusterError
	if !errors.As(err, &other) || other.Has != "c" || other.Want != "d" {
		t.Errorf("got %v", err)
	}
	if _, err := Open(Options{Dir: dir, Cluster: strings.Repeat("x", 300)}); err == nil {
		t.Error("a name that no header has room for")
	}
}

// Records that do not ask for it are synced soon, and their number told.
func TestFlush(t *testing.T) {
	told := make(chan uint64, 10)
	j, err := Open(Options{Dir: t.TempDir(), Cluster: "c", Flushed: func(n uint64, err error) {
		if err != nil {
			t.Error(err)
		}
		told <- n
	}})
	if err != nil {
		t.Fatal(err)
	}
	if durable, err := j.Append([]model.Append{{Record: samples[1]}, {Record: samples[2]}}); durable || err != nil {
		t.Errorf("durable %t, %v", durable, err)
	}
	if n := <-told; n != 2 {
		t.Errorf("%d records are durable, want 2", n)
	}
	if durable, err := j.Append([]model.Append{{Record: samples[1]}, {Record: samples[2], Sync: true}, {Record: samples[3]}}); !durable || err != nil {
		t.Errorf("durable %t, %v", durable, err)
	}
	mustClose(t, j)
	if len(told) > 0 {
		t.Error("told what an Append waited for")
	}
}

// What nobody waited for is durable after a compaction, and that is told.
func TestFlushAfterCompaction(t *testing.T) {
	told := make(chan uint64, 1)
	j, err := Open(Options{Dir: t.TempDir(), Cluster: "c", Flushed: func(n uint64, err error) {
		if err != nil {
			t.Error(err)
		}
		told <- n
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, j)
	if _, err := j.Append([]model.Append{{Record: samples[1]}}); err != nil {
		t.Fatal(err)
	}
	if err := j.Compact(func(all iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] { return all }); err != nil {
		t.Fatal(err)
	}
	if n := <-told; n != 1 {
		t.Errorf("%d records are durable, want 1", n)
	}
}

// What cannot be written ends the journal, whatever could be written afterwards.
func TestFailureIsFinal(t *testing.T) {
	j := mustOpen(t, t.TempDir())
	good := j.file
	broken, err := os.Open(j.path) // that cannot be written
	if err != nil {
		t.Fatal(err)
	}
	j.file = broken
	_, first := j.Append([]model.Append{{Record: samples[0], Sync: true}})
	j.file = good
	if first == nil || !strings.Contains(first.Error(), j.path) {
		t.Errorf("got %v", first)
	}
	if _, err := j.Append([]model.Append{{Record: samples[0]}}); !errors.Is(err, first) {
		t.Errorf("got %v, want %v", err, first)
	}
	if err := j.Compact(func(all iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] { return all }); !errors.Is(err, first) {
		t.Errorf("got %v, want %v", err, first)
	}
	if j.Due() {
		t.Error("a journal that has failed is to be compacted")
	}
	if err := errors.Join(broken.Close(), j.Close()); err != nil {
		t.Error(err)
	}
}

func TestCompact(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir)
	put(t, j, samples)
	before := j.end
	if j.Due() {
		t.Error("a small journal is to be compacted")
	}
	var times []int64
	for e, err := range j.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, e.At.UnixNano())
	}
	odd := func(all iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] {
		return func(yield func(model.Record, error) bool) {
			for _, err := range all { // it may be read twice
				if err != nil {
					t.Error(err)
				}
			}
			i := 0
			for r, err := range all {
				if i++; i%2 == 0 && !yield(r, err) {
					return
				}
			}
		}
	}
	if err := j.Compact(odd); err != nil {
		t.Fatal(err)
	}
	if j.end >= before {
		t.Errorf("%d bytes after it, %d before", j.end, before)
	}
	put(t, j, samples[:1])
	mustClose(t, j)
	j = mustOpen(t, dir)
	defer mustClose(t, j)
	i := 1
	for e, err := range j.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		if i < len(samples) {
			if !reflect.DeepEqual(e.Record, samples[i]) || e.At.UnixNano() != times[i] {
				t.Errorf("got %+v at %d, want %+v at %d", e.Record, e.At.UnixNano(), samples[i], times[i])
			}
		} else if !reflect.DeepEqual(e.Record, samples[0]) {
			t.Errorf("got %+v, want what was written last", e.Record)
		}
		i += 2
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*"+newSuffix)); len(files) > 0 {
		t.Errorf("left %q", files)
	}
}

// A compaction that fails leaves the journal as it was.
func TestCompactFails(t *testing.T) {
	j := mustOpen(t, t.TempDir())
	defer mustClose(t, j)
	put(t, j, samples)
	err := j.Compact(func(iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] {
		return func(yield func(model.Record, error) bool) { yield(nil, errors.New("no")) }
	})
	if err == nil {
		t.Error("it did not fail")
	}
	put(t, j, samples[:2])
	if got := read(t, j); len(got) != len(samples)+2 {
		t.Errorf("%d records", len(got))
	}
}

func TestDue(t *testing.T) {
	j := mustOpen(t, t.TempDir())
	defer mustClose(t, j)
	big := model.JobAccepted{Submit: model.SubmitJob{Job: "j", Data: make([]byte, compactAt/4)}}
	for i := range 5 {
		if want := i == 4; j.Due() != want {
			t.Errorf("after %d large records: due %t", i, j.Due())
		}
		put(t, j, []model.Record{big})
	}
	if err := j.Compact(func(all iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] { return all }); err != nil {
		t.Fatal(err)
	}
	if j.Due() {
		t.Error("due again at once: what is needed is that large")
	}
}

// Appends of several goroutines, the flusher and compactions do not mix.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 50 {
				if _, err := j.Append([]model.Append{{Record: samples[g], Sync: i%10 == 0}}); err != nil {
					t.Error(err)
				}
				if g == 0 && i%20 == 0 {
					if err := j.Compact(func(all iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] { return all }); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	mustClose(t, j)
	j = mustOpen(t, dir)
	defer mustClose(t, j)
	if got := read(t, j); len(got) != 200 {
		t.Errorf("%d records, want 200", len(got))
	}
}

// holderVar has the test binary hold the journal of a directory until its standard
// input ends.
const holderVar = "GORDD_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderVar); dir != "" {
		j, err := Open(Options{Dir: dir, Cluster: "c", Holder: "master at 10.0.0.1:7077 with pid 12", Flushed: func(uint64, error) {}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = os.Stdin.Read(make([]byte, 1))
		_ = j.Close()
		return
	}
	os.Exit(m.Run())
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderVar+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 5)
	if _, err := out.Read(line); err != nil || string(line) != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, err = Open(Options{Dir: dir, Cluster: "c"})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Holder != "master at 10.0.0.1:7077 with pid 12" {
		t.Errorf("got %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_ = in.Close()
	mustClose(t, mustOpen(t, dir)) // the lock went with the process
}

func FuzzOpen(f *testing.F) {
	var b []byte
	b = appendHeader(b, "c")
	f.Add(bytes.Clone(b))
	for _, r := range samples {
		var err error
		if b, err = appendFrame(b, Entry{Record: r}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b)
	f.Add(append(bytes.Clone(b), marker...))
	f.Fuzz(func(t *testing.T, file []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), file, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(Options{Dir: dir, Cluster: "c", Flushed: func(uint64, error) {}})
		if err != nil {
			return
		}
		n := len(read(t, j))
		put(t, j, samples[:1])
		if got := read(t, j); len(got) != n+1 || !reflect.DeepEqual(got[n], samples[0]) {
			t.Errorf("%d records after one more, want %d", len(got), n+1)
		}
		mustClose(t, j)
	})
}

// BenchmarkRead is half of what a compaction takes.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	j, err := Open(Options{Dir: dir, Cluster: "c", Flushed: func(uint64, error) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	out := samples[8].(model.OutputAt)
	out.Output.Sizes, out.Output.Output = make([]byte, 32), make([]byte, 100)
	for range 20_000 {
		if _, err := j.Append([]model.Append{{Record: out}}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(j.end)
	for b.Loop() {
		for _, err := range j.Entries() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
