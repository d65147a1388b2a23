//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	even, one, three := l.URL("/even"), l.URL("/one"), l.URL("/three")
	files := blockFiles(t)
	for i := range nodes {
		at := map[string]string{"dfs.client.local.interfaces": l.Address(i)}
		last := map[string]string{"dfs.client.local.interfaces": l.Address(nodes - 1)}
		some := files[i*blocks/nodes : (i+1)*blocks/nodes]
		put(t, c, at, some, even, 1)
		put(t, c, last, some, one, 1)
		put(t, c, nil, some, three, 3)
	}
	for _, x := range []struct {
		name, in    string
		least, most float64
	}{
		{"one replica", even, 0.98, 1},
		{"three replicas", three, 0.99, 1},
		{"all on one node", one, 0.15, 0.7},
	} {
		if got := nodeShare(t, c, x.name, x.in); got < x.least || got > x.most {
			t.Errorf("%s: %.3f of the tasks ran where their block is", x.name, got)
		}
	}
	// For comparison; how much is lost depends on how even the workers are.
	off := startCluster(t, p, l, settings{master: []string{"--locality-wait", "0"}})
	nodeShare(t, off, "one replica, no waits", even)
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

// nodeShare reads every block in a task of its own, and says which part of the
// tasks ran at a node that has it.
func nodeShare(t *testing.T, c *cluster, name, in string) float64 {
	t.Helper()
	j, err := c.run(t.Context(), "-in", in, "-split", fmt.Sprint(blockSize), "-pause", "100ms")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v in %.1f s", name, j.Locality, j.Seconds)
	if sum := j.Locality.Node + j.Locality.Rack + j.Locality.Any; sum != blocks {
		t.Errorf("%s: %d tasks of %d have a place", name, sum, blocks)
	}
	return float64(j.Locality.Node) / blocks
}
