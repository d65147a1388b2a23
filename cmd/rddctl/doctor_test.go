package main

import (
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/status"
)

func TestCheckWorkers(t *testing.T) {
	worker := func(id, state, arch string) status.Worker {
		return status.Worker{ID: id, State: state, Slots: 2, OS: "linux", Arch: arch}
	}
	for name, c := range map[string]struct {
		workers []status.Worker
		want    []finding
	}{
		"none": {nil, []finding{{"workers", failed, "none is live: jobs wait for one; start rddctl worker"}}},
		"well": {[]status.Worker{worker("a", "live", "amd64"), worker("b", "lost", "arm64"), worker("c", "live", "amd64")},
			[]finding{{"workers", fine, "2 live, with 4 slots, on linux/amd64"}}},
		"mixed": {[]status.Worker{worker("a", "live", "amd64"), worker("b", "suspect", "amd64"), worker("c", "live", "arm64")},
			[]finding{{"workers", fine, "2 live, with 4 slots, on linux/amd64, linux/arm64: packages are built for each, a binary runs on its own only"},
				{"worker b", warning, "it is suspect"}}},
		"of another size": {[]status.Worker{worker("a", "live", "amd64"), worker("b", "live", "arm")},
			[]finding{{"workers", warning, "2 live, with 4 slots, on linux/amd64, linux/arm: where int has another size than here they get no tasks of what is submitted here"}}},
	} {
		got := checkWorkers(c.workers)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", name, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", name, got[i], c.want[i])
			}
		}
	}
}

func TestCheckScratch(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if f := checkScratch(); f.State != fine {
		t.Errorf("%+v", f)
	}
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	if f := checkScratch(); f.State != failed || !strings.Contains(f.Text, "set TMPDIR") {
		t.Errorf("%+v", f)
	}
}
