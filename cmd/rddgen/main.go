// Rddgen generates the stage code of packages that use gordd.
//
// Usage:
//
//	rddgen [flags] [packages]
//
// It writes one file beside each package's sources, <package>_rdd.go (for a
// main package, the directory's name and _rdd.go), with the code that workers
// run: the functions given to operators, fused into loops. Packages are named as
// for the go command; the default is the package in the working directory. In a
// package, this line makes go generate do it:
//
//	//go:generate go tool rddgen
//
// Generic functions that other packages may call have generic code, which the
// generated files of those packages register for the types that they see. They
// need the function's package to be generated, now or before.
//
// Code for files that are built under conditions (x_linux.go, //go:build linux)
// goes to a file of its own that is built under the same ones:
// <package>_linux_rdd.go. What a run does not build, as it is for another system
// or has other tags, it leaves alone. Tests may run their functions as they are;
// with -tests they get a file as well, <package>_rdd_test.go.
//
// The flags are:
//
//	-check
//		write nothing; list the packages whose file is missing or out of date
//	-diff
//		with -check or -fix, show what would change
//	-tags list
//		build tags, separated by commas, of the files to look at
//	-tests
//		generate code for operators in tests, too; where that was done before,
//		it is done again without the flag
//	-explain
//		write nothing; say which operators run in one loop, which do not, and why
//	-fix
//		make the changes to the packages' own sources that findings ask for,
//		where that is sure, and say what was done; with -diff, only show them
//	-why ID
//		explain a finding, as RDD101, with an example
//
// The exit status is 0 when all is well, 1 when -check found a file out of date
// or -fix left a finding, and 2 when something is wrong with the packages or the
// command line. The findings are those of rddvet, too, for go vet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gordd-project/gordd/gen"
	"github.com/gordd-project/gordd/gen/diag"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes.
const (
	ok    = 0
	stale = 1
	wrong = 2
)

const usage = `usage: rddgen [-check [-diff] | -fix [-diff] | -explain] [-tags list] [-tests] [packages]
       rddgen -why ID

Rddgen generates the stage code of packages that use gordd.

`

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("rddgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "write nothing; list the packages whose file is missing or out of date")
	diff := flags.Bool("diff", false, "with -check or -fix, show what would change")
	fix := flags.Bool("fix", false, "change the sources as findings ask, where that is sure; with -diff, only show it")
	why := flags.String("why", "", "explain a finding, as RDD101")
	explain := flags.Bool("explain", false, "write nothing; say which operators run in one loop, which do not, and why")
	tags := flags.String("tags", "", "build tags, separated by commas, of the files to look at")
	tests := flags.Bool("tests", false, "generate code for operators in tests, too; where that was done before, it is done again without the flag")
	flags.Usage = func() {
		_, _ = fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return ok
	case err != nil:
		return wrong
	case exclusive(*check, *explain, *fix, *why != "") > 1, *diff && !*check && !*fix, *why != "" && flags.NArg() > 0:
		flags.Usage()
		return wrong
	case *why != "":
		return explainKind(*why, stdout, stderr)
	}
	o := gen.Options{Tests: *tests}
	if *tags != "" {
		o.BuildFlags = []string{"-tags=" + *tags}
	}
	if *fix {
		return fixed(flags.Args(), o, *diff, stdout, stderr)
	}
	results, err := generate(flags.Args(), o, stderr)
	if err != nil {
		return failed(err, stderr)
	}
	switch {
	case *explain:
		err = explained(results, stdout)
	case *check:
		return checked(results, *diff, stdout, stderr)
	default:
		err = commit(results)
	}
	if err != nil {
		return failed(err, stderr)
	}
	return ok
}

// failed prints an error. What a compiler would say begins with a position.
func failed(err error, stderr io.Writer) int {
	switch {
	case errors.Is(err, errReported):
	case errors.Is(err, gen.ErrBroken):
		_, _ = fmt.Fprintln(stderr, err)
	default:
		_, _ = fmt.Fprintf(stderr, "rddgen: %v\n", err)
	}
	return wrong
}

func exclusive(flags ...bool) (n int) {
	for _, set := range flags {
		if set {
			n++
		}
	}
	return n
}

var errReported = errors.New("reported")

// load loads the packages that the command line names.
func load(patterns []string, o gen.Options) ([]*gen.Package, error) {
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	return gen.Load(context.Background(), o, patterns...)
}

// generate makes the files, and prints all findings.
func generate(patterns []string, o gen.Options, stderr io.Writer) ([]gen.Result, error) {
	pkgs, err := load(patterns, o)
	if err != nil {
		return nil, err
	}
	results, err := gen.Generate(pkgs)
	if err != nil {
		return nil, err
	}
	failed := false
	for i := range results {
		for _, d := range results[i].Diagnostics {
			_, _ = fmt.Fprintln(stderr, d.Text(relative(d.Pos.Filename)))
		}
		failed = failed || results[i].Failed()
	}
	if failed {
		return nil, errReported
	}
	return results, nil
}

func commit(results []gen.Result) error {
	for i := range results {
		if err := results[i].Commit(); err != nil {
			return err
		}
	}
	return nil
}

// checked lists what is out of date, with the command that brings it up to date.
func checked(results []gen.Result, diff bool, stdout, stderr io.Writer) int {
	code := ok
	for i := range results {
		r := &results[i]
		is, err := r.Stale()
		if err != nil {
			return failed(err, stderr)
		}
		if !is {
			continue
		}
		code = stale
		_, _ = fmt.Fprintf(stderr, "%s: %s\n", diag.Stale.ID, r.StaleText(relative(r.Dir)))
		if diff {
			if err := r.Diff(stdout, relative(r.File)); err != nil {
				return failed(err, stderr)
			}
		}
	}
	return code
}

func explained(results []gen.Result, stdout io.Writer) error {
	for i := range results {
		if _, err := io.WriteString(stdout, results[i].Explain()); err != nil {
			return err
		}
	}
	return nil
}

// relative writes a path as seen from the working directory.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, ".."+string(filepath.Separator)+"..") {
		return path
	}
	return rel
}
