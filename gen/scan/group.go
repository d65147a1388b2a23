package scan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/build"
	"go/build/constraint"
	"go/token"
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

// Compare orders groups: that without conditions is the first, and one that
// implies another is behind it.
func (g Group) Compare(h Group) int {
	if g.Test != h.Test {
		if g.Test {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(len(g.conditions()), len(h.conditions())), cmp.Compare(g.Constraint, h.Constraint))
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

// Groups are the groups of the files, in order.
func (p *Package) Groups() []Group {
	var all []Group
	for _, f := range p.Sources() {
		if !slices.Contains(all, f.Group) {
			all = append(all, f.Group)
		}
	}
	slices.SortFunc(all, Group.Compare)
	return all
}

// conditions are the parts of a constraint that must all hold.
func (g Group) conditions() []constraint.Expr {
	if g.Constraint == "" {
		return nil
	}
	x, err := constraint.Parse("//go:build " + g.Constraint)
	if err != nil {
		return nil // it was written from one
	}
	var all []constraint.Expr
	var split func(x constraint.Expr)
	split = func(x constraint.Expr) {
		if and, ok := x.(*constraint.AndExpr); ok {
			split(and.X)
			split(and.Y)
			return
		}
		all = append(all, x)
	}
	split(x)
	return all
}

// Implies says whether files of a group are only built where those of another
// are.
func (g Group) Implies(h Group) bool {
	mine := g.conditions()
	for _, x := range h.conditions() {
		if !slices.ContainsFunc(mine, func(y constraint.Expr) bool { return x.String() == y.String() }) {
			return false
		}
	}
	return g.Test || !h.Test
}

// Equal says whether both are built under the same conditions.
func (g Group) Equal(h Group) bool { return g.Implies(h) && h.Implies(g) }

// With gives the group of what is built where the files of both groups are.
func (g Group) With(h Group) Group {
	switch {
	case g.Implies(h):
		return g
	case h.Implies(g):
		return h
	}
	all := append(g.conditions(), h.conditions()...)
	slices.SortFunc(all, func(x, y constraint.Expr) int { return cmp.Compare(x.String(), y.String()) })
	both := Group{Test: g.Test || h.Test}
	var x constraint.Expr
	for _, y := range slices.CompactFunc(all, func(x, y constraint.Expr) bool { return x.String() == y.String() }) {
		if x == nil {
			x = y
		} else {
			x = &constraint.AndExpr{X: x, Y: y}
		}
	}
	if x != nil {
		both.Constraint = x.String()
	}
	return both
}

// GroupOf is the group of the file that a position of the package is in.
func (p *Package) GroupOf(pos token.Pos) Group { return p.fileOf(pos).Group }

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

// Under gives what was found in the files that are built wherever those of a
// group are. What is found in a file does not depend on those that are built
// without it: instances of its generic functions that only they use are not
// among Funcs.
func (p *Package) Under(g Group) *Package {
	q := *p
	q.Files, q.Calls, q.Sites, q.Funcs, q.bySSA = nil, nil, nil, nil, map[*ssa.Call]*Site{}
	q.Instances, q.Generics, q.Group = nil, nil, g
	q.in = func(f *File) bool { return g.Implies(f.Group) }
	var groups []Group
	for _, f := range p.Sources() {
		if q.in(f) {
			q.Files = append(q.Files, f.Syntax)
			if !slices.Contains(groups, f.Group) {
				groups = append(groups, f.Group)
			}
		}
	}
	for _, c := range p.Calls {
		if q.in(c.File) {
			q.Calls = append(q.Calls, c)
		}
	}
	own := map[*ssa.Function]bool{}
	for _, h := range groups {
		for _, fn := range p.functions(func(f *File) bool { return h.Implies(f.Group) }) {
			if !fn.Pos().IsValid() || p.GroupOf(fn.Pos()) == h {
				own[fn] = true
			}
		}
	}
	for _, fn := range p.Funcs {
		if own[fn] {
			q.Funcs = append(q.Funcs, fn)
		}
	}
	for _, st := range p.Sites {
		if own[st.SSA.Parent()] {
			q.Sites = append(q.Sites, st)
			q.bySSA[st.SSA] = st
		}
	}
	q.findInstances()
	q.findGenerics()
	return &q
}
