package gen

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/model"
)

// StaleText says what is out of date, and what to do, for a package in the
// directory dir as seen from where the command runs.
func (r *Result) StaleText(dir string) string {
	if dir = filepath.ToSlash(dir); dir != "." && !strings.HasPrefix(dir, "../") && !filepath.IsAbs(dir) {
		dir = "./" + dir
	}
	name := filepath.Base(r.File)
	_, err := os.Stat(r.File)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("%s was never generated: go generate %s", name, dir)
	case r.Content == nil:
		return fmt.Sprintf("%s is of files that have no operators any more: go generate %s", name, dir)
	}
	var names []string
	old, _ := os.ReadFile(r.File)
	for _, f := range r.Model.Files {
		if !strings.Contains(string(old), f.Bytes) {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("%s is not what this rddgen writes: go generate %s", name, dir)
	}
	return fmt.Sprintf("%s changed since go generate: go generate %s", strings.Join(names, ", "), dir)
}

// Diff writes the lines that would change, in unified form with the file's name
// as given.
func (r *Result) Diff(w io.Writer, name string) error {
	old, err := os.ReadFile(r.File)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err = io.WriteString(w, unified(filepath.ToSlash(name), string(old), string(r.Content)))
	return err
}

// Explain says which operators of the package run in one loop, which stand
// alone, and where chains could not be followed.
func (r *Result) Explain() string {
	if r.Model == nil {
		return fmt.Sprintf("%s: no operators\n", r.PkgPath)
	}
	m := r.Model
	var s strings.Builder
	under := ""
	if m.Constraint != "" {
		under = " (" + m.Constraint + ")"
	}
	fmt.Fprintf(&s, "%s%s: %d operators, %d loops\n", r.PkgPath, under, len(m.Ops)-m.First, len(m.Kernels))
	fused := map[int]bool{}
	for _, k := range m.Kernels {
		name := k.Name
		if k.Generic != nil {
			name += "[" + k.Generic.Args + "]"
		}
		fmt.Fprintf(&s, "  loop %s\n", name)
		for _, part := range k.Parts {
			fused[part.Op] = true
			fmt.Fprintf(&s, "    %s\n", partText(m, part))
		}
	}
	for i := m.First; i < len(m.Ops); i++ {
		if !fused[i] {
			fmt.Fprintf(&s, "  library %s (%s)\n", m.Ops[i].Name, m.Ops[i].Pos)
		}
	}
	for _, c := range m.Cuts {
		fmt.Fprintf(&s, "  cut at %s: the RDD %s\n", c.Pos, c.Why)
	}
	for _, n := range m.Notes {
		fmt.Fprintf(&s, "  note at %s: %s\n", n.Pos, n.Text)
	}
	return s.String()
}

func partText(m *model.Package, part model.Part) string {
	op := &m.Ops[part.Op]
	text := fmt.Sprintf("%s (%s)", op.Name, op.Pos)
	if part.Name != "" {
		text += ", " + part.Name + " side"
	}
	bound := func(f model.Func) bool { return f.Body != nil && f.Body.Bound }
	if slices.ContainsFunc(op.Funcs, bound) {
		text += ", body in the loop"
	}
	return text
}
