package fix

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// methodValue makes a method value a method expression, and gives its receiver
// to With.
func (f *finder) methodValue(c *scan.Call, x *ast.SelectorExpr, sel *types.Selection) {
	if why := f.receiver(c, x, sel); why != "" {
		f.leave(x.Pos(), why)
	}
}

// receiver gives the receiver of a method value to With. It says why it cannot.
func (f *finder) receiver(c *scan.Call, x *ast.SelectorExpr, sel *types.Selection) string {
	switch {
	case c.With:
		return "With has a value already: write a literal that calls the method, and run rddgen -fix again"
	case c.Op.Recv == "" || c.Op.Recv == "Session" || c.Op.Name == "SaveAsTextFile" || selector(c) == nil:
		return c.Op.Name + " has no form that follows With"
	case len(c.Funcs) > 1:
		return c.Op.Name + " takes several functions"
	}
	if why := check.CannotTravel(f.Package, sel.Recv()); why != "" {
		return why
	}
	text, why := f.typeText(c.File.Syntax, sel.Recv())
	if why != "" {
		return why
	}
	address := ""
	_, want := sel.Obj().(*types.Func).Signature().Recv().Type().(*types.Pointer)
	_, have := types.Unalias(sel.Recv()).(*types.Pointer)
	if want && !have {
		address, text = "&", "*"+text
	}
	if want || have {
		text = "(" + text + ")"
	}
	name := selector(c)
	recv := f.text(c, x.X)
	f.fix(c, diag.MethodValue, []token.Pos{x.Pos()}, c.Op.Name+" takes "+recv+" from With",
		f.insert(name.Pos(), "With("+address+recv+")."), f.replace(x.X.Pos(), x.X.End(), text))
	return ""
}

// typeText writes a type as a file can. It says why it cannot.
func (f *finder) typeText(file *ast.File, t types.Type) (text, why string) {
	names, of := f.importNames(file), map[*types.Package]string{}
	api.WalkType(t, func(t types.Type) bool {
		n, ok := t.(*types.Named)
		if !ok || n.Obj().Pkg() == nil || why != "" {
			return true
		}
		obj := n.Obj()
		of[obj.Pkg()] = obj.Name()
		if obj.Pkg() != f.Types && !obj.Exported() { // those of a function are moved
			why = "type " + obj.Name() + " is not exported by package " + obj.Pkg().Path()
		}
		return true
	})
	// An alias is written, and not what it stands for: its package may be another.
	text = types.TypeString(t, func(p *types.Package) string {
		if p == f.Types {
			return ""
		}
		name, imported := names[p]
		if !imported && why == "" {
			why = "the file does not import " + p.Path() + ", of which type " + of[p] + " is"
		}
		return name
	})
	return text, why
}

// importNames are the names that a file has for packages.
func (f *finder) importNames(file *ast.File) map[*types.Package]string {
	names := map[*types.Package]string{}
	for _, spec := range file.Imports {
		obj := f.Info.Implicits[spec]
		if spec.Name != nil {
			obj = f.Info.Defs[spec.Name]
		}
		if name, ok := obj.(*types.PkgName); ok && name.Name() != "_" {
			names[name.Imported()] = name.Name()
			continue
		}
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && spec.Name != nil && spec.Name.Name == "." {
			for _, p := range f.Types.Imports() {
				if p.Path() == path {
					names[p] = ""
				}
			}
		}
	}
	return names
}
