package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/show"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

func explainCommand() *cobra.Command {
	var b buildOptions
	c := &cobra.Command{
		Use:   "explain [flags] PKG|BINARY [-- args]",
		Short: "Draw the stages of a program's actions, and say how they run",
		Long: `Explain runs a program's driver, and draws each action instead of running it:
its stages as a tree, the operators with their lines, and how they run:

  fused     several operators in one generated loop
  compiled  one operator as a generated loop
  composed  generated code of one operator, called by the library's loop
  closure   the program's own function, called by the library's loop
  whole     an operator that sees a partition as a whole

No input is read and no output written. Every action gives the program an empty
result: no rows, a count of 0, ErrEmpty of First and Reduce. What the program
makes of that is what is explained next; what it prints is thrown away. Actions
that look alike are drawn once, with their number.`,
		Example: `  rddctl explain ./examples/wordcount -- -in x -out y`,
		Args:    programArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return explain(c, args[0], args[1:], b)
		},
	}
	b.flags(c.Flags())
	return c
}

func explain(c *cobra.Command, arg string, args []string, b buildOptions) (err error) {
	p, err := build(c.Context(), arg, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	path, err := p.Here()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	e := &explainer{}
	r := launch.Run{
		Args: args, Stdin: os.Stdin, Stdout: null, Stderr: os.Stderr, Watcher: e,
		Options: wire.Options{Explain: true},
	}
	out, err := r.Do(c.Context(), path)
	switch {
	case err != nil:
		return err
	case out.Code != 0 && e.plans.Len() == 0:
		return ended(out.Code)
	case !out.Typed:
		return &launch.Error{Code: launch.CodeUsage, Err: fmt.Errorf("%s did not call typed.Main: there is nothing to explain", p.Name)}
	case out.Code != 0:
		_, _ = fmt.Fprintf(os.Stderr, "rddctl: the program ended with code %d, after actions that gave it nothing: there may be more than is drawn\n", out.Code)
	case e.plans.Len() == 0:
		_, _ = fmt.Fprintf(os.Stderr, "rddctl: %s ran no action\n", p.Name)
	}
	return e.plans.Draw(os.Stdout)
}

// explainer gathers plans.
type explainer struct{ plans show.Plans }

// Status is launch.Watcher's: nothing runs.
func (e *explainer) Status(*plan.ActionStatus) {}

// Notice is launch.Watcher's.
func (e *explainer) Notice(program, text string) {
	_, _ = fmt.Fprintln(os.Stderr, program+": "+text)
}

// Explained is launch.Watcher's.
func (e *explainer) Explained(x *wire.Explained) { e.plans.Add(x) }
