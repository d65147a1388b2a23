//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/hdfslab"
)

const (
	nodes     = 4
	blockSize = 64 << 10
	blocks    = 256
)

var lab = hdfslab.Once{Options: hdfslab.Options{Datanodes: nodes, BlockSize: blockSize}}

func TestMain(m *testing.M) { lab.Main(m) }

// Of 256 blocks nearly all are read where they are, by a worker at the address of
// each of four data nodes; when one node has all of them the others help.
func TestBlocksAreReadWhereTheyAre(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts an HDFS and two clusters")
	}
	l := lab.Get(t)
	p, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, p, l, settings{})
	dir := "/" + rand.Text() // of this run, of several
	even, one, three := l.URL(dir+"/even"), l.URL(dir+"/one"), l.URL(dir+"/three")
	files := blockFiles(t)
	for i := range nodes {
		at := map[string]string{"dfs.client.local.interfaces": l.Address(i)}
		last := map[string]string{"dfs.client.local.interfaces": l.Address(nodes - 1)}
		var some []string // every fourth, or the last tasks were all of one node
		for k := i; k < blocks; k += nodes {
			some = append(some, files[k])
		}
		put(t, c, at, some, even, 1)
		put(t, c, last, some, one, 1)
		put(t, c, at, some, three, 3)
	}
	for _, x := range []struct {
		name, in    string
		least, most float64
	}{
		// All, on a machine without other work, which makes some workers slower than others.
		{"one replica", even, 0.98, 1},
		{"three replicas", three, 0.99, 1},
		{"all on one node", one, 0.15, 0.7},
	} {
		got, far := shares(t, c, x.name, x.in)
		if got < x.least || got > x.most {
			t.Errorf("%s: %.3f of the tasks ran where their block is", x.name, got)
		}
		if got+far > 1.02 {
			t.Errorf("%s: %.3f of the tasks ran where their block is, and %.3f of the bytes came from elsewhere", x.name, got, far)
		}
	}
	// For comparison; how much is lost depends on how even the workers are.
	off := startCluster(t, p, l, settings{master: []string{"--locality-wait", "0"}})
	shares(t, off, "one replica, no waits", even)
}

func startCluster(t *testing.T, p programs, l *hdfslab.Lab, s settings) *cluster {
	t.Helper()
	c, err := p.start(t.Context(), l, s)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// blockFiles makes local files of a block each.
func blockFiles(t *testing.T) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	text := []byte(strings.Repeat(strings.Repeat("x", blockSize/64-1)+"\n", 64))
	for i := range blocks {
		path := filepath.Join(dir, fmt.Sprintf("%03d", i))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func put(t *testing.T, c *cluster, conf map[string]string, files []string, dir string, replication int) {
	t.Helper()
	args := append([]string{"fs", "put", "--replication", fmt.Sprint(replication)}, files...)
	if _, err := c.ctl(t.Context(), conf, append(args, dir+"/")...); err != nil {
		t.Fatal(err)
	}
}

// shares reads every block in a task of its own, and says which part of the tasks
// ran at a node that has it, and which part of the bytes came from another.
func shares(t *testing.T, c *cluster, name, in string) (near, far float64) {
	t.Helper()
	allBefore, farBefore := sent(t, c.lab, 0)
	j, err := c.run(t.Context(), "-in", in, "-split", fmt.Sprint(blockSize), "-pause", "100ms")
	if err != nil {
		t.Fatal(err)
	}
	allAfter, farAfter := sent(t, c.lab, allBefore+blocks*blockSize)
	near, far = float64(j.Locality.Node)/blocks, float64(farAfter-farBefore)/float64(allAfter-allBefore)
	t.Logf("%s: %+v in %.1f s, %.3f of the bytes over the network", name, j.Locality, j.Seconds, far)
	if sum := j.Locality.Node + j.Locality.Rack + j.Locality.Any; sum != blocks {
		t.Errorf("%s: %d tasks of %d have a place", name, sum, blocks)
	}
	return near, far
}

// sent waits until data nodes have noted that so many bytes were sent. They do so
// when the client has them.
func sent(t *testing.T, l *hdfslab.Lab, least int64) (all, far int64) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for {
		all, far, err := l.Sent()
		if err != nil {
			t.Fatal(err)
		}
		if all >= least {
			return all, far
		}
		select {
		case <-ctx.Done():
			t.Fatalf("data nodes have sent %d bytes, not %d", all, least)
		case <-time.After(50 * time.Millisecond): // it can only be looked at
		}
	}
}
