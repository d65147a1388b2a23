package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/gordd-project/gordd/gen"
	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/rdd/plan"
)

// programArgs says that a command takes a program and its arguments.
func programArgs(c *cobra.Command, args []string) error {
	dash := c.ArgsLenAtDash()
	switch {
	case len(args) == 0 || dash == 0:
		return fmt.Errorf("which program? %s", c.UseLine())
	case dash > 1 || dash < 0 && len(args) > 1:
		return fmt.Errorf("unexpected argument %q: what belongs to the program follows --", args[1])
	}
	return nil
}

// longBuild is after how long people are told what they wait for.
const longBuild = time.Second

// buildOptions say how a package is built.
type buildOptions struct {
	generate bool
	profile  string
}

func (o *buildOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.generate, "generate", false, "generate the package's code first, as rddgen does")
	f.StringVar(&o.profile, "pgo", profileAuto, "profile to build the package with: a file that run --profile wrote, off, or auto for default.pgo of the package's directory")
}

// What --pgo may be given, as go build's -pgo, instead of a file.
const (
	profileAuto = "auto"
	profileOff  = "off"
)

// profiled gives the target that is built with the profile asked for.
func (o *buildOptions) profiled(t launch.Target) (launch.Target, error) {
	switch {
	case o.profile == profileAuto:
		return t, nil
	case t.Binary != "":
		return t, errors.New("--pgo needs a package, not a binary")
	case o.profile == profileOff:
		t.Profile = profileOff
		return t, nil
	}
	var err error
	if t.Profile, err = filepath.Abs(o.profile); err == nil {
		_, err = os.Stat(t.Profile)
	}
	if err != nil {
		return t, &launch.Error{Code: launch.CodePath, Err: fmt.Errorf("--pgo: %w: rddctl run --profile writes such files", err)}
	}
	return t, nil
}

// build makes the program of a PKG or BINARY argument, for this machine or for a
// cluster's platforms, after its code was generated where that is asked for.
func build(ctx context.Context, arg string, o buildOptions, platforms ...plan.Platform) (*launch.Program, error) {
	target, err := launch.Find(arg)
	if err == nil {
		target, err = o.profiled(target)
	}
	if err != nil {
		return nil, err
	}
	if o.generate {
		if err := generateCode(ctx, target); err != nil {
			return nil, err
		}
	}
	if target.Binary == "" && term.IsTerminal(int(os.Stderr.Fd())) {
		late := time.AfterFunc(longBuild, func() { _, _ = fmt.Fprintf(os.Stderr, "building %s …\n", arg) })
		defer late.Stop()
	}
	return target.Build(ctx, os.Stderr, platforms...)
}

// generateCode does what rddgen does.
func generateCode(ctx context.Context, t launch.Target) error {
	if t.Binary != "" {
		return errors.New("--generate needs a package, not a binary")
	}
	pkgs, err := gen.Load(ctx, gen.Options{Dir: t.WorkDir, Env: launch.Env()}, t.Pattern)
	if err != nil {
		return refused(err)
	}
	results, err := gen.Generate(pkgs)
	if err != nil {
		return refused(err)
	}
	for i := range results {
		r := &results[i]
		for _, d := range r.Diagnostics {
			_, _ = fmt.Fprintln(os.Stderr, d.Text(d.Pos.Filename))
		}
		if r.Failed() {
			return refused(fmt.Errorf("%s cannot be generated", r.PkgPath))
		}
		if err := r.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func refused(err error) error { return &launch.Error{Code: launch.CodeRefused, Err: err} }
