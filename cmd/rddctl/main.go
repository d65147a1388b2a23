package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	_ "github.com/gordd-project/gordd/hdfs" // masters list inputs and publish outputs there
	"github.com/gordd-project/gordd/internal/launch"
)

func main() { os.Exit(command(os.Args[1:])) }

// ended is the error for a program that ran and did not end with 0: all is said
// already.
type ended int

func (e ended) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// command runs one command line and gives the exit code.
func command(args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	var code ended
	var launched *launch.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	_, _ = fmt.Fprintln(os.Stderr, "rddctl: "+err.Error())
	if errors.As(err, &launched) {
		return launched.Code
	}
	return launch.CodeUsage
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "rddctl",
		Short: "Run gordd programs and say what they do",
		Long: `Rddctl runs gordd programs and says what they do.

A program is given as PKG, a package main as the go command names it (".",
"./wordcount", "example.com/words") or the path of its directory, wherever that
is, or as BINARY, the path of an executable file. What follows -- belongs to the
program.

Exit codes: the program's own; 1 the job failed, 2 wrong usage or configuration,
3 no cluster reached, 4 not allowed (certificate, token),
5 code refused (it does not compile, changed since go generate, is no program, or
is for another platform), 6 a path that cannot be read or written, 130 cancelled.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(runCommand(), explainCommand(), devCommand(), submitCommand(), masterCommand(), workerCommand(), clusterCommand(), journalCommand(), versionCommand(),
		jobsCommand(), jobCommand(), stagesCommand(), tasksCommand(), workersCommand(), logsCommand(), cancelCommand(), eventsCommand(), doctorCommand(), fsCommand())
	return root
}

// noCommand names the commands that may have been meant.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q: rddctl --help lists them", args[0])
}
