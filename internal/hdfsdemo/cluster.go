//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gordd-project/gordd/internal/hdfslab"
)

// programs are what is built for the demo.
type programs struct{ dir, rddctl, words string }

// build builds rddctl and the program that runs in the cluster.
func build(ctx context.Context, dir string) (programs, error) {
	const module = "github.com/gordd-project/gordd"
	p := programs{dir, filepath.Join(dir, "rddctl"), filepath.Join(dir, "words")}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", dir, module+"/cmd/rddctl", module+"/internal/hdfsdemo/words").CombinedOutput()
	if err != nil {
		return p, fmt.Errorf("build rddctl and words: %w\n%s", err, out)
	}
	return p, nil
}

// cluster is a master, and a worker at the address of each data node.
type cluster struct {
	programs
	lab     *hdfslab.Lab
	master  string
	scratch string // what members leave would be here
	members []*exec.Cmd
}

// settings are what a cluster is started with.
type settings struct {
	client map[string]string // of the HDFS client of its members
	master []string          // flags of the master
}

// start starts a cluster. Close it, also after an error.
func (p programs) start(ctx context.Context, lab *hdfslab.Lab, s settings) (c *cluster, err error) {
	c = &cluster{programs: p, lab: lab}
	if c.scratch, err = os.MkdirTemp(p.dir, "scratch"); err != nil {
		return c, err
	}
	conf, err := lab.ConfDir(s.client)
	if err != nil {
		return c, err
	}
	ready, err := c.member(ctx, conf, append([]string{"master", "--listen", "127.0.0.1:0", "--http", "off", "--gossip", "off"}, s.master...)...)
	if err != nil {
		return c, err
	}
	c.master = strings.TrimPrefix(ready, "master=")
	for i := range lab.Data {
		// What a worker's processes read and write by comes first to the data node of its address.
		at := map[string]string{"dfs.client.local.interfaces": lab.Address(i)}
		maps.Copy(at, s.client)
		conf, err := lab.ConfDir(at)
		if err != nil {
			return c, err
		}
		if _, err := c.member(ctx, conf, "worker", "--join", c.master, "--listen", lab.Address(i)+":0", "--name", fmt.Sprint("worker-", i+1),
			"--slots", "2", "--memory", "256MiB", "--gossip", "off"); err != nil {
			return c, err
		}
	}
	return c, nil
}

// member starts a member and returns what it says when it is ready.
func (c *cluster) member(ctx context.Context, conf string, args ...string) (string, error) {
	cmd := exec.Command(c.rddctl, args...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+conf, "TMPDIR="+c.scratch)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	c.members = append(c.members, cmd)
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	ready, ok := strings.CutPrefix(strings.TrimSpace(line), "READY ")
	if !ok {
		return "", fmt.Errorf("%s says %q: %w", args[0], line, errors.Join(err, context.Cause(ctx)))
	}
	return ready, nil
}

// Close ends the members, workers first, and finds out whether they left anything.
func (c *cluster) Close() error {
	var errs []error
	for i := len(c.members) - 1; i >= 0; i-- {
		m := c.members[i]
		_ = m.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(30*time.Second, func() { _ = m.Process.Kill() })
		if err := m.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", strings.Join(m.Args[1:2], " "), err))
		}
		late.Stop()
	}
	err := filepath.WalkDir(c.scratch, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			err = fmt.Errorf("%s is left in the directory for temporary files, and perhaps more", path)
		}
		return err
	})
	return errors.Join(append(errs, err)...)
}

// ctl runs rddctl and returns what it prints. conf are settings of the HDFS
// client.
func (c *cluster) ctl(ctx context.Context, conf map[string]string, args ...string) (string, error) {
	dir, err := c.lab.ConfDir(conf)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, c.rddctl, args...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+dir, "TMPDIR="+c.scratch, "RDD_MASTER="+c.master)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("rddctl %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}

// job is what is asked of a job.
type job struct {
	ID       string
	Seconds  float64
	Locality struct{ Process, Node, Rack, Any int64 }
}

// run submits the program and returns the job that it was.
func (c *cluster) run(ctx context.Context, args ...string) (job, error) {
	if _, err := c.ctl(ctx, nil, append([]string{"submit", "--quiet", c.words, "--"}, args...)...); err != nil {
		return job{}, err
	}
	out, err := c.ctl(ctx, nil, "jobs", "-o", "json")
	if err != nil {
		return job{}, err
	}
	var all []job
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) == 0 {
		return job{}, fmt.Errorf("jobs: %q: %w", out, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return all[len(all)-1], nil
}
