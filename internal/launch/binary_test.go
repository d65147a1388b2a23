//go:build unix

package launch

import (
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// elsewhere is a platform that tests can build for and that this is not.
const elsewhere plan.Platform = "linux/arm64"

// chdirModule makes a module with a program, where the test goes on.
func chdirModule(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() { run() }\n",
		"run.go":      "//go:build !s390x\n\npackage main\n\nfunc run() {}\n",
		"run_test.go": "package main\n\nimport \"testing\"\n\nfunc TestRun(*testing.T) {}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func build(t *testing.T, arg string, platforms ...plan.Platform) (*Program, error) {
	t.Helper()
	target, err := Find(arg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := target.Build(t.Context(), io.Discard, platforms...)
	if p != nil {
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return p, err
}

func wantRefused(t *testing.T, err error, words ...string) {
	t.Helper()
	var coded *Error
	if !errors.As(err, &coded) || coded.Code != CodeRefused {
		t.Fatalf("got %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q lacks %q", err, w)
		}
	}
}

func TestBinariesThatAreNone(t *testing.T) {
	chdirModule(t)
	for name, text := range map[string]string{"text": "a b c\n", "script": "#!/bin/sh\n", "empty": "", "cut": "\x7fELF\x02\x01"} {
		mode := os.FileMode(0o755)
		if name == "text" {
			mode = 0o644
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		_, err := build(t, name)
		wantRefused(t, err, name+" is no program built by Go")
	}
	if out, err := exec.Command("go", "test", "-c", "-o", "tests", ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, err := build(t, "tests")
	wantRefused(t, err, "tests holds the tests of package example.com/m")
	p, err := build(t, ".")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p.Binaries[0].Path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = build(t, p.Binaries[0].Path)
	wantRefused(t, err, "may not be executed: run chmod +x")
}

// TestBuildForPlatforms looks into the files: only this machine's can run here.
func TestBuildForPlatforms(t *testing.T) {
	chdirModule(t)
	p, err := build(t, ".", plan.Here, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Binaries) != 2 || p.Binaries[0].Platform != plan.Here || p.Binaries[1].Platform != elsewhere {
		t.Fatalf("got %+v", p.Binaries)
	}
	path, err := p.Here()
	if err != nil || path != p.Binaries[0].Path || filepath.Base(path) != "m" {
		t.Errorf("got %s, %v", path, err)
	}
	f, err := elf.Open(p.Binaries[1].Path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != elf.EM_AARCH64 {
		t.Errorf("it was built for %v", f.Machine)
	}
	if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
		t.Errorf("it needs %v, %v", libs, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}

	foreign, err := build(t, p.Binaries[1].Path)
	if err != nil || foreign.Binaries[0].Platform != elsewhere {
		t.Fatalf("got %+v, %v", foreign, err)
	}
	_, err = foreign.Here()
	wantRefused(t, err, "m was built for linux/arm64, and this machine is "+string(plan.Here))

	_, err = build(t, ".", plan.Here, "linux/s390x")
	wantRefused(t, err, ". does not compile for linux/s390x:", "undefined: run")
	_, err = build(t, ".", "plan9/z80")
	wantRefused(t, err, "for plan9/z80", "unsupported GOOS/GOARCH pair")
}

// TestBuildsAreEqual builds in two directories: what is uploaded once need not be
// again.
func TestBuildsAreEqual(t *testing.T) {
	var digests []plan.Digest
	for range 2 {
		chdirModule(t)
		p, err := build(t, ".", elsewhere)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(p.Binaries[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, plan.DigestOf(b))
	}
	if digests[0] != digests[1] {
		t.Errorf("got %s and %s", digests[0], digests[1])
	}
}
