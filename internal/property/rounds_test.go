package property

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// roundWatcher keeps what each round did, and loses a worker after some.
type roundWatcher struct {
	quiet
	lose func()
	kept func() int
	// files are those with cached rows, at most.
	files int
	did   []plan.Counters
}

func (w *roundWatcher) Status(a *plan.ActionStatus) {
	if !a.State.Ended() {
		return
	}
	w.files = max(w.files, w.kept())
	w.did = append(w.did, a.Stages[len(a.Stages)-1].Counters)
	if len(w.did) == roundsAfter {
		w.lose()
	}
}

// TestClusterRunsWhereBlocksAre goes over cached lines on three workers, of which one
// is lost: the lines are read once, those that were lost a second time, and all other
// tasks run in the process that has their block.
func TestClusterRunsWhereBlocksAre(t *testing.T) {
	if raceEnabled {
		t.Skip("the programs of executors are slow")
	}
	for _, level := range []typed.StorageLevel{typed.MemoryOnly, typed.DiskOnly, typed.MemoryOnly2, typed.MemoryOnlySer2, typed.MemoryAndDisk2, typed.DiskOnly2} {
		t.Run(level.String(), func(t *testing.T) { runWhereBlocksAre(t, level) })
	}
}

func runWhereBlocksAre(t *testing.T, level typed.StorageLevel) {
	t.Setenv(roundsVar, writeLines(t))
	t.Setenv(levelVar, "rounds/"+strconv.Itoa(int(level)))
	c := startCluster(t, 3, 1)
	w := &roundWatcher{quiet: quiet{t}, kept: c.kept}
	w.lose = func() {
		c.copied.wait((level.Copies() - 1) * roundParts)
		c.lose()
	}
	c.watcher = w
	if out := c.submit("rounds"); out.Code != 0 {
		t.Fatalf("exit code %d", out.Code)
	}
	if onDisk := level.Single() == typed.DiskOnly; (w.files > 0) != onDisk || w.files > level.Copies()*roundParts {
		t.Errorf("%d files of rows", w.files)
	}
	if n := w.kept(); n > 0 {
		t.Errorf("%d files of rows are left", n)
	}
	if len(w.did) != 2*roundsAfter+1 {
		t.Fatalf("%d rounds", len(w.did))
	}
	whole := w.did[0].BytesRead
	for round, did := range w.did {
		t.Logf("round %d: %d bytes read, %d tasks where their block is", round, did.BytesRead, did.AtProcess)
		switch round {
		case 0, len(w.did) - 1: // before anything is kept, and after it was let go of
			if did.BytesRead != whole || whole == 0 || did.AtProcess != 0 {
				t.Errorf("round %d read %d of %d bytes, %d tasks found a block", round, did.BytesRead, whole, did.AtProcess)
			}
		case roundsAfter:
			if level.Copies() > 1 {
				if did.BytesRead != 0 || did.AtProcess != roundParts {
					t.Errorf("with a worker lost %d bytes were read, and %d tasks found their block", did.BytesRead, did.AtProcess)
				}
				continue
			}
			if did.BytesRead == 0 || did.BytesRead >= whole || did.AtProcess == 0 || did.AtProcess >= roundParts {
				t.Errorf("with a worker lost %d of %d bytes were read, and %d tasks found their block", did.BytesRead, whole, did.AtProcess)
			}
		default:
			if did.BytesRead != 0 || did.AtProcess != roundParts {
				t.Errorf("round %d read %d bytes, and %d of %d tasks ran where their block is", round, did.BytesRead, did.AtProcess, roundParts)
			}
		}
	}
}

// TestClusterBringsBlocks has tasks read blocks that lie with several workers: they run
// where most is, and get the rest from there.
func TestClusterBringsBlocks(t *testing.T) {
	if raceEnabled {
		t.Skip("the programs of executors are slow")
	}
	for level := typed.MemoryOnly; level <= typed.DiskOnly; level++ {
		t.Run(level.String(), func(t *testing.T) {
			t.Setenv(roundsVar, writeLines(t))
			t.Setenv(levelVar, "sides/"+strconv.Itoa(int(level)))
			c := startCluster(t, 3, 1)
			w := &roundWatcher{quiet: quiet{t}, kept: c.kept, lose: func() {}}
			c.watcher = w
			if out := c.submit("sides"); out.Code != 0 || len(w.did) != 7 {
				t.Fatalf("exit code %d after %d actions", out.Code, len(w.did))
			}
			for i, did := range w.did {
				tasks := did.AtProcess + did.AtNode + did.AtRack + did.AtAny
				t.Logf("action %d: %d bytes read, %d of %d tasks where some of their blocks are", i, did.BytesRead, did.AtProcess, tasks)
				if (did.BytesRead > 0) != (i < 2) {
					t.Errorf("action %d read %d bytes", i, did.BytesRead)
				}
				if i >= 2 && (8*did.AtProcess < 7*tasks || tasks == 0) { // a holder may be busy for long
					t.Errorf("action %d: %d of %d tasks ran where the most of their blocks are", i, did.AtProcess, tasks)
				}
			}
		})
	}
}

