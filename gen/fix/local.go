package fix

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// localTypes moves types out of the functions that declare them, where rows are
// of them.
func (f *finder) localTypes(found []diag.Diagnostic) {
	var order []*types.TypeName
	at := map[*types.TypeName][]token.Pos{}
	for _, d := range found {
		if d.Kind != diag.LocalType {
			continue
		}
		call := f.around(d.At)
		if call == nil {
			continue
		}
		for _, t := range f.localsOf(call) {
			if at[t] == nil {
				order = append(order, t)
			}
			at[t] = append(at[t], d.At)
		}
	}
	for _, t := range order {
		edits, why := f.move(t)
		if why != "" {
			f.leave(t.Pos(), fmt.Sprintf("type %s is declared inside a function, and stays there: %s", t.Name(), why))
			continue
		}
		f.fixAt(t.Pos(), diag.LocalType, at[t], "type "+t.Name()+" is declared at package level", edits...)
	}
}

// around finds the call in whose parentheses a position is, or at which it is.
func (f *finder) around(at token.Pos) *scan.Call {
	for _, c := range slices.Backward(f.Calls) {
		if c.Expr.Lparen <= at && at < c.Expr.End() && selector(c) != nil {
			return c
		}
	}
	return nil
}

// localsOf finds the types that are declared inside functions, of all that a
// call takes and gives.
func (f *finder) localsOf(c *scan.Call) []*types.TypeName {
	all := locals(f.Info.TypeOf(c.Expr))
	all = append(all, locals(f.Info.TypeOf(selectorExpr(c).X))...)
	for _, arg := range c.Expr.Args {
		all = append(all, locals(f.Info.TypeOf(arg))...)
	}
	slices.SortFunc(all, func(a, b *types.TypeName) int { return int(a.Pos() - b.Pos()) })
	return slices.Compact(all)
}

// locals finds the types that are declared inside functions.
func locals(t types.Type) (all []*types.TypeName) {
	api.WalkType(t, func(t types.Type) bool {
		if n, ok := t.(*types.Named); ok {
			if obj := n.Obj(); obj.Pkg() != nil && obj.Parent() != obj.Pkg().Scope() && !slices.Contains(all, obj) && obj == n.Origin().Obj() {
				all = append(all, obj)
			}
		}
		return true
	})
	return all
}

// mover moves the declaration of types, and of those that these need.
type mover struct {
	*finder
	file  *ast.File
	decls []*ast.DeclStmt
	todo  []*types.TypeName
}

// move declares a type at package level that a function declares. It says why
// that is not safe.
func (f *finder) move(t *types.TypeName) (edits []Edit, why string) {
	m := &mover{finder: f, todo: []*types.TypeName{t}}
	for i := 0; i < len(m.todo); i++ {
		if why := m.visit(m.todo[i]); why != "" {
			return nil, why
		}
	}
	src := f.sourceOf(t.Pos())
	for _, d := range m.decls {
		from, to := d.Pos(), d.End()
		if doc := d.Decl.(*ast.GenDecl).Doc; doc != nil {
			from = doc.Pos()
		}
		a, b := f.Offset(from), f.Offset(to)
		for b < len(src) && src[b] != '\n' { // a comment behind it
			b++
		}
		text := string(src[a:b])
		for a > 0 && (src[a-1] == ' ' || src[a-1] == '\t') {
			a--
		}
		edits = append(edits,
			Edit{From: f.Offset(begin(topLevel(m.file, t.Pos()))), To: f.Offset(begin(topLevel(m.file, t.Pos()))), Text: text + "\n\n", shared: true},
			Edit{From: a, To: min(b+1, len(src)), shared: true})
	}
	return edits, ""
}

func (f *finder) sourceOf(pos token.Pos) []byte { return f.Texts[f.Fset.File(pos).Name()] }

// visit looks at the declaration of a type.
func (m *mover) visit(t *types.TypeName) (why string) {
	if why := m.nameIsFree(t); why != "" {
		return why
	}
	m.file = m.fileOf(t.Pos())
	stmt := m.declaration(t)
	if stmt == nil {
		return "its declaration was not found"
	}
	if slices.Contains(m.decls, stmt) {
		return ""
	}
	m.decls = append(m.decls, stmt)
	if after := m.behind(stmt); after != "" {
		return after
	}
	for _, spec := range stmt.Decl.(*ast.GenDecl).Specs {
		spec := spec.(*ast.TypeSpec)
		if obj, ok := m.Info.Defs[spec.Name].(*types.TypeName); ok && !slices.Contains(m.todo, obj) {
			m.todo = append(m.todo, obj)
		}
		if why := m.definition(spec); why != "" {
			return why
		}
	}
	return ""
}

