package gen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/emit"
)

// listed is a package as the go command lists it.
type listed struct {
	Dir        string
	ImportPath string
	Name       string
	Imports    []string
	DepOnly    bool // it was not asked for
	Module     *struct{ Path, GoVersion string }
	Error      *struct{ Err, Pos string }
	Standard   bool
	Export     string

	GoFiles, CgoFiles, TestGoFiles, XTestGoFiles []string
	TestImports, XTestImports                    []string
	// CompiledGoFiles are listed where cgo writes some.
	CompiledGoFiles []string
	IgnoredGoFiles  []string // of other systems and tags
}

// List modes: what is there, with all that it imports, and what it is compiled
// to.
var (
	listSources = []string{"-deps", "-json=Dir,ImportPath,Name,Imports,DepOnly,Module,Error,Standard,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,TestImports,XTestImports,IgnoredGoFiles"}
	listTypes   = []string{"-export", "-json=ImportPath,Error,Export"}
	listWhy     = []string{"-export", "-deps", "-json=ImportPath,Error"}
	listCgo     = []string{"-compiled", "-json=ImportPath,Error,CompiledGoFiles"}
)

// lister runs the go command.
type lister struct {
	ctx context.Context
	o   Options
}

// list lists packages, with their errors.
func (l *lister) list(mode []string, patterns ...string) ([]*listed, error) {
	args := slices.Concat([]string{"list", "-e"}, mode, l.o.BuildFlags)
	cmd := exec.CommandContext(l.ctx, "go", append(append(args, "--"), patterns...)...)
	cmd.Dir, cmd.Env = l.o.Dir, l.o.Env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	what := "list " + strings.Join(patterns[:min(len(patterns), 3)], " ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", what, err, strings.TrimSpace(stderr.String()))
	}
	var all []*listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &listed{}
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		all = append(all, p)
	}
}

// clauseOf is the package clause of a generated file in the directory of a
// package: the package's, or that of its external tests. The file may be cut
// short, or of the package's old name.
func clauseOf(name, pkg string) string {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly)
	if err == nil && f.Name.Name == pkg+"_test" {
		return f.Name.Name
	}
	return pkg
}

// outputsIn finds the generated files in a directory, whatever they are built
// for.
func outputsIn(dir string) []string {
	var all []string
	for _, pattern := range []string{"*_rdd.go", "*_rdd_test.go"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is well formed
		for _, name := range names {
			if ours, err := isOurs(name); err == nil && ours {
				all = append(all, name)
			}
		}
	}
	return all
}

// isOurs says whether a file begins as rddgen's do.
func isOurs(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(emit.Header))
	n, _ := io.ReadFull(f, head)
	return bytes.Equal(head[:n], []byte(emit.Header)), nil
}

// onlyIgnored says whether all files of a package are for other systems or tags.
// That is an error of a package that is asked for by name, not of one among
// many.
func (p *listed) onlyIgnored() bool {
	return len(p.IgnoredGoFiles) > 0 && len(p.GoFiles)+len(p.CgoFiles)+len(p.TestGoFiles)+len(p.XTestGoFiles) == 0
}

// failed gives the errors of packages. What is wrong with generated files does
// not matter.
func failed(all []*listed) error {
	var errs []error
	var bad []string
	for _, p := range all {
		if p.Error == nil || p.onlyIgnored() || p.aboutOutput() {
			continue
		}
		text := p.Error.Err
		if first, rest, ok := strings.Cut(text, "\n"); ok && strings.HasPrefix(first, "# ") {
			text = strings.TrimSpace(rest) // what the compiler said
		} else if p.Error.Pos != "" && p.Error.Pos != "-" {
			text = p.Error.Pos + ": " + text
		}
		errs = append(errs, errors.New(text))
		bad = append(bad, p.ImportPath)
	}
	if len(errs) == 0 {
		return nil
	}
	return broken(errs, strings.Join(bad, ", "))
}

func (p *listed) aboutOutput() bool {
	return p.Dir != "" && slices.ContainsFunc(outputsIn(p.Dir), func(name string) bool {
		return strings.Contains(p.Error.Pos+" "+p.Error.Err, filepath.Base(name))
	})
}
