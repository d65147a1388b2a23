package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/machine"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/size"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

// finding is what doctor says of one thing.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, warning, failed
	Text  string `json:"text"`
}

const (
	fine    = "ok"
	warning = "warning"
	failed  = "failed"
)

func doctorCommand() *cobra.Command {
	var l look
	return l.flags(&cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps programs or a cluster from working",
		Long: `Doctor looks at this machine, and at the cluster if a master answers: Go, memory,
the directory for temporary files, the limit on open files, the master and its
workers. It ends with 1 when something has failed. That no master runs is a warning:
rddctl run needs none.`,
		Example: "  rddctl doctor\n  rddctl doctor --master 10.0.0.1:7077 --credentials alice -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all := []finding{checkGo(c.Context()), checkMemory(), checkScratch(), checkFiles()}
			all = append(all, l.checkCluster(c.Context())...)
			err := l.print(all, "STATE CHECK FINDING", func(row func(...any)) {
				for _, f := range all {
					row(f.State, f.Check, f.Text)
				}
			})
			for _, f := range all {
				if err == nil && f.State == failed {
					err = ended(1)
				}
			}
			return err
		},
	}, true)
}

// checkGo asks the go command that builds programs which Go it is.
func checkGo(ctx context.Context) finding {
	f := finding{Check: "go", State: warning}
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	cmd.Env = launch.Env()
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		f.Text = "there is no go command: binaries run, packages cannot be built"
	case err != nil:
		f.State, f.Text = failed, fmt.Sprintf("go env: %v", err)
	default:
		f.State, f.Text = fine, strings.TrimSpace(string(out))
	}
	return f
}

// leastMemory is what a task with a shuffle should have.
const leastMemory = 256 << 20

func checkMemory() finding {
	n := machine.Memory()
	f := finding{Check: "memory", State: fine, Text: size.String(n) + ", by this machine or its cgroup; a job's process uses 60% of it"}
	if n < leastMemory {
		f.State, f.Text = warning, size.String(n)+" is little: tables spill all the time"
	}
	return f
}

// checkScratch writes and removes a file where temporary files go.
func checkScratch() finding {
	dir := os.TempDir()
	f := finding{Check: "scratch", State: fine, Text: dir + " can be written"}
	path, err := os.MkdirTemp(dir, "gordd-doctor-")
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(path, "file"), make([]byte, 1<<20), 0o600), os.RemoveAll(path))
	}
	if err != nil {
		f.State, f.Text = failed, fmt.Sprintf("temporary files cannot be written: %v: set TMPDIR", err)
	}
	return f
}

// leastFiles is how many open files a shuffle of many partitions may want.
const leastFiles = 4096

func checkFiles() finding {
	n, known := openFiles()
	switch {
	case !known:
		return finding{"open files", fine, "the limit is not known on this system"}
	case n < leastFiles:
		return finding{"open files", warning, fmt.Sprintf("only %d at a time: raise it, as by ulimit -n %d", n, leastFiles)}
	}
	return finding{"open files", fine, fmt.Sprintf("%d at a time", n)}
}

// checkCluster looks at the master and its workers.
func (l *look) checkCluster(ctx context.Context) (all []finding) {
	err := l.with(ctx, func(ctx context.Context) error {
		workers, err := ask[[]status.Worker](ctx, l, msg.Ask{About: msg.AboutWorkers})
		if err != nil {
			return err
		}
		all = append(all, finding{"master", fine, l.master + " answers"})
		all = append(all, checkWorkers(workers)...)
		return nil
	})
	var launched *launch.Error
	switch {
	case err == nil:
	case errors.As(err, &launched) && launched.Code == codeNoCluster:
		all = append(all, finding{"master", warning, err.Error()})
	default:
		all = append(all, finding{"master", failed, err.Error()})
	}
	return all
}

func checkWorkers(workers []status.Worker) (all []finding) {
	slots, live := 0, 0
	var kinds []string
	narrow := false
	for _, w := range workers {
		if w.State == "live" {
			live++
			slots += w.Slots
			p := plan.Platform(w.OS + "/" + w.Arch)
			if kinds = append(kinds, string(p)); wide(p) != wide(plan.Here) {
				narrow = true
			}
			continue
		}
		if w.State != "lost" && w.State != "drained" {
			all = append(all, finding{"worker " + w.ID, warning, "it is " + w.State})
		}
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	f := finding{"workers", fine, fmt.Sprintf("%d live, with %d slots", live, slots)}
	if len(kinds) > 0 {
		f.Text += ", on " + strings.Join(kinds, ", ")
	}
	switch {
	case live == 0:
		f.State, f.Text = failed, "none is live: jobs wait for one; start rddctl worker"
	case narrow:
		f.State, f.Text = warning, f.Text+": where int has another size than here they get no tasks of what is submitted here"
	case len(kinds) > 1:
		f.Text += ": packages are built for each, a binary runs on its own only"
	}
	return append([]finding{f}, all...)
}
