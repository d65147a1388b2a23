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
	tokens map[*scan.File]tokens
	// unnamed are the types that were reported as such.
	unnamed map[*types.TypeName]bool
}

// New makes an encoder of what was found in a package, for a generated file of
// that base name.
func New(p *scan.Package, output string, diags *diag.List) *Encoder {
	enc := &Encoder{
		Package: p,
		diags:   diags,
		names:   newNames(p),
		pkg:     &model.Package{Path: p.Types.Path(), Name: p.Types.Name(), Dir: p.Dir, Output: output},
		index:   map[*scan.Site]int{},
		tokens:  map[*scan.File]tokens{},
		unnamed: map[*types.TypeName]bool{},
	}
	enc.pkg.RDD = enc.names.importName(api.RDD, "rdd")
	return enc
}

// Fork makes an encoder for another generated file of the package, for the files
// of a group. P is what was found in these and in those of the encoder, whose
// operators the new one knows.
func (enc *Encoder) Fork(p *scan.Package, g scan.Group, output string) *Encoder {
	f := *enc
	f.Package, f.group = p, g
	f.names = enc.names.fork(upperFirst(camel(g.Name())))
	f.names.add(p.Files, p.Info)
	f.index, f.unnamed = maps.Clone(enc.index), maps.Clone(enc.unnamed)
	f.pkg = &model.Package{
		Path: enc.pkg.Path, Name: enc.pkg.Name, Dir: enc.pkg.Dir, Output: output, RDD: enc.pkg.RDD, Constraint: g.Constraint,
		Ops: slices.Clip(enc.pkg.Ops), First: len(enc.pkg.Ops),
	}
	return &f
}

// Ops describes the operators, and says which is whose.
func (enc *Encoder) Ops() ([]model.Op, map[*scan.Site]int) {
	enc.makeOps()
	enc.checkLines()
	return enc.pkg.Ops, enc.index
}

// Finish completes the model with the chains of the operators, and the places
// where they were cut.
func (enc *Encoder) Finish(chains [][]model.Part, cuts []model.Cut) *model.Package {
	enc.makeKernels(chains)
	enc.makeCuts(cuts)
	enc.makeNotes()
	enc.makeFiles()
	enc.checkNames()
	enc.pkg.Imports = enc.names.imports()
	enc.pkg.Taken = enc.names.reserved()
	return enc.pkg
}

// makeKernels gives the chains their names: those of the functions in which
// they end.
func (enc *Encoder) makeKernels(chains [][]model.Part) {
	encl := make([]string, len(enc.pkg.Ops))
	for st, i := range enc.index {
		encl[i] = st.Encl
	}
	for _, chain := range chains {
		if !slices.ContainsFunc(chain, func(p model.Part) bool { return p.Op >= enc.pkg.First }) {
			continue
		}
		name := enc.names.top(enclosingName(encl[chain[len(chain)-1].Op]) + "Kernel")
		enc.pkg.Kernels = append(enc.pkg.Kernels, model.Kernel{Name: name, Parts: chain})
	}
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
	for _, st := range enc.Sites {
		if i, ok := enc.index[st]; ok && i >= enc.pkg.First {
			byName[st.File.Name] = st.File
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
