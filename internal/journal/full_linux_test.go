package journal

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// A full disk ends the journal, and what was written before it is there afterwards.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("no small file system: ", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	j := mustOpen(t, dir)
	if left, low := j.Low(); !low || left > 256<<10 {
		t.Errorf("%d bytes left, low %t", left, low)
	}
	big := model.JobAccepted{Submit: model.SubmitJob{Job: "j", Data: make([]byte, 10<<10)}}
	n := 0
	for ; n < 1000; n++ {
		if _, err := j.Append([]model.Append{{Record: big, Sync: true}}); err != nil {
			break
		}
	}
	if n == 0 || n == 1000 {
		t.Fatalf("%d records fit into 192 KiB", n)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append([]model.Append{{Record: samples[0], Sync: true}}); err == nil {
		t.Error("it goes on after a failure")
	}
	mustClose(t, j)
	j = mustOpen(t, dir)
	defer mustClose(t, j)
	if got := read(t, j); len(got) != n {
		t.Errorf("%d records, want the %d that were written", len(got), n)
	}
	put(t, j, samples[:1])
}
