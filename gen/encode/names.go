package encode

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

// names gives out the names of the generated file: for imported packages, and
// for what is declared at its top level.
type names struct {
	scope *types.Scope
	// local are the names that the package's files use for anything but
	// packages: an import by such a name could be hidden inside a copied body.
	local map[string]bool
	// wanted are the names by which the files import a path.
	wanted map[string][]string
	byPath map[string]string
	taken  map[string]bool
	basics map[string]bool // predeclared names that generated code uses
	// imported are names of imports of the package's files, which no declaration
	// may have.
	imported map[string]bool
	suffix   string // of what is declared
}

// newNames makes the names of a package. Of the files that are not always built,
// only what they declare and import is in the way.
func newNames(p *scan.Package) *names {
	n := &names{
		scope: p.Types.Scope(), local: map[string]bool{}, wanted: map[string][]string{},
		byPath: map[string]string{}, taken: map[string]bool{}, basics: map[string]bool{}, imported: map[string]bool{},
	}
	n.add(p.Files, p.Info)
	for _, f := range p.Hidden {
		n.declared(f)
	}
	return n
}

// add adds the names that files use.
func (n *names) add(files []*ast.File, info *types.Info) {
	fields := map[*ast.Ident]bool{}
	for _, f := range files {
		ast.Inspect(f, func(node ast.Node) bool {
			switch x := node.(type) {
			case *ast.SelectorExpr:
				fields[x.Sel] = true
			case *ast.Ident:
				n.note(x, info, fields[x])
			}
			return true
		})
		for _, imp := range f.Imports {
			n.wants(imp, info)
		}
	}
}

// declared adds the names that a file declares and imports.
func (n *names) declared(f *ast.File) {
	for _, imp := range f.Imports {
		name := path.Base(strings.Trim(imp.Path.Value, "`\""))
		if imp.Name != nil {
			name = imp.Name.Name
		}
		n.imported[name] = true
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				n.taken[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					n.taken[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						n.taken[id.Name] = true
					}
				}
			}
		}
	}
}

// fork gives names for another generated file of the package, which end in a
// suffix.
func (n *names) fork(suffix string) *names {
	c := *n
	c.suffix = suffix
	c.local, c.byPath, c.taken, c.basics = maps.Clone(n.local), maps.Clone(n.byPath), maps.Clone(n.taken), maps.Clone(n.basics)
	c.wanted, c.imported = maps.Clone(n.wanted), maps.Clone(n.imported)
	return &c
}

func (n *names) note(id *ast.Ident, info *types.Info, field bool) {
	if _, ok := info.Uses[id].(*types.PkgName); ok || field {
		return
	}
	if v, ok := info.ObjectOf(id).(*types.Var); ok && v.IsField() {
		return
	}
	n.local[id.Name] = true
}

func (n *names) wants(imp *ast.ImportSpec, info *types.Info) {
	obj, ok := info.Implicits[imp].(*types.PkgName)
	if !ok && imp.Name != nil {
		obj, ok = info.Defs[imp.Name].(*types.PkgName)
	}
	if ok && obj.Name() != "." && obj.Name() != "_" {
		delete(n.local, obj.Name())
		n.imported[obj.Name()] = true
		of := obj.Imported().Path()
		n.wanted[of] = append(slices.Clip(n.wanted[of]), obj.Name())
	}
}

// importName gives the name by which generated code imports a package: that of
// the user's files where it can be, for name the package's own.
func (n *names) importName(of, name string) string {
	if got, ok := n.byPath[of]; ok {
		return got
	}
	tries := slices.Clone(n.wanted[of])
	slices.Sort(tries)
	tries = append(tries, name)
	for i := 2; ; i++ {
		for _, t := range tries {
			if n.free(t) && !n.local[t] {
				n.byPath[of], n.taken[t] = t, true
				return t
			}
		}
		tries = []string{fmt.Sprintf("%s%d", name, i)}
	}
}

func (n *names) free(name string) bool {
	return !n.taken[name] && n.scope.Lookup(name) == nil && types.Universe.Lookup(name) == nil
}

// top gives a name for a declaration of the generated file.
func (n *names) top(base string) string {
	base += n.suffix
	name := base
	for i := 2; !n.free(name) || n.local[name] || n.imported[name]; i++ {
		name = fmt.Sprintf("%s%d", base, i)
	}
	n.taken[name] = true
	return name
}

// qualifier names a package in generated code.
func (n *names) qualifier(pkg *types.Package) string { return n.importName(pkg.Path(), pkg.Name()) }

func (n *names) imports() []model.Import {
	var list []model.Import
	for path, name := range n.byPath {
		list = append(list, model.Import{Path: path, Name: name})
	}
	slices.SortFunc(list, func(a, b model.Import) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// reserved are the names that locals of generated code must not have.
func (n *names) reserved() map[string]bool {
	all := map[string]bool{}
	for name := range n.taken {
		all[name] = true
	}
	for _, name := range n.scope.Names() {
		all[name] = true
	}
	for _, name := range types.Universe.Names() {
		all[name] = true
	}
	return all
}

// camel joins the words of a file name: page_rank is pageRank.
func camel(s string) string {
	var b strings.Builder
	up := false
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			up = b.Len() > 0
			continue
		}
		if b.Len() == 0 {
			if unicode.IsDigit(r) {
				b.WriteByte('f')
			}
			r = unicode.ToLower(r)
		}
		if up {
			r = unicode.ToUpper(r)
			up = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// enclosingName is the start of the names of what is made for operators of a
// declaration: run, jobRun for the method run of job.
func enclosingName(encl string) string {
	recv, method, ok := strings.Cut(encl, ".")
	if !ok {
		return lowerFirst(encl)
	}
	return lowerFirst(recv) + upperFirst(method)
}

func lowerFirst(s string) string {
	r := []rune(s)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}