// TestClusterCountsOnce kills an executor's process that keeps blocks, with what was
// added to accumulators when they were computed. Where others have copies of them
// nothing is read of the file again.
func TestClusterCountsOnce(t *testing.T) {
	if raceEnabled {
		t.Skip("the programs of executors are slow")
	}
	for _, level := range []typed.StorageLevel{typed.MemoryOnly, typed.DiskOnly, typed.MemoryOnly2, typed.DiskOnly2} {
		t.Run(level.String(), func(t *testing.T) {
			path := writeLines(t)
			t.Setenv(roundsVar, path)
			t.Setenv(levelVar, "counts/"+strconv.Itoa(int(level)))
			c := startCluster(t, 3, 1)
			w := &roundWatcher{quiet: quiet{t}, kept: c.kept, lose: func() {}}
			c.watcher = w
			go func() {
				c.copied.wait((level.Copies() - 1) * roundParts)
				if err := os.WriteFile(path+killSuffix, nil, 0o600); err != nil {
					t.Error(err)
				}
			}()
			if out := c.submit("counts"); out.Code != 0 || len(w.did) != 4 {
				t.Fatalf("exit code %d after %d actions", out.Code, len(w.did))
			}
			if _, err := os.Stat(path + killSuffix + ".done"); err != nil {
				t.Errorf("no process was killed: %v", err)
			}
			// The block of the task that died, at least, was with its process.
			if again := w.did[2].BytesRead + w.did[3].BytesRead; (again == 0) != (level.Copies() > 1) || w.did[1].BytesRead > 0 {
				t.Errorf("%d bytes were read again", again)
			}
		})
	}
}

// tallied is a log that counts a message.
type tallied struct {
	slog.Handler
	text string
	n    chan struct{}
}

func (c tallied) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == c.text {
		c.n <- struct{}{}
	}
	return c.Handler.Handle(ctx, r)
}

// wait waits for so many messages.
func (c tallied) wait(n int) {
	for range n {
		<-c.n
	}
}

// writeLines writes the file that a program reads in rounds.
func writeLines(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(path, []byte(strings.Repeat(roundLine+"\n", roundRows)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lose ends a worker for good.
func (c *cluster) lose() {
	gone := c.workers[0]
	c.workers, c.names = c.workers[1:], c.names[1:]
	if err := gone.Close(); err != nil {
		c.t.Error(err)
	}
}

// TestClusterReadsCheckpoints loses a worker after the input is gone: nothing of what
// was before the checkpoint can be computed.
func TestClusterReadsCheckpoints(t *testing.T) {
	if raceEnabled {
		t.Skip("the programs of executors are slow")
	}
	t.Setenv(roundsVar, writeLines(t))
	c := startCluster(t, 3, 1)
	w := &roundWatcher{quiet: quiet{t}, lose: c.lose, kept: func() int { return 0 }}
	c.watcher = w
	if out := c.submit("checkpointed"); out.Code != 0 || len(w.did) != 2*roundsAfter+1 {
		t.Errorf("exit code %d after %d actions", out.Code, len(w.did))
	}
}

// TestClusterKeepsLocalCheckpoints reads what workers keep where it is, until one of them
// is lost: then the action fails, and says what to do.
func TestClusterKeepsLocalCheckpoints(t *testing.T) {
	if raceEnabled {
		t.Skip("the programs of executors are slow")
	}
	t.Setenv(roundsVar, writeLines(t))
	t.Setenv(levelVar, "local")
	c := startCluster(t, 3, 1)
	w := &roundWatcher{quiet: quiet{t}, lose: c.lose, kept: func() int { return 0 }}
	c.watcher = w
	if out := c.submit("local"); out.Code != 0 || len(w.did) != roundsAfter+1 {
		t.Fatalf("exit code %d after %d actions", out.Code, len(w.did))
	}
	for round, did := range w.did[1:roundsAfter] {
		if did.AtNode != roundParts || did.BytesRead != 0 {
			t.Errorf("round %d: %d of %d tasks ran where their rows are, and %d bytes were read of files", round, did.AtNode, roundParts, did.BytesRead)
		}
	}
}

// kept is how many files of cached rows workers have.
func (c *cluster) kept() (n int) {
	for _, dir := range c.dirs {
		files, err := filepath.Glob(filepath.Join(dir, "cached", "*", "*.block"))
		if err != nil {
			c.t.Error(err)
		}
		n += len(files)
	}
	return n
}

// TestClusterRoundsAreFlat has a hundred rounds keep rows, some of them in files, of
// which there are never more than a few rounds' worth.
func TestClusterRoundsAreFlat(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("a hundred rounds take long enough")
	}
	t.Setenv(roundsVar, "-")
	t.Setenv(levelVar, "many")
	c := startCluster(t, 2, 2)
	w := &roundWatcher{quiet: quiet{t}, lose: func() {}, kept: c.kept}
	c.watcher = w
	if out := c.submit("many"); out.Code != 0 || len(w.did) != manyRounds {
		t.Errorf("exit code %d after %d actions", out.Code, len(w.did))
	}
	t.Logf("%d files of rows at most", w.files)
	if w.files == 0 || w.files > 4*roundParts {
		t.Errorf("%d files of rows, and a round has %d", w.files, roundParts)
	}
	for len(c.workers) > 0 { // which wait for their executors
		c.lose()
	}
	if n := c.kept(); n > 0 {
		t.Errorf("%d files of rows are left", n)
	}
}
