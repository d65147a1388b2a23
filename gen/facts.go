package gen

import (
	"slices"

	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/scan"
)

// facts is what is known of the packages whose functions stage code calls. They
// are read when one is asked for: those that are generated for are there
// already, other ones of their module are type-checked for it.
type facts struct {
	known map[string]*Package // type-checked, by path
	found map[string]*check.Facts
}

func newFacts(pkgs []*Package) *facts {
	f := &facts{known: map[string]*Package{}, found: map[string]*check.Facts{}}
	for _, p := range pkgs {
		if p.Types != nil {
			f.known[p.Path] = p
		}
	}
	return f
}

// importedBy gives what is known of the packages of a package's module.
func (f *facts) importedBy(p *Package) func(path string) *check.Facts {
	return func(path string) *check.Facts {
		if path == p.Path || !check.Follows(p.Module, path) {
			return nil
		}
		return f.of(p, path)
	}
}

func (f *facts) of(user *Package, path string) *check.Facts {
	if facts, ok := f.found[path]; ok {
		return facts
	}
	f.found[path] = nil
	p := f.known[path]
	if p == nil {
		p = user.world.source(path)
	}
	if p != nil && p.Types != nil {
		in := scan.Input{Fset: p.Fset, Files: p.Files, Types: p.Types, Info: p.Info}
		f.found[path] = check.FactsOf(in, f.importedBy(p))
	}
	return f.found[path]
}

// source type-checks a package that others import, with its bodies. What cannot
// be read is left out: that it compiles was found out before.
func (u *universe) source(path string) *Package {
	of := u.l.graph[path]
	if of == nil || of.Standard {
		return nil
	}
	p := u.l.newPackage(of, path, of.Name)
	if err := u.l.parse(p, of, nil); err != nil {
		return nil
	}
	u.export(of.Imports)
	if err := p.check(u); err != nil && p.Types == nil {
		return nil
	}
	return p
}

// export finds the compiled forms of packages that nothing was asked of yet.
func (u *universe) export(paths []string) {
	paths = slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		return path == "unsafe" || path == "C" || u.exports[path] != "" || u.l.usesAPI(path)
	})
	if len(paths) == 0 {
		return
	}
	all, err := u.l.list(listTypes, paths...)
	if err != nil {
		return
	}
	for _, p := range all {
		if p.Error == nil && p.Export != "" {
			u.exports[p.ImportPath] = p.Export
		}
	}
}