// behind wants nothing but a comment behind a declaration on its line.
func (m *mover) behind(stmt *ast.DeclStmt) (why string) {
	line := func(p token.Pos) int { return m.Fset.File(p).PositionFor(p, false).Line }
	ast.Inspect(topLevel(m.file, stmt.Pos()), func(n ast.Node) bool {
		other, ok := n.(ast.Stmt)
		if !ok || other == ast.Stmt(stmt) || why != "" {
			return true
		}
		if other.Pos() >= stmt.End() && line(other.Pos()) == line(stmt.End()) || other.End() <= stmt.Pos() && line(other.End()) == line(stmt.Pos()) {
			why = "another statement stands on its line"
		}
		if block, ok := n.(*ast.BlockStmt); ok && block.Lbrace < stmt.Pos() && stmt.End() <= block.Rbrace &&
			(line(block.Lbrace) == line(stmt.Pos()) || line(block.Rbrace) == line(stmt.End())) {
			why = "the braces of the function stand on its line"
		}
		return true
	})
	return why
}

// definition looks at what a type is made of: all of it must be there at package
// level, too.
func (m *mover) definition(spec *ast.TypeSpec) (why string) {
	ast.Inspect(spec, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || why != "" {
			return true
		}
		obj := m.Info.Uses[id]
		if obj == nil || obj.Pkg() == nil || within(spec, obj.Pos()) {
			return true
		}
		if v, ok := obj.(*types.Var); ok && v.IsField() {
			return true
		}
		if _, ok := obj.(*types.PkgName); ok || obj.Parent() == obj.Pkg().Scope() {
			if m.atPackageLevel(id.Name) != obj && obj.Pkg() == m.Types {
				why = "it needs " + id.Name + ", which means something else at package level"
			}
			return true
		}
		t, isType := obj.(*types.TypeName)
		_, isParam := obj.Type().(*types.TypeParam)
		switch {
		case isParam:
			why = "it depends on type parameter " + id.Name + " of the function"
		case !isType:
			why = "it needs " + id.Name + ", which the function declares"
		case !slices.Contains(m.todo, t):
			m.todo = append(m.todo, t)
		}
		return true
	})
	return why
}

// atPackageLevel is what a name means outside of functions.
func (m *mover) atPackageLevel(name string) types.Object {
	if obj := m.Info.Scopes[m.file].Lookup(name); obj != nil {
		return obj
	}
	return m.Types.Scope().Lookup(name)
}

// nameIsFree says why a name cannot be declared at package level, or would mean
// something else where the type is used.
func (m *mover) nameIsFree(t *types.TypeName) (why string) {
	name := t.Name()
	taken := m.Types.Scope().Lookup(name) != nil || types.Universe.Lookup(name) != nil || m.types[name]
	for _, f := range m.Files {
		taken = taken || m.Info.Scopes[f].Lookup(name) != nil
	}
	for _, f := range m.Hidden {
		for _, d := range f.Decls {
			taken = taken || declares(d, name)
		}
	}
	if taken {
		return "the package has another " + name + ": rename one of them"
	}
	for s := t.Parent().Parent(); s != nil && s != m.Types.Scope(); s = s.Parent() {
		if s.Lookup(name) != nil {
			return "the function has another " + name + ": rename one of them"
		}
	}
	for id, obj := range m.Info.Defs {
		if other, ok := obj.(*types.TypeName); ok && id.Name == name && other != t && other.Parent() != m.Types.Scope() {
			if _, param := other.Type().(*types.TypeParam); !param {
				return "another function has a type " + name + ": rename one of them"
			}
		}
	}
	return ""
}

// declares says whether a declaration of a file is of a name.
func declares(d ast.Decl, name string) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Recv == nil && d.Name.Name == name
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.Name == name {
					return true
				}
			case *ast.ValueSpec:
				if slices.ContainsFunc(spec.Names, func(id *ast.Ident) bool { return id.Name == name }) {
					return true
				}
			}
		}
	}
	return false
}

func (f *finder) fileOf(pos token.Pos) *ast.File {
	i := slices.IndexFunc(f.Files, func(file *ast.File) bool { return file.FileStart <= pos && pos < file.FileEnd })
	if i < 0 {
		return nil
	}
	return f.Files[i]
}

// declaration finds the statement that declares a type.
func (m *mover) declaration(t *types.TypeName) (stmt *ast.DeclStmt) {
	if m.file == nil {
		return nil
	}
	ast.Inspect(m.file, func(n ast.Node) bool {
		if d, ok := n.(*ast.DeclStmt); ok && within(d, t.Pos()) {
			stmt = d
		}
		return n == nil || within(n, t.Pos())
	})
	return stmt
}

func within(n ast.Node, p token.Pos) bool { return n.Pos() <= p && p < n.End() }
