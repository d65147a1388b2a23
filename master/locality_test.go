package master

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

const (
	blockSize = 128 << 20
	blocks    = 256
)

// blockStore is a store with one directory of one file for each layout: which of
// four hosts have block i. Nobody reads it.
type blockStore struct{ storage.FileSystem }

var layouts = map[string]func(i int) []int{
	"one replica":    func(i int) []int { return []int{spread(i)} },
	"three replicas": func(i int) []int { return []int{spread(i), (spread(i) + 1) % 4, (spread(i) + 2) % 4} },
	"one node":       func(int) []int { return []int{3} },
}

// spread puts blocks on hosts as if at random.
func spread(i int) int { return i * 2654435761 >> 7 % 4 }

// listings counts how often a directory of the store was listed.
var listings atomic.Int64

func init() { storage.Register("blocks", blockStore{}) }

func (blockStore) Stat(_ context.Context, path string) (storage.Info, error) {
	return storage.Info{Path: path, Dir: true}, nil
}

func (blockStore) List(_ context.Context, dir string) ([]storage.Info, error) {
	listings.Add(1)
	layout := layouts[strings.ReplaceAll(dir[strings.LastIndex(dir, "/")+1:], "-", " ")]
	f := storage.Info{Path: dir + "/f", Size: blocks * blockSize, Regular: true, ModTime: time.Unix(1, 0)}
	for i := range int64(blocks) {
		b := storage.Block{Offset: i * blockSize, Length: blockSize}
		for _, h := range layout(int(i)) {
			b.Hosts = append(b.Hosts, fmt.Sprintf("127.0.0.1%d", h+1), fmt.Sprintf("DN%d", h+1))
			b.Racks = append(b.Racks, fmt.Sprintf("/r%d", h/2), fmt.Sprintf("/r%d", h/2))
		}
		f.Blocks = append(f.Blocks, b)
	}
	return []storage.Info{f}, nil
}

// reads starts an action that reads a layout.
func (p *program) reads(action int, layout string) {
	key := plan.StageKey(fmt.Sprint("r", action))
	b, err := plan.Encode(&plan.Plan{Action: "Test", Target: key, Stages: []plan.Stage{{Key: key, Kind: plan.ResultStage,
		Pipe: plan.Pipe{Source: plan.Source{Files: &plan.Files{ID: 1, Paths: "blocks://nn/" + strings.ReplaceAll(layout, " ", "-")}}}}}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.job.Heed(&wire.Begin{N: action, Plan: b})
}

// at is a worker with two slots at an address, in one of two racks.
func (r *road) at(t *testing.T, id plan.WorkerID, host int) *held {
	w := r.holdsAt(t, id, model.Attach{Hosts: []string{"machine", fmt.Sprintf("127.0.0.1%d", host)}, Rack: fmt.Sprint("r", (host-1)/2), Slots: 2})
	quit := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() { // every task takes half a second
		for {
			select {
			case id := <-w.wait:
				busy.Go(func() {
					time.Sleep(500 * time.Millisecond)
					w.send(model.TaskDone{From: w.from, Attempt: id, Rows: 1, Result: []byte("x")})
				})
			case <-quit:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(quit)
		busy.Wait()
	})
	return w
}

// ends waits for the end of an action and says how long it took.
func (p *program) ends(action int) time.Duration {
	p.t.Helper()
	begin := time.Now()
	for {
		for _, e := range heard[*wire.ActionEnd](p) {
			if e.Status.ID.N != action {
				continue
			}
			if e.Status.State != plan.ActionDone {
				p.t.Fatalf("action %d: %+v", action, e)
			}
			return time.Since(begin)
		}
		if time.Since(begin) > time.Hour {
			p.t.Fatalf("action %d does not end", action)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (m *Master) locality(t *testing.T, id plan.JobID) status.Locality {
	t.Helper()
	for _, j := range m.Jobs() {
		if j.ID == string(id) {
			return j.Locality
		}
	}
	t.Fatalf("job %s is not there", id)
	return status.Locality{}
}

// Where tasks run that read blocks of four hosts with a worker each, or two. The
// least that 256 tasks of half a second take in eight slots is 16 s.
func TestTasksRunWhereTheirBlocksAre(t *testing.T) {
	off := func(c *model.Config) { c.WaitNode, c.WaitRack = 0, 0 }
	for _, c := range []struct {
		layout      string
		config      func(*model.Config)
		workers     int // at each host
		least, most float64
		within      time.Duration
	}{
		{"one replica", nil, 1, 0.98, 1, 19 * time.Second},
		{"three replicas", nil, 1, 0.99, 1, 17 * time.Second},
		{"one replica", nil, 2, 0.98, 1, 11 * time.Second},
		{"one node", nil, 1, 0.2, 0.5, 18 * time.Second},
		{"one replica", off, 1, 0.9, 0.99, 17 * time.Second},
	} {
		t.Run(fmt.Sprint(c.layout, ", ", c.workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, road, drivers := startConfigured(t, c.config)
				for i := range 4 * c.workers {
					road.at(t, plan.WorkerID(fmt.Sprint("w", i)), i%4+1)
				}
				p := drivers.drives(t)
				before := listings.Load()
				p.reads(1, c.layout)
				took := p.ends(1)
				got := m.locality(t, p.job.ID())
				share := float64(got.Node) / blocks
				t.Logf("%v: %s", took, got)
				if share < c.least || share > c.most || took > c.within || got.Node+got.Rack+got.Any != blocks {
					t.Errorf("took %v with %s", took, got)
				}
				// A second action of the same source does not list it again.
				p.reads(2, c.layout)
				p.ends(2)
				if n := listings.Load() - before; n != 1 {
					t.Errorf("the directory was listed %d times", n)
				}
			})
		})
	}
}

// A worker that joins where blocks are gets those, although others had begun with
// them, and every task says how near it ran.
func TestAWorkerThatJoinsGetsItsBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, road, drivers := startMaster(t)
		road.at(t, "far", 1)
		p := drivers.drives(t)
		p.reads(1, "one node")
		time.Sleep(5 * time.Second)
		if got := len(road.at(t, "near", 4).launches()); got == 0 {
			t.Error("it has nothing to do")
		}
		time.Sleep(5100 * time.Millisecond) // between two ends of tasks
		synctest.Wait()
		levels := map[string]int64{}
		tasks, err := service{m}.tasks(p.job.ID(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tasks {
			if x.State == "done" {
				levels[x.Level]++
			}
		}
		st := m.Stages(p.job.ID())
		if got := st[0].Locality; levels["node"] < 18 || levels["any"] < 18 || got != (status.Locality{Node: levels["node"], Any: levels["any"]}) {
			t.Errorf("tasks %v, stage %s", levels, got)
		}
		p.ends(1)
	})
}
