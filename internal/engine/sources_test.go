package engine

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

func TestPreferences(t *testing.T) {
	a, b := plan.Files{Paths: "a"}, plan.Files{Paths: "b"}
	found := map[plan.Files][]storage.Split{a: {{}, {Hosts: []string{"h1", "h2"}, Racks: []string{"r1", ""}}}, b: {{Hosts: []string{"h3"}}}}
	pipe := func(f *plan.Files, n int) plan.Pipe { return plan.Pipe{Source: plan.Source{Files: f}, N: n} }
	st := plan.Stage{Pipe: plan.Pipe{N: 3, Source: plan.Source{Union: []plan.Pipe{pipe(&a, 2), pipe(&b, 1)}}}}
	got, racks := preferences(&st, found)
	if want := [][]string{nil, {"h1", "h2"}, {"h3"}}; !reflect.DeepEqual(got, want) || racks["h1"] != "r1" || racks["h3"] != "" {
		t.Errorf("got %q in %q, want %q", got, racks, want)
	}
	both := plan.Stage{Pipe: plan.Pipe{N: 1, Source: plan.Source{Wide: []plan.Input{{Pipe: &st.Pipe}}, Coalesced: &plan.Coalesced{N: 1}}}}
	found[b] = []storage.Split{{Hosts: []string{"h3", "h2"}}}
	if got, _ := preferences(&both, found); !reflect.DeepEqual(got, [][]string{{"h2"}}) {
		t.Errorf("got %q for several splits, want the host of the most of them", got)
	}
	if got, racks := preferences(&st, map[plan.Files][]storage.Split{a: {{}, {}}, b: {{}}}); got != nil || racks != nil {
		t.Errorf("got %q in %q for splits without hosts", got, racks)
	}
}

// What nobody can ask for any more is not remembered, however long a session
// lives.
func TestSourcesForget(t *testing.T) {
	s := newSources(func() int { return 1 })
	f := plan.Files{ID: 1, Paths: "file://" + t.TempDir()}
	if err := os.WriteFile(filepath.Join(strings.TrimPrefix(f.Paths, "file://"), "a"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Action: "Collect", Target: "m", Stages: []plan.Stage{{Key: "m", Kind: plan.MapStage, Pipe: plan.Pipe{Source: plan.Source{Files: &f}},
		Sink: plan.Sink{Part: &plan.Partitioner{Kind: plan.HashPartitioner, N: 2}}}}}
	if _, _, err := s.plan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if len(s.splits) != 1 || s.parts["m"] != 2 {
		t.Errorf("it knows %v and %v", s.splits, s.parts)
	}
	s.forget("m")
	s.forgetFiles(f)
	if len(s.splits)+len(s.parts) != 0 {
		t.Errorf("it still knows %v and %v", s.splits, s.parts)
	}
}

// TestPartsInOrder: the files of a checkpoint are its partitions in their order, however
// many there are.
func TestPartsInOrder(t *testing.T) {
	dir := t.TempDir()
	names := []string{"part-00000", "part-00002", "part-10000", "part-99999", "part-100000", "part-1000001"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := map[plan.Files][]storage.Split{}
	f := plan.Files{Paths: dir, Parts: len(names)}
	if err := newSources(func() int { return 1 }).list(t.Context(), f, found); err != nil {
		t.Fatal(err)
	}
	for i, split := range found[f] {
		if got := filepath.Base(split.Parts[0].Path); got != names[i] {
			t.Errorf("partition %d is %s, want %s", i, got, names[i])
		}
	}
}
