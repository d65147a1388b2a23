package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Program is a program to run: its code for one platform or several.
type Program struct {
	Name     string
	Dir      string // of the package; empty when a binary was given
	Binaries []Binary
	temp     string
}

// Binary is a program's code for one platform.
type Binary struct {
	Path     string
	Platform plan.Platform
}

// Here gives the path of the binary that runs on this machine. Error's code is
// CodeRefused when there is none.
func (p *Program) Here() (string, error) {
	var there []string
	for _, b := range p.Binaries {
		if b.Platform == plan.Here {
			return b.Path, nil
		}
		there = append(there, string(b.Platform))
	}
	return "", refused("%s was built for %s, and this machine is %s: give the package rather than a binary, or build it for this machine",
		p.Name, strings.Join(there, ", "), plan.Here)
}

// Close removes what was built.
func (p *Program) Close() error {
	if p.temp == "" {
		return nil
	}
	return os.RemoveAll(p.temp)
}

// Target is what a PKG or BINARY argument names.
type Target struct {
	Binary  string // the path of a binary, or:
	Pattern string // what the go command is given,
	WorkDir string // and where; empty: here
	Profile string // what go build's -pgo is given; empty: nothing
	arg     string
}

// Find tells packages from binaries: a file is a binary, a directory is the
// package in it, wherever that is. Go files are refused: a package built of some
// of its files lacks its generated code. Everything else is for the go command to
// know.
func Find(arg string) (Target, error) {
	t := Target{arg: arg}
	st, err := os.Stat(arg)
	switch {
	case strings.Contains(arg, "..."):
		return t, usage("%s: give one package, not a pattern", arg)
	case strings.HasSuffix(arg, ".go") && (err != nil || !st.IsDir()):
		return t, usage("%s: give the package rather than a file of it: %s", arg, packageOf(arg))
	case err != nil && !isPath(arg):
		t.Pattern = arg
	case err != nil:
		return t, usage("%s: no such package or binary", arg)
	case st.IsDir():
		t.Pattern, t.WorkDir = ".", arg
	case st.Mode().IsRegular():
		if t.Binary, err = filepath.Abs(arg); err != nil {
			return t, err
		}
	default:
		return t, usage("%s: neither a package nor a program that can be run", arg)
	}
	return t, nil
}

// packageOf is what names the package of a Go file.
func packageOf(file string) string {
	dir := filepath.ToSlash(filepath.Dir(file))
	if isPath(dir) {
		return dir
	}
	return "./" + dir
}

// isPath says whether an argument is a path of the file system rather than an
// import path.
func isPath(arg string) bool {
	return filepath.IsAbs(arg) || arg == "." || arg == ".." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../")
}

func usage(format string, args ...any) error {
	return &Error{Code: CodeUsage, Err: fmt.Errorf(format, args...)}
}

func refused(format string, args ...any) error {
	return &Error{Code: CodeRefused, Err: fmt.Errorf(format, args...)}
}

// listed is what the go command says of a package.
type listed struct {
	Name, Dir, ImportPath string
	Error                 *struct{ Err string }
}

// Build gives the program of a target: a binary as it is, a package compiled into
// a directory of its own, as go run would or, for a cluster, once for each of the
// platforms: without cgo, which needs another compiler for each, and without paths
// of this machine, so that it has the same digest wherever it is built. warn gets
// what the go command says while it succeeds, such as what it downloads.
func (t Target) Build(ctx context.Context, warn io.Writer, platforms ...plan.Platform) (*Program, error) {
	if t.Binary != "" {
		b, err := inspect(t.Binary)
		return &Program{Name: filepath.Base(t.Binary), Binaries: []Binary{b}}, err
	}
	pkg, err := t.list(ctx)
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "rddctl-")
	if err != nil {
		return nil, err
	}
	p := &Program{Name: filepath.Base(pkg.ImportPath), Dir: pkg.Dir, temp: temp}
	if len(platforms) == 0 {
		err = t.compile(ctx, warn, p, plan.Here)
	}
	for _, platform := range platforms {
		if err == nil {
			err = t.compile(ctx, warn, p, platform, "-trimpath")
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// compile adds the binary for a platform to a program.
func (t Target) compile(ctx context.Context, warn io.Writer, p *Program, platform plan.Platform, flags ...string) error {
	goos, goarch := platform.Of()
	b := Binary{Path: filepath.Join(p.temp, goos+"-"+goarch, p.Name), Platform: platform}
	if goos == "windows" {
		b.Path += ".exe"
	}
	args := slices.Concat([]string{"build", "-o", b.Path}, flags)
	if t.Profile != "" {
		args = append(args, "-pgo="+t.Profile)
	}
	cmd := t.command(ctx, append(args, t.Pattern)...)
	if len(flags) > 0 {
		cmd.Env = append(cmd.Env, "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return t.buildError(p, platform, out, err)
	}
	if len(out) > 0 {
		_, _ = warn.Write(out)
	}
	p.Binaries = append(p.Binaries, b)
	return nil
}

// list asks the go command what the target is.
func (t Target) list(ctx context.Context) (*listed, error) {
	cmd := t.command(ctx, "list", "-e", "-json=Name,Dir,ImportPath,Error", t.Pattern)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, goError(t.arg, stderr.Bytes(), err)
	}
	var pkg listed
	if err := json.Unmarshal(out, &pkg); err != nil {
		return nil, usage("%s: no package is there", t.arg)
	}
	switch {
	case pkg.Error != nil && pkg.Name == "":
		return nil, usage("%s: %s", t.arg, oneLine(pkg.Error.Err))
	case pkg.Name != "main":
		return nil, usage("%s: package %s is not a program: give a package main", t.arg, pkg.Name)
	}
	return &pkg, nil
}

// buildError is what the compiler said. Where generated code is there, it may
// be that which does not fit any more.
func (t Target) buildError(p *Program, platform plan.Platform, out []byte, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() < 0 {
		return goError(t.arg, out, err)
	}
	text := strings.TrimSpace(string(out))
	if generated, _ := filepath.Glob(filepath.Join(p.Dir, "*_rdd.go")); len(generated) > 0 {
		text += fmt.Sprintf("\nwhere %s is what does not fit: run go generate, or give --generate", filepath.Base(generated[0]))
	}
	elsewhere := ""
	if platform != plan.Here {
		elsewhere = " for " + string(platform)
	}
	return refused("%s does not compile%s:\n%s", t.arg, elsewhere, text)
}

func goError(arg string, out []byte, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return usage("build %s: the go command is not on the PATH", arg)
	}
	if text := oneLine(string(out)); text != "" {
		return usage("build %s: %s", arg, text)
	}
	return usage("build %s: %w", arg, err)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// command makes a call of the go command. A Go that is older than the module
// wants fetches the one it needs.
func (t Target) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.WorkDir
	cmd.Env = Env()
	return cmd
}

// Env is the environment for calls of the go command.
func Env() []string { return append(os.Environ(), "GOTOOLCHAIN=auto") }
