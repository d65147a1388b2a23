package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hierarchy is where the worker's own group is, for some controllers.
type hierarchy struct {
	path        string
	controllers []string // of memory and cpu
	v2          bool
}

func (h hierarchy) has(controller string) bool { return slices.Contains(h.controllers, controller) }

// find reads where this process's groups are, from the two files in which the
// system says so. What comes first has memory.
func find(cgroups, mountinfo string) ([]hierarchy, error) {
	own, err := os.ReadFile(cgroups)
	if err != nil {
		return nil, err
	}
	info, err := os.ReadFile(mountinfo)
	if err != nil {
		return nil, err
	}
	mounts := mountsOf(string(info))
	var found []hierarchy
	for _, controller := range []string{"memory", "cpu"} {
		h, ok := locate(controller, string(own), mounts)
		switch {
		case !ok && controller == "memory":
			return nil, errors.New("no control group with memory is mounted here")
		case !ok:
		case len(found) > 0 && found[0].path == h.path:
			found[0].controllers = append(found[0].controllers, controller)
		default:
			found = append(found, h)
		}
	}
	return found, nil
}

// locate finds the group of this process for one controller: in a hierarchy of the
// first version that has it, or in that of the second.
func locate(controller, own string, mounts []mount) (hierarchy, bool) {
	for line := range strings.Lines(own) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 || f[0] == "0" || !slices.Contains(strings.Split(f[1], ","), controller) {
			continue
		}
		for _, m := range mounts {
			if !m.v2 && slices.Contains(m.controllers, controller) {
				return hierarchy{path: m.dir(f[2]), controllers: []string{controller}}, true
			}
		}
	}
	for line := range strings.Lines(own) {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		for _, m := range mounts {
			if !ok || !m.v2 {
				continue
			}
			path := m.dir(rest)
			if b, err := os.ReadFile(filepath.Join(path, "cgroup.controllers")); err == nil && contains(string(b), controller) {
				return hierarchy{path: path, controllers: []string{controller}, v2: true}, true
			}
		}
	}
	return hierarchy{}, false
}

// contains reports whether a word is among others.
func contains(words, word string) bool { return slices.Contains(strings.Fields(words), word) }

// mount is where a hierarchy is mounted.
type mount struct {
	root        string // the group that is seen there
	path        string
	v2          bool
	controllers []string // of the first version
}

// dir is where a group is seen.
func (m mount) dir(group string) string {
	if rest, ok := strings.CutPrefix(group, m.root); ok && m.root != "/" {
		group = rest
	}
	return filepath.Join(m.path, group)
}

// mountsOf reads which hierarchies are mounted.
func mountsOf(info string) (found []mount) {
	for line := range strings.Lines(info) {
		before, after, ok := strings.Cut(line, " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(kind) < 3 {
			continue
		}
		m := mount{root: f[3], path: strings.ReplaceAll(f[4], `\040`, " ")}
		switch kind[0] {
		case "cgroup":
			m.controllers = strings.Split(kind[2], ",")
		case "cgroup2":
			m.v2 = true
		default:
			continue
		}
		found = append(found, m)
	}
	return found
}
