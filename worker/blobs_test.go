package worker

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/rdd/plan"
)

// has gives a fake master a blob.
func (f *fakeMaster) has(text string) plan.Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := bytes.Repeat([]byte(text), 100_000)
	d := plan.DigestOf(b)
	f.blobs[d] = b
	return d
}

func (f *fakeMaster) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gets
}

// finds has a worker find a blob of a job, and checks what it found.
func (f *fakeMaster) finds(w *Worker, job plan.JobID, d plan.Digest) string {
	f.t.Helper()
	path, err := w.blobs.find(f.t.Context(), job, d)
	if err != nil {
		f.t.Error(err)
		return ""
	}
	b, err := os.ReadFile(path)
	if err != nil || plan.DigestOf(b) != d {
		f.t.Errorf("%d bytes of another digest, %v", len(b), err)
	}
	return path
}

// Blobs come from workers that have them, and from the master if none gives them.
func TestBlobsOfOtherWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		var ws []*Worker
		for _, name := range []plan.WorkerID{"w1", "w2", "w3"} {
			w, _ := f.startWorker(name, nil)
			st := f.stream()
			st.welcome(1)
			for _, other := range []plan.WorkerID{"w1", "w2", "w3", "dead"} {
				st.send(msg.Peer{Worker: other, Address: string(other)})
			}
			st.send(msg.Job{ID: "j", Owners: []plan.WorkerID{"w1", "dead", "unknown", name}}, msg.Job{ID: "k", Owners: []plan.WorkerID{"w1", "w2"}})
			synctest.Wait()
			ws = append(ws, w)
		}
		d := f.has("a program")
		first := f.finds(ws[0], "j", d)
		if n := f.asked(); n != 1 {
			t.Fatalf("the master gave it %d times", n)
		}
		f.finds(ws[1], "j", d)
		f.finds(ws[0], "j", d)
		if n := f.asked(); n != 1 {
			t.Errorf("the master gave it %d times, and w1 has it", n)
		}
		f.finds(ws[2], "k", d)
		if n := f.asked(); n != 2 {
			t.Errorf("the master gave it %d times: w1 and w2 have it for another job", n)
		}
		f.finds(ws[0], "k", d) // which it has, for both jobs from now on
		e := f.has("a value")
		f.finds(ws[1], "k", e)
		if n := f.asked(); n != 3 {
			t.Errorf("the master gave them %d times: w1 does not have the other one", n)
		}
		// What an owner has is not believed.
		other := f.has("another program")
		path := f.finds(ws[0], "j", other)
		for _, damage := range []func(b []byte) []byte{func(b []byte) []byte { b[7] ^= 1; return b }, func(b []byte) []byte { return b[:100] }} {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o700); err != nil {
				t.Fatal(err)
			}
			before := f.asked()
			w := ws[1]
			if before > 4 {
				w = ws[2]
			}
			f.finds(w, "j", other)
			if n := f.asked(); n != before+1 {
				t.Errorf("the master was asked %d times more", n-before)
			}
		}
		// A job that has ended gives nothing to others.
		ws[0].blobs.drop("j")
		if _, err := ws[0].blobs.served("j", d); err == nil {
			t.Error("a blob is served for a job that has ended")
		}
		if _, err := os.Stat(first); err != nil {
			t.Errorf("what another job has asked for is gone: %v", err)
		}
	})
}

func TestBlobThatNobodyHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		w, _ := f.startWorker("w1", nil)
		f.stream().welcome(1)
		d := plan.DigestOf([]byte("x"))
		for range 2 {
			if _, err := w.blobs.find(t.Context(), "j", d); err == nil || !strings.Contains(err.Error(), "not here") {
				t.Errorf("got %v", err)
			}
		}
		if _, err := w.blobs.find(t.Context(), "j", "../x"); err == nil {
			t.Error("what is no digest is found")
		}
		if _, err := w.blobs.served("j", d); err == nil {
			t.Error("what failed is served")
		}
		if left, err := os.ReadDir(w.blobs.dir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// A program whose file is another build is not run, and the next one who asks has the
// right one.
func TestAnotherBuildIsNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		w, _ := f.startWorker("w1", nil)
		f.stream().welcome(1)
		d := f.has("a program")
		path := f.finds(w, "j", d)
		for _, other := range [][]byte{[]byte("another build"), nil} {
			if err := os.WriteFile(path, other, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := w.blobs.program(t.Context(), "j", d)
			if got := plan.DigestOf(other); err == nil || !strings.Contains(err.Error(), string(d[:12])) || !strings.Contains(err.Error(), string(got[:12])) {
				t.Errorf("got %v, want both digests", err)
			}
			if got, err := w.blobs.program(t.Context(), "j", d); err != nil || got != path {
				t.Errorf("then: %s, %v", got, err)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := w.blobs.program(t.Context(), "j", d); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("of a file that is gone: %v", err)
		}
		f.finds(w, "j", d)
	})
}

// What only one job had goes with it, but for the programs that were used last.
func TestBlobsOfEndedJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		w, _ := f.startWorker("w1", nil)
		f.stream().welcome(1)
		program, value, file := f.has("a program"), f.has("a value"), f.has("a file")
		path, err := w.blobs.program(t.Context(), "j", program)
		if err != nil {
			t.Fatal(err)
		}
		f.finds(w, "j", value)
		files, err := w.blobs.files(t.Context(), "j", []msg.File{{Name: "f", Digest: file}, {Name: "again", Digest: file}})
		if err != nil || len(files) != 2 || files[0].Name != "f" || files[1].Name != "again" || files[0].Path != files[1].Path {
			t.Fatalf("got %+v, %v", files, err)
		}
		if st, err := os.Stat(files[0].Path); err != nil || st.Mode().Perm() != 0o500 {
			t.Errorf("the file has mode %v, %v", st.Mode(), err)
		}
		if n := f.asked(); n != 3 {
			t.Errorf("the master was asked %d times for three blobs", n)
		}
		if _, err := w.blobs.files(t.Context(), "j", []msg.File{{Name: "gone", Digest: plan.DigestOf(nil)}}); err == nil || !strings.HasPrefix(err.Error(), "file gone: ") {
			t.Errorf("got %v", err)
		}
		f.finds(w, "k", value)
		left := func() int {
			t.Helper()
			all, err := os.ReadDir(w.blobs.dir)
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		w.blobs.drop("j")
		if n := left(); n != 2 {
			t.Errorf("%d blobs are left of a program and a value of another job", n)
		}
		w.blobs.drop("k")
		w.blobs.drop("unknown")
		if n := left(); n != 1 {
			t.Errorf("%d blobs are left of a program", n)
		}
		for i := range keptPrograms {
			if _, err := w.blobs.program(t.Context(), "l", f.has("program "+strings.Repeat("x", i))); err != nil {
				t.Fatal(err)
			}
		}
		if n := left(); n != keptPrograms {
			t.Errorf("%d programs are left", n)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("the program that was used first is left")
		}
	})
}
