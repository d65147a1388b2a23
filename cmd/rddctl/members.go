package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/scratch"
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

// masterFlag adds the flag that names the master.
func masterFlag(c *cobra.Command, name string, to *string) {
	at := os.Getenv(masterVar)
	if at == "" {
		at = defaultMaster
	}
	c.Flags().StringVar(to, name, at, "address of the master (environment: "+masterVar+")")
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
