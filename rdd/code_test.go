package rdd

import (
	"runtime/debug"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestCode(t *testing.T) {
	if d := Code(); !d.Valid() || d != Code() {
		t.Errorf("got %q", d)
	}
	build := func(info debug.BuildInfo) plan.Digest {
		h := plan.NewHash()
		writeBuild(h, &info)
		return plan.HashDigest(h)
	}
	setting := func(key, value string) debug.BuildInfo {
		return debug.BuildInfo{GoVersion: "go1.27", Path: "m", Main: debug.Module{Path: "m"}, Settings: []debug.BuildSetting{{Key: key, Value: value}}}
	}
	plain := build(setting("", ""))
	for _, same := range []debug.BuildInfo{setting("GOOS", "plan9"), setting("GOARCH", "arm64"), setting("GOARM64", "v9"), setting("-trimpath", "true"), setting("CGO_ENABLED", "0")} {
		if build(same) != plain {
			t.Errorf("%+v is another program", same.Settings)
		}
	}
	elsewhere := setting("", "")
	elsewhere.Deps = []*debug.Module{{Path: "linked/on/some/platforms", Version: "v1"}}
	if build(elsewhere) != plain {
		t.Error("a module that is linked on some platforms only makes another program")
	}
	other := setting("", "")
	other.GoVersion = "go1.28"
	replaced := setting("", "")
	replaced.Deps = []*debug.Module{{Path: ownModule, Version: "v1", Replace: &debug.Module{Path: "e", Version: "v1"}}}
	require := setting("", "")
	require.Deps = []*debug.Module{{Path: ownModule, Version: "v1"}}
	seen := []plan.Digest{plain}
	for _, differs := range []debug.BuildInfo{setting("vcs.revision", "a"), setting("vcs.revision", "b"), setting("vcs.modified", "true"), setting("-tags", "x"), other, replaced, require} {
		d := build(differs)
		if slices.Contains(seen, d) {
			t.Errorf("%+v is like another one", differs)
		}
		seen = append(seen, d)
	}
}

// What is registered counts, in whatever order and directory it was compiled.
func TestRegisteredLines(t *testing.T) {
	fill := func(dir, text string, ids ...plan.OpID) []string {
		r := newRegistry()
		p := r.packageOf(dir + "/x_rdd.go")
		p.Source("main.go", text, "", "")
		for i, id := range ids {
			p.Op(id, "main.go", i+1, i, &Op{Name: "Map"})
		}
		p.Kernel(nil, "a", "b")
		return r.lines()
	}
	one := fill("/home/a", "package main", "x", "y")
	if len(one) != 4 || !slices.Equal(one, fill("example.com/a", "package main", "y", "x")) {
		t.Errorf("got %q", one)
	}
	for _, other := range [][]string{fill("/home/a", "package main // other", "x", "y"), fill("/home/a", "package main", "x", "z"), fill("/home/a", "package main", "x")} {
		if slices.Equal(one, other) {
			t.Errorf("got %q twice", other)
		}
	}
}
