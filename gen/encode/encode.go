// Package encode makes the model of a package (gen/model) from its operator calls
// (gen/scan): names and types as texts, bodies rewritten so that they can stand in
// the generated file, identities, hashes of the sources.
package encode

import (
	"fmt"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

// Encoder makes the model of a package: first its operators, then, with the
// chains that they form, the rest.
type Encoder struct {
	*scan.Package
	diags  *diag.List
	names  *names
	pkg    *model.Package
	group  scan.Group
	index  map[*scan.Site]int
	groups []scan.Group // of the operators
	tokens map[*scan.File]tokens
	// unnamed are the types that were reported as such.
	unnamed map[*types.TypeName]bool

	// While operators are described: which are known, how many are alike, and
	// the type parameters that the one in hand depends on.
	known    map[opKey]int
	ordinals map[string]int
	depends  map[*types.TypeParam]bool

	// offers is asked of other packages' generic functions. Of the package's own,
	// registrations has the names of the registrations, open has their operators,
	// and params the names of their type parameters.
	offers        Offers
	registrations map[*types.Func]string
	open          map[int]bool
	params        map[*types.TypeParam]string
}

// New makes an encoder of what was found in a package, for a generated file of
// that base name.
func New(p *scan.Package, output string, offers Offers, diags *diag.List) *Encoder {
	enc := &Encoder{
		Package: p,
		diags:   diags,
		offers:  offers,
		names:   newNames(p),
		pkg:     &model.Package{Path: p.Types.Path(), Name: p.Types.Name(), Dir: p.Dir, Output: output},
		index:   map[*scan.Site]int{},
		tokens:  map[*scan.File]tokens{},
		unnamed: map[*types.TypeName]bool{},
		depends: map[*types.TypeParam]bool{},
		params:  map[*types.TypeParam]string{},
	}
	enc.start()
	enc.pkg.RDD = enc.names.importName(api.RDD, "rdd")
	return enc
}

// start forgets what is of one generated file.
func (enc *Encoder) start() {
	enc.known, enc.ordinals = map[opKey]int{}, map[string]int{}
	enc.open, enc.registrations = map[int]bool{}, map[*types.Func]string{}
}

// Fork makes an encoder for another generated file of the package, for a group. P
// is what was found in the files that are built wherever those of the group are.
// The new one knows the operators of the encoder, and of the last one that was
// made of it.
func (enc *Encoder) Fork(last *Encoder, p *scan.Package, g scan.Group, output string) *Encoder {
	f := *enc
	f.Package, f.group = p, g
	f.start()
	f.names = enc.names.fork(upperFirst(camel(g.Name())))
	f.names.add(p.Files, p.Info)
	f.index, f.unnamed, f.groups = maps.Clone(last.index), maps.Clone(last.unnamed), slices.Clip(last.groups)
	f.pkg = &model.Package{
		Path: enc.pkg.Path, Name: enc.pkg.Name, Dir: enc.pkg.Dir, Output: output, RDD: enc.pkg.RDD, Constraint: g.Constraint,
		Ops: slices.Clip(last.pkg.Ops), First: len(last.pkg.Ops),
	}
	return &f
}

// Known gives the operators that were described, and which is whose.
func (enc *Encoder) Known() ([]model.Op, map[*scan.Site]int) { return enc.pkg.Ops, enc.index }

// groupOf is the group in whose file a kernel of a chain can be.
func (enc *Encoder) groupOf(chain []model.Part) scan.Group {
	var g scan.Group
	for _, part := range chain {
		g = g.With(enc.groups[part.Op])
	}
	return g
}

// Groups are the groups in whose files kernels of chains can be.
func (enc *Encoder) Groups(chains [][]model.Part) []scan.Group {
	var all []scan.Group
	for _, chain := range chains {
		if g := enc.groupOf(chain); !slices.ContainsFunc(all, g.Equal) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, scan.Group.Compare)
	return all
}

// Ops describes the operators, and says which is whose.
func (enc *Encoder) Ops() ([]model.Op, map[*scan.Site]int) {
	enc.makeOps(enc.Sites, nil)
	enc.checkLines(enc.Sites)
	return enc.Known()
}

// Finish completes the model with the chains of the operators, those of the
// generic functions, and the places where they were cut.
func (enc *Encoder) Finish(chains, open [][]model.Part, cuts []model.Cut) *model.Package {
	enc.pkg.Calls = enc.calls(enc.Instances)
	slices.Sort(enc.pkg.Calls)
	enc.makeKernels(chains, open)
	enc.makeCuts(cuts)
	enc.makeNotes()
	enc.makeFiles()
	enc.checkNames()
	enc.pkg.Imports = enc.names.imports()
	enc.pkg.Taken = enc.names.reserved()
	for _, name := range enc.params {
		enc.pkg.Taken[name] = true
	}
	return enc.pkg
}

// makeKernels gives the chains their names: those of the functions in which
// they end.
func (enc *Encoder) makeKernels(chains, open [][]model.Part) {
	encl := make([]string, len(enc.pkg.Ops))
	for st, i := range enc.index {
		encl[i] = st.Encl
	}
	made := map[string]bool{}
	add := func(chain []model.Part, g *model.Generic) {
		if made[fmt.Sprint(chain)] {
			return
		}
		made[fmt.Sprint(chain)] = true
		name := enc.names.top(enclosingName(encl[chain[len(chain)-1].Op]) + "Kernel")
		enc.pkg.Kernels = append(enc.pkg.Kernels, model.Kernel{Name: name, Parts: chain, Generic: g})
	}
	for _, chain := range chains {
		if enc.groupOf(chain).Equal(enc.group) {
			add(chain, nil)
		}
	}
	for _, chain := range open {
		if !slices.ContainsFunc(chain, func(p model.Part) bool { return enc.open[p.Op] }) || !enc.groupOf(chain).Equal(enc.group) {
			continue
		}
		if g, ok := enc.genericOf(chain); ok {
			add(chain, g)
		}
	}
}

// genericOf gives the generic function that the operators of a chain belong to,
// where any does; it says whether their code can be in one place.
func (enc *Encoder) genericOf(chain []model.Part) (*model.Generic, bool) {
	var g *model.Generic
	for _, part := range chain {
		switch of := enc.pkg.Ops[part.Op].Generic; {
		case of == nil || of == g:
		case g == nil && slices.Contains(enc.pkg.Generics, of):
			g = of
		default:
			return nil, false
		}
	}
	return g, true
}

// makeCuts keeps the cuts that no other generated file is for.
func (enc *Encoder) makeCuts(cuts []model.Cut) {
	others := map[string]bool{}
	for _, f := range enc.Sources() {
		if f.Group != enc.group {
			others[filepath.Base(f.Written)] = true
		}
	}
	for _, c := range cuts {
		if !others[c.Pos.File] {
			enc.pkg.Cuts = append(enc.pkg.Cuts, c)
		}
	}
}

func (enc *Encoder) makeNotes() {
	for i := enc.pkg.First; i < len(enc.pkg.Ops); i++ {
		op := &enc.pkg.Ops[i]
		if len(op.Funcs) > 0 && op.Funcs[0].Faster != "" {
			enc.pkg.Notes = append(enc.pkg.Notes, model.Note{Pos: op.Pos, Text: fmt.Sprintf(
				"%s: kernels call rdd.%s for %s: same results, faster", op.Name, op.Funcs[0].Faster, op.Funcs[0].Call)})
		}
	}
}

// makeFiles lists the files with operators, and hashes them.
func (enc *Encoder) makeFiles() {
	byName := map[string]*scan.File{}
	for st, i := range enc.index {
		if i >= enc.pkg.First {
			byName[st.File.Name] = st.File
		}
	}
	// What is called in the others is known by what their own code is.
	for _, use := range enc.Instances {
		if use.File.Group == enc.group && len(enc.pkg.Calls) > 0 {
			byName[use.File.Name] = use.File
		}
	}
	for _, f := range byName {
		base := filepath.Base(f.Written)
		enc.pkg.Files = append(enc.pkg.Files, model.File{Name: base, Bytes: hashBytes(f.Text), Tokens: enc.tokensOf(f).hash})
	}
	slices.SortFunc(enc.pkg.Files, func(a, b model.File) int { return strings.Compare(a.Name, b.Name) })
	for i := range enc.pkg.Files {
		f := &enc.pkg.Files[i]
		f.Var = enc.names.top(camel(strings.TrimSuffix(f.Name, ".go")) + "Source")
	}
}

// checkNames finds predeclared names that generated code needs and the package
// declares anew.
func (enc *Encoder) checkNames() {
	for _, name := range []string{"any", "string", "true", "nil", "error", "int64"} {
		enc.names.basics[name] = true
	}
	for name := range enc.names.basics {
		if obj := enc.Types.Scope().Lookup(name); obj != nil {
			enc.diags.Report(obj.Pos(), diag.DeclaredName, name)
		}
	}
}
