package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/show"
	"github.com/gordd-project/gordd/internal/tally"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// runOptions are run's flags.
type runOptions struct {
	memory, maxResult bytesFlag
	cores             int
	scratch           string
	checkpoints       string
	build             buildOptions
	profile           string
	quiet             bool
	summary           string
	files             []string
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run [flags] PKG|BINARY [-- args]",
		Short: "Run a program in one process, with progress and a summary",
		Long: `Run builds a program and runs it on the embedded engine, in one process.

On a terminal it draws a bar for each running stage; elsewhere, or with CI or
NO_COLOR set, it prints a line when a stage starts or ends. A summary follows.
All of that goes to standard error: standard output is the program's.

Code that changed since it was generated is refused; --generate generates it
first. A package that was never generated runs with plain closures.

With --profile the program writes a CPU profile of itself when it ends. The Go
compiler makes faster code of a package whose profile it has: as default.pgo in
the package's directory it is taken whenever the package is built, also for a
cluster, and --pgo names another file.`,
		Example: `  rddctl run ./examples/wordcount -- -in /usr/share/doc -out /tmp/counts -top 20
  rddctl run --memory 256MiB --cores 2 . -- -in big.txt -out counts
  rddctl run ./words -- -in a.txt -out counts
  rddctl run --profile words/default.pgo ./words -- -in a.txt -out counts`,
		Args: programArgs,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0], args[1:]) },
	}
	f := c.Flags()
	f.Var(&o.memory, "memory", "budget for tables, buffers and sorts, as in 256MiB; beyond it tasks spill to disk (default 60% of memory)")
	f.Var(&o.maxResult, "max-result", "the most that an action brings to the program (default 1GiB)")
	f.IntVar(&o.cores, "cores", 0, "tasks that run at a time (default all cores)")
	filesFlag(f, &o.files)
	f.StringVar(&o.scratch, "scratch", "", "directory for temporary files (default the system's)")
	checkpointFlag(f, &o.checkpoints)
	o.build.flags(f)
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the program to a file, for --pgo and go tool pprof")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show neither progress nor summary, but for notices")
	f.StringVar(&o.summary, "summary", "", "write the summary to a file too, as JSON")
	return c
}

func (o *runOptions) run(c *cobra.Command, arg string, args []string) (err error) {
	if c.Flags().Changed("cores") && o.cores < 1 {
		return fmt.Errorf("--cores %d: give a number from 1 on", o.cores)
	}
	files, err := shippedFiles(o.files)
	if err != nil {
		return err
	}
	profile, err := o.profilePath()
	if err != nil {
		return err
	}
	p, err := build(c.Context(), arg, o.build)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	path, err := p.Here()
	if err != nil {
		return err
	}
	w := show.NewWatch(o.progress(os.Stderr))
	r := launch.Run{
		Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Watcher: w,
		Options: wire.Options{Cores: o.cores, Memory: int64(o.memory), MaxResult: int64(o.maxResult), Scratch: o.scratch, CheckpointDir: o.checkpoints, Profile: profile,
			Fresh: true, Files: files},
	}
	out, err := r.Do(c.Context(), path)
	w.Close()
	if err == nil {
		err = o.sum(w, out)
	}
	if err == nil && out.Code != 0 {
		err = ended(out.Code)
	}
	return err
}

// profilePath is where the program writes its profile. Whether it can is not to be found out at its end.
func (o *runOptions) profilePath() (string, error) {
	if o.profile == "" {
		return "", nil
	}
	path, err := filepath.Abs(o.profile)
	if err == nil {
		_, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return "", &launch.Error{Code: launch.CodePath, Err: fmt.Errorf("--profile: %w", err)}
	}
	return path, nil
}

// progress is how this terminal, file or pipe shows what runs.
func (o *runOptions) progress(out *os.File) show.Progress {
	switch {
	case o.quiet:
		return show.NewQuiet(out)
	case os.Getenv("CI") != "" || os.Getenv("NO_COLOR") != "" || !term.IsTerminal(int(out.Fd())):
		return show.NewPlain(out)
	}
	return show.NewBars(out)
}

// sum prints and writes the summary.
func (o *runOptions) sum(w *show.Watch, out launch.Outcome) error {
	sum := w.Sum()
	if !o.quiet {
		switch {
		case sum.Actions > 0:
			w.Println(sum.Summary())
		case !out.Typed && out.Code == 0:
			w.Println("the program did not call typed.Main: there is nothing to sum up")
		}
	}
	if o.summary == "" {
		return nil
	}
	whole := struct {
		tally.Tally
		Accumulators []plan.Shown `json:"accumulators,omitempty"`
	}{sum, w.Accumulators()}
	b, err := json.MarshalIndent(whole, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.summary, append(b, '\n'), 0o666); err != nil {
		return &launch.Error{Code: launch.CodePath, Err: fmt.Errorf("write the summary: %w", err)}
	}
	return nil
}
