package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/scratch"
	"github.com/gordd-project/gordd/internal/trust"
)

// defaultMaster is where a master listens, and is looked for, unless somebody
// says otherwise.
const defaultMaster = "127.0.0.1:7077"

// masterVar names the master for all commands.
const masterVar = "RDD_MASTER"

// localCluster is the id of clusters on one machine.
const localCluster = "local"

// codeNoCluster is the exit code when no cluster is reached.
const codeNoCluster = 3

// masterFlag adds the flag that names the master. Unless it is for where to listen,
// the master of a dev cluster is found without.
func masterFlag(c *cobra.Command, name string, to *string) {
	at := os.Getenv(masterVar)
	find := at == "" && name != "listen"
	if at == "" {
		at = defaultMaster
	}
	usage := "address of the master (environment: " + masterVar + ")"
	if find {
		usage = "address of the master (environment: " + masterVar + "; without both that of rddctl dev is found)"
		c.PreRunE = func(c *cobra.Command, _ []string) (err error) {
			if !c.Flags().Changed(name) {
				*to, err = findDev(*to)
			}
			return err
		}
	}
	c.Flags().StringVar(to, name, at, usage)
}

// findDev gives the address of this user's dev cluster, or another if there is none.
func findDev(other string) (string, error) {
	devs, err := trust.FindAnnounced()
	switch {
	case err != nil:
		return "", &launch.Error{Code: codeNoCluster, Err: err}
	case len(devs) == 0:
		return other, nil
	case len(devs) > 1:
		return "", fmt.Errorf("several clusters of rddctl dev are there, with masters at %s: choose one with --master or %s", strings.Join(devs, " and "), masterVar)
	}
	return devs[0], nil
}

// untilSignal waits for Ctrl-C, SIGTERM, or what makes waiting pointless.
func untilSignal(ctx context.Context, failed <-chan error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return &launch.Error{Code: 1, Err: err}
	}
}

// memberLog writes a member's story to standard error.
func memberLog(verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// ownDir gives a directory that a member may fill, and what removes it. That of
// a member that was killed a later one removes.
func ownDir(given string) (dir string, remove func() error, err error) {
	if given != "" {
		// Executors are started in directories of their own, from where a relative
		// path would lead elsewhere.
		if dir, err = filepath.Abs(given); err != nil {
			return "", nil, err
		}
		return dir, func() error { return nil }, os.MkdirAll(dir, 0o700)
	}
	d, err := scratch.New("")
	if err != nil {
		return "", nil, err
	}
	return d.Path(), d.Close, d.Make()
}
