package random

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/gen"
	"github.com/gordd-project/gordd/internal/property/random/oracle"
)

var (
	seed      = flag.Uint64("seed", 1, "the seed of the first package")
	pipelines = flag.Int("pipelines", 20, "how many pipelines a package has")
	programs  = flag.Int("programs", 1, "how many packages are run, with seeds from -seed on")
	keep      = flag.String("keep", "", "write the packages below this directory and leave them there")
)

const root = "../../.."

// TestRandomPipelines runs random pipelines in all modes and compares them
// with the interpreter.
func TestRandomPipelines(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a package")
	}
	for i := range *programs {
		at := *seed + uint64(i)
		t.Run(fmt.Sprint("seed=", at), func(t *testing.T) { runProgram(t, at) })
	}
}

func runProgram(t *testing.T, seed uint64) {
	p, err := New(seed, *pipelines)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if *keep != "" {
		dir = filepath.Join(*keep, fmt.Sprint(seed))
	}
	again := fmt.Sprintf("go test ./internal/property/random -seed %d -pipelines %d", seed, *pipelines)
	start := time.Now()
	if err := write(p, dir); err != nil {
		t.Fatal(err)
	}
	if err := generate(t.Context(), dir); err != nil {
		t.Fatalf("%v\n\t%s", err, again)
	}
	generated := time.Now()
	if err := goBuild(t.Context(), dir); err != nil {
		t.Fatalf("%v\n\t%s", err, again)
	}
	built := time.Now()
	wrong, err := findings(t.Context(), dir)
	if err != nil {
		t.Errorf("%v\n\t%s", err, again)
	}
	t.Logf("%d pipelines: generated in %v, built in %v, run in %v", *pipelines, generated.Sub(start), built.Sub(generated), time.Since(built))
	for _, f := range wrong {
		t.Errorf("%s, %s: %s\n\t%s", f.Case, f.Mode, f.Error, again)
	}
}

// write makes a module of a program. Its path is below this module's, so that
// it may import what is internal.
func write(p *Program, dir string) error {
	top, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	mod = regexp.MustCompile(`(?m)^tool (\([^)]*\)|.*)$`).ReplaceAll(mod, nil)
	mod = bytes.Replace(mod, []byte("module github.com/gordd-project/gordd\n"), []byte("module github.com/gordd-project/gordd/drawn\n"), 1)
	mod = fmt.Appendf(mod, "\nrequire github.com/gordd-project/gordd v0.0.0\n\nreplace github.com/gordd-project/gordd => %s\n", top)
	files := map[string]string{"go.mod": string(mod), "go.sum": string(sum)}
	for name, text := range p.Files {
		files[name] = text
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "pipelines*.go"))
	if err != nil {
		return err
	}
	for _, name := range old { // of a larger program that was kept
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// generate does what rddgen does.
func generate(ctx context.Context, dir string) error {
	pkgs, err := gen.Load(ctx, gen.Options{Dir: dir}, ".")
	if err != nil {
		return err
	}
	results, err := gen.Generate(pkgs)
	if err != nil {
		return err
	}
	for i := range results {
		var found []error
		for _, d := range results[i].Diagnostics {
			if !d.Kind.Warning {
				found = append(found, errors.New(d.Text(filepath.Base(d.Pos.Filename))))
			}
		}
		if err := errors.Join(found...); err != nil {
			return err
		}
		if err := results[i].Commit(); err != nil {
			return err
		}
	}
	return nil
}

func goBuild(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", "pipelines", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

// findings runs a program and reads what it says.
func findings(ctx context.Context, dir string) (found []oracle.Finding, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "pipelines"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s", cmd, err, stderr.String())
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var f oracle.Finding
		switch e := dec.Decode(&f); {
		case errors.Is(e, io.EOF):
			return found, err
		case e != nil:
			return found, errors.Join(err, e)
		}
		found = append(found, f)
	}
}
