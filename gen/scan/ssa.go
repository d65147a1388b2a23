package scan

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// BuildSSA builds the SSA form of a type-checked package; those that it imports
// have no bodies.
func BuildSSA(fset *token.FileSet, t *types.Package, files []*ast.File, info *types.Info) *ssa.Package {
	prog := ssa.NewProgram(fset, ssa.InstantiateGenerics)
	seen := map[*types.Package]bool{}
	todo := t.Imports()
	for len(todo) > 0 {
		imp := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[imp] {
			seen[imp] = true
			prog.CreatePackage(imp, nil, nil, true)
			todo = append(todo, imp.Imports()...)
		}
	}
	pkg := prog.CreatePackage(t, files, info, false)
	pkg.Build()
	return pkg
}
