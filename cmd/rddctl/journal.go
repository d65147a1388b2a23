package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/journal"
)

func journalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "journal",
		Short: "Repair the journal of a master",
		Long: `Journal is about the file in a master's directory in which it writes what it
decides, so that a master that starts there again goes on with the jobs.`,
		Example: "  rddctl journal repair words.cluster/master",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(journalRepairCommand())
	return c
}

func journalRepairCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "repair DIR",
		Short: "Cut a damaged journal off before the damage",
		Long: `Repair cuts the journal of a master's directory off before the first record that
cannot be read, and keeps a copy of the whole file beside it. The next master does
not know what the records behind it said: jobs may run some of their work again, or
be gone. Nothing that is whole is touched, and no master may run there meanwhile.`,
		Example: "  rddctl journal repair words.cluster/master",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := journal.Repair(args[0])
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%d records are there, and nothing was wrong\n", r.Records)
			if r.Cut > 0 {
				text = fmt.Sprintf("%d records are there; %d bytes behind them were cut off, and the whole file is in %s\n", r.Records, r.Cut, r.Copy)
			}
			_, err = fmt.Fprint(c.OutOrStdout(), text)
			return err
		},
	}
}
