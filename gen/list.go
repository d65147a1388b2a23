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

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/emit"
)

// listed is a package as the go command lists it.
type listed struct {
	Dir        string
	ImportPath string // with " [p.test]" behind it when built for a test
	Name       string
	ForTest    string
	ImportMap  map[string]string // where one package stands for another
	Module     *struct{ Path, GoVersion string }
	Error      *struct{ Err, Pos string }
	Standard   bool
	Export     string

	GoFiles, CgoFiles, TestGoFiles, XTestGoFiles []string
	// CompiledGoFiles are listed where cgo writes some.
	CompiledGoFiles []string
	IgnoredGoFiles  []string // of other systems and tags
}

// List modes: what is there, and what it is compiled to.
var (
	listFiles = []string{"-json=Dir,ImportPath,Name,Module,Error,Standard,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,IgnoredGoFiles"}
	listDeps  = []string{"-deps", "-json=Dir,ImportPath,Name,Error,Standard"}
	listTypes = []string{"-export", "-json=ImportPath,ImportMap,Error,Export"}
	listTests = []string{"-export", "-deps", "-test", "-json=ImportPath,ForTest,ImportMap,Error,Export"}
	listCgo   = []string{"-compiled", "-json=ImportPath,Error,CompiledGoFiles"}
)

// lister runs the go command.
type lister struct {
	ctx     context.Context
	o       Options
	overlay string // file that says what stands for the generated files
}

// list lists packages, with their errors.
func (l *lister) list(mode []string, patterns ...string) ([]*listed, error) {
	args := slices.Concat([]string{"list", "-e"}, mode, l.o.BuildFlags)
	if l.overlay != "" {
		args = append(args, "-overlay="+l.overlay)
	}
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

// hide puts bare package clauses in the place of generated files: they are
// outdated at best, and do not compile at worst.
func (l *lister) hide(dir string, outputs map[string]string) error {
	if len(outputs) == 0 {
		return nil
	}
	replace := map[string]string{}
	for name, clause := range outputs {
		file := filepath.Join(dir, clause+".go")
		if err := os.WriteFile(file, []byte("package "+clause+"\n"), 0o600); err != nil {
			return err
		}
		replace[name] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	l.overlay = filepath.Join(dir, "overlay.json")
	return os.WriteFile(l.overlay, text, 0o600)
}

// outputsOf finds the generated files of packages, with their package clauses.
func outputsOf(all []*listed) map[string]string {
	m := map[string]string{}
	for _, p := range all {
		if p.Standard || p.Dir == "" {
			continue
		}
		for _, name := range outputsIn(p.Dir) {
			m[name] = clauseOf(name, p.Name)
		}
	}
	return m
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

// broken is the error for packages that do not compile.
func broken(errs []error, packages string) error {
	return fmt.Errorf("%w\n%s: %s %w", errors.Join(errs...), diag.Broken.ID, packages, ErrBroken)
}
