package scan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/build"
	"go/build/constraint"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// Group is a set of files that are built under the same conditions. What is
// generated for their operators is built under those.
type Group struct {
	Constraint string // as behind //go:build; "" for none
	Test       bool
}

// Compare orders groups: that without conditions is the first.
func (g Group) Compare(h Group) int {
	if g.Test != h.Test {
		if g.Test {
			return 1
		}
		return -1
	}
	return cmp.Compare(g.Constraint, h.Constraint)
}

// Name is a word for the group, to name files by: linux_test.
func (g Group) Name() string {
	var words []string
	for word := range strings.FieldsSeq(strings.NewReplacer("(", " ", ")", " ", "!", " not ", "||", " or ", "&&", " ").Replace(g.Constraint)) {
		words = append(words, word)
	}
	if strings.Contains(g.Constraint, "(") || strings.Contains(g.Constraint, "||") && strings.Contains(g.Constraint, "&&") {
		words = append(words, fmt.Sprintf("%x", sha256.Sum256([]byte(g.Constraint)))[:4])
	}
	if g.Test {
		words = append(words, "test")
	}
	return strings.ReplaceAll(strings.Join(words, "_"), ".", "_")
}

// groupOf finds the conditions of a file, in its name and its comments.
func groupOf(name string, f *ast.File) Group {
	name = filepath.Base(name)
	g := Group{Test: strings.HasSuffix(name, "_test.go")}
	var all []constraint.Expr
	if x := nameConstraint(name); x != nil {
		all = append(all, x)
	}
	for _, c := range f.Comments {
		if c.Pos() > f.Package {
			break
		}
		for _, line := range c.List {
			if x, err := constraint.Parse(line.Text); err == nil && constraint.IsGoBuild(line.Text) {
				all = append(all, x)
			}
		}
	}
	if ByCgo(f) {
		all = append(all, &constraint.TagExpr{Tag: "cgo"}) // without cgo it is left out
	}
	for i, x := range all {
		if i > 0 {
			x = &constraint.AndExpr{X: all[i-1], Y: x}
		}
		all[i], g.Constraint = x, x.String()
	}
	return g
}

// nameConstraint gives the constraint that a file's name is: that of x_linux.go
// is linux. Which names are systems, package build knows.
func nameConstraint(name string) constraint.Expr {
	ctx := build.Context{Compiler: "gc", OpenFile: func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("package p\n")), nil
	}}
	matches := func(goos, goarch string) bool {
		ctx.GOOS, ctx.GOARCH = goos, goarch
		ok, err := ctx.MatchFile("", name)
		return ok && err == nil
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(name, ".go"), "_test"), "_")
	last, before := parts[len(parts)-1], ""
	if len(parts) > 1 {
		before = parts[len(parts)-2]
	}
	tag := func(t string) constraint.Expr { return &constraint.TagExpr{Tag: t} }
	switch {
	case matches("none", "none"):
		return nil
	case matches(last, "none"), matches("none", last):
		return tag(last)
	case matches(before, last):
		return &constraint.AndExpr{X: tag(before), Y: tag(last)}
	}
	return nil
}

// Sources are the files, in order.
func (p *Package) Sources() []*File {
	var all []*File
	for _, f := range p.Files {
		all = append(all, p.files[p.Fset.File(f.FileStart)])
	}
	return all
}

// Groups are the groups of the files that have operator calls, in order.
func (p *Package) Groups() []Group {
	var all []Group
	for _, st := range p.Sites {
		if !slices.Contains(all, st.File.Group) {
			all = append(all, st.File.Group)
		}
	}
	slices.SortFunc(all, Group.Compare)
	return all
}

// Without gives the files that are not of a group.
func (p *Package) Without(g Group) []*ast.File {
	var all []*ast.File
	for _, f := range p.Sources() {
		if f.Group != g {
			all = append(all, f.Syntax)
		}
	}
	return all
}

// Only gives what was found in the files of some groups.
func (p *Package) Only(groups ...Group) *Package {
	in := func(f *File) bool { return f == nil || slices.Contains(groups, f.Group) }
	q := *p
	q.Files, q.Calls, q.Sites, q.Funcs, q.bySSA = nil, nil, nil, nil, map[*ssa.Call]*Site{}
	for _, f := range p.Files {
		if in(p.files[p.Fset.File(f.FileStart)]) {
			q.Files = append(q.Files, f)
		}
	}
	for _, c := range p.Calls {
		if in(c.File) {
			q.Calls = append(q.Calls, c)
		}
	}
	for _, st := range p.Sites {
		if in(st.File) {
			q.Sites = append(q.Sites, st)
			q.bySSA[st.SSA] = st
		}
	}
	for _, fn := range p.Funcs {
		if !fn.Pos().IsValid() || in(p.files[p.Fset.File(fn.Pos())]) {
			q.Funcs = append(q.Funcs, fn)
		}
	}
	return &q
}
