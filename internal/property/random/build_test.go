package random

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
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gordd-project/gordd/gen"
	"github.com/gordd-project/gordd/internal/property/random/oracle"
)

const root = "../../.."

// took is how long the parts of a run took.
type took struct{ generate, build, run time.Duration }

func (t took) each(n int) time.Duration { return (t.generate + t.build + t.run) / time.Duration(n) }

// attempt writes, generates, builds and runs a program, with that many seeds of
// faults. The error is of a program that cannot be built or run to its end.
func attempt(ctx context.Context, p *Program, dir string, faults int) (found []oracle.Finding, t took, err error) {
	start := time.Now()
	if err := write(p, dir); err != nil {
		return nil, t, err
	}
	if err := generate(ctx, dir); err != nil {
		return nil, t, fmt.Errorf("generate: %w", err)
	}
	t.generate = time.Since(start)
	start = time.Now()
	if err := goBuild(ctx, dir); err != nil {
		return nil, t, err
	}
	t.build = time.Since(start)
	start = time.Now()
	for i := range faults {
		more, err := findings(ctx, dir, i+1)
		found = append(found, more...)
		if err != nil {
			return found, t, err
		}
	}
	t.run = time.Since(start)
	return found, t, nil
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
	// What debuggers need of the package takes a fifth of the time.
	cmd := exec.CommandContext(ctx, "go", "build", "-gcflags=-dwarf=false", "-ldflags=-w", "-o", "pipelines", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

// findings runs a program and reads what it says.
func findings(ctx context.Context, dir string, faults int) (found []oracle.Finding, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "pipelines"), "-faults", strconv.Itoa(faults))
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
