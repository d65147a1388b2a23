//go:build linux

package chaos

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRangeFetchesLittle has workers sort all lines and write few of them: what is
// beyond those does not come to any other worker. The bytes are counted on the wire.
func TestRangeFetchesLittle(t *testing.T) {
	c := newCluster(t, *first, nil)
	if c.net == nil {
		t.Skip("workers of one machine read each other's files")
	}
	narrow := spec{maps: 8, reduces: 16, from: "3v", to: "4"}
	wide := narrow
	wide.from = "0"
	c.ranged(narrow) // workers get the program, too
	few, all := c.ranged(narrow), c.ranged(wide)
	t.Logf("%d KiB came to the workers for a range of lines, and %d KiB for all", few>>10, all>>10)
	if few > all/4 {
		t.Errorf("%d bytes came to the workers for a range of lines, and %d for all", few, all)
	}
}

// ranged runs a job that writes a range of lines, and counts the bytes that come to
// workers meanwhile.
func (c *cluster) ranged(s spec) int64 {
	c.t.Helper()
	before := c.received()
	j := c.submit(s)
	if !j.ended(patience) || j.cmd.ProcessState.ExitCode() != 0 {
		c.t.Fatalf("the job does not end well:\n%s", j.tail(20))
	}
	bytes := c.received() - before
	if err := j.inRange(); err != nil {
		c.t.Fatal(err)
	}
	return bytes
}

func (c *cluster) received() (bytes int64) {
	c.t.Helper()
	for _, w := range c.workers {
		n, err := c.net.received(w.name)
		if err != nil {
			c.t.Fatal(err)
		}
		bytes += n
	}
	return bytes
}

// inRange compares what a job wrote with the lines that it should have written.
func (j *job) inRange() error {
	x, err := built.text()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(x.path)
	if err != nil {
		return err
	}
	want := slices.DeleteFunc(linesOf(b), func(l []byte) bool { return string(l) < j.spec.from || string(l) > j.spec.to })
	slices.SortFunc(want, bytes.Compare)
	names, err := filepath.Glob(filepath.Join(j.out, "part-*"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	var got []byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		got = append(got, b...)
	}
	if digest(linesOf(got)) != digest(want) || len(want) == 0 {
		return errWrong
	}
	return nil
}
