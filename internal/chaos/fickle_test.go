//go:build linux

package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// otherRows is what the user is told of tasks that do not repeat themselves.
const otherRows = "made other rows the second time, or dealt them otherwise: it is not deterministic"

// fickleRows is how many rows a task gives that are others each time.
const fickleRows = 64

// fickle kills a worker while rows are written that are others each time they are made.
// The job says where, and writes those of one time.
func (tr *trial) fickle() {
	s := spec{maps: 12, reduces: 24, pause: 500 * time.Millisecond, fickle: true}
	j := tr.submit(s)
	tr.reach(j, 0, 0)
	_, err := until("some of the result is written", patience, func() bool {
		files, _ := filepath.Glob(filepath.Join(filepath.Dir(j.out), "_temporary", "*", "*", "*"))
		return len(files) > workers || j.ended(0)
	})
	tr.must(err)
	tr.shot(tr.any())
	if !j.ended(patience) || j.cmd.ProcessState.ExitCode() != 0 {
		tr.t.Fatalf("the job does not end well:\n%s", j.tail(20))
	}
	if j.times(0, otherRows, "MapPartitions", "main.go:") == 0 {
		tr.t.Errorf("nothing was said of rows that differ:\n%s", j.tail(20))
	}
	of, rows := tr.attempts(j)
	if len(of) != s.maps || rows != s.maps*fickleRows {
		tr.t.Errorf("%d rows of %d tasks were written", rows, len(of))
	}
	for partition, attempts := range of {
		if len(attempts) > 1 {
			tr.t.Errorf("rows of partition %s come from %d attempts", partition, len(attempts))
		}
	}
}

// attempts gives those that a job's rows come from, by partition, and the number of rows.
func (tr *trial) attempts(j *job) (of map[string]map[string]bool, rows int) {
	parts, err := filepath.Glob(filepath.Join(j.out, "part-*"))
	tr.must(err)
	of = map[string]map[string]bool{}
	for _, path := range parts {
		b, err := os.ReadFile(path)
		tr.must(err)
		for row := range strings.Lines(string(b)) {
			partition, attempt, _ := strings.Cut(strings.TrimSpace(row), " ")
			if of[partition] == nil {
				of[partition] = map[string]bool{}
			}
			of[partition][attempt] = true
			rows++
		}
	}
	return of, rows
}
