//go:build unix

// Hdfsdemo shows how tasks run where their blocks are: it starts an HDFS and a
// cluster with a worker at the address of each data node, puts some text there,
// counts its words, and says how near the tasks ran. In the end nothing is left of
// it. It needs what hdfslab needs: a JDK and Maven.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gordd-project/gordd/internal/hdfslab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "hdfsdemo")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Println("building rddctl and the program, starting an HDFS of four data nodes …")
	p, err := build(ctx, dir)
	if err != nil {
		return err
	}
	lab, err := hdfslab.Start(hdfslab.Options{Datanodes: 4, Racks: 2, Replication: 2})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	c, err := p.start(ctx, lab, settings{})
	defer func() { err = errors.Join(err, c.Close()) }()
	if err != nil {
		return err
	}
	for i := range 24 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("text%02d", i)), words(uint64(i), 1<<20), 0o600); err != nil {
			return err
		}
	}
	texts, err := filepath.Glob(filepath.Join(dir, "text*"))
	if err != nil {
		return err
	}
	if _, err := c.ctl(ctx, nil, append(append([]string{"fs", "put"}, texts...), lab.URL("/in/"))...); err != nil {
		return err
	}
	fmt.Printf("24 MiB of text are in %s\n", lab.URL("/in"))
	out := lab.URL("/counts")
	for _, args := range [][]string{
		{"fs", "locations", lab.URL("/in")},
		{"workers"},
		{"submit", p.words, "--", "-in", lab.URL("/in"), "-out", out, "-split", "1048576"},
		{"jobs"},
		{"job", "20"},
		{"fs", "ls", out},
		{"fs", "head", "-n", "3", out},
	} {
		fmt.Printf("\n$ rddctl %s\n", strings.Join(args, " "))
		said, err := c.ctl(ctx, nil, args...)
		if err != nil {
			return err
		}
		fmt.Print(said)
	}
	return nil
}

// words makes n bytes of text, for a seed always the same.
func words(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	var b []byte
	for len(b) < n {
		for range 10 {
			b = fmt.Appendf(b, "word%d ", r.IntN(2000))
		}
		b[len(b)-1] = '\n'
	}
	return b[:n]
}
