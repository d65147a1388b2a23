package rdd

import (
	"fmt"
	"hash"
	"io"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/gordd-project/gordd/rdd/plan"
)

// ownModule is the module of this package.
const ownModule = "github.com/gordd-project/gordd"

// Code is the digest of what a program can do for others of its kind: the
// operators and kernels that it registered, the sources that they were made from,
// and the versions of Go, of the program and of gordd. What differs between platforms
// does not count, such as other modules, of which some are linked on a few platforms
// only, but for the size of int, on which results may depend. So all builds of one
// program have the same.
func Code() plan.Digest {
	h := plan.NewHash()
	_, _ = fmt.Fprintln(h, "int", strconv.IntSize, "generation", Generated)
	if info, ok := debug.ReadBuildInfo(); ok {
		writeBuild(h, info)
	}
	for _, line := range registered.lines() {
		_, _ = fmt.Fprintln(h, line)
	}
	return plan.HashDigest(h)
}

// writeBuild writes what of a build is the same on all platforms.
func writeBuild(h hash.Hash, info *debug.BuildInfo) {
	_, _ = fmt.Fprintln(h, info.GoVersion, info.Path)
	writeModule(h, &info.Main)
	for _, m := range info.Deps {
		if m.Path == ownModule {
			writeModule(h, m)
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "-tags", "vcs.revision", "vcs.modified":
			_, _ = fmt.Fprintln(h, s.Key, s.Value)
		}
	}
}

func writeModule(h io.Writer, m *debug.Module) {
	for ; m != nil; m = m.Replace {
		_, _ = fmt.Fprintln(h, m.Path, m.Version, m.Sum)
	}
}

// lines lists what is registered, in an order of its own: that of registration
// and the directories of packages differ between builds.
func (r *Registry) lines() (all []string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for id := range r.ops {
		all = append(all, "operator "+string(id))
	}
	for refs := range r.kernels {
		all = append(all, "kernel "+strconv.Quote(refs))
	}
	for _, p := range r.packages {
		for name, src := range p.sources {
			all = append(all, "source "+name+" "+HashBytes(src.text))
		}
	}
	slices.Sort(all)
	return all
}
