package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// fetching fetches a shuffle to a file, and counts that.
type fetching struct {
	dir   string
	times atomic.Int32
	fails atomic.Int32 // so often
}

func (f *fetching) fetch(name string) ([]shuffle.Part, []string, error) {
	f.times.Add(1)
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte("rows"), 0o600); err != nil {
		return nil, nil, err
	}
	if f.fails.Add(-1) >= 0 {
		return nil, []string{path}, errors.New("the peer is gone")
	}
	return []shuffle.Part{{Path: path}}, []string{path}, nil
}

func (f *fetching) files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestWholesAreFetchedOnce has many tasks read a shuffle of which the first fetches
// fail.
func TestWholesAreFetchedOnce(t *testing.T) {
	f := &fetching{dir: t.TempDir()}
	f.fails.Store(3)
	var ws wholes
	var failed atomic.Int32
	var tasks sync.WaitGroup
	key := wholeKey{job: "j", shuffle: "s1.right"}
	for range 20 {
		tasks.Go(func() {
			parts, done, err := ws.get(t.Context(), key, f.fetch)
			if err != nil {
				failed.Add(1)
				return
			}
			if b, err := os.ReadFile(parts[0].Path); string(b) != "rows" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			done()
		})
	}
	tasks.Wait()
	if failed.Load() != 3 || f.times.Load() != 4 || f.files(t) != 1 {
		t.Errorf("%d tasks failed, fetched %d times, %d files", failed.Load(), f.times.Load(), f.files(t))
	}
	other := key
	other.try = 1
	if _, _, err := ws.get(t.Context(), other, f.fetch); err != nil || f.files(t) != 2 {
		t.Errorf("another try: %v, %d files", err, f.files(t))
	}
	ws.drop(model.Drop{Job: "j", Keys: []plan.StageKey{"s2.right"}})
	if f.files(t) != 2 {
		t.Error("another shuffle takes it along")
	}
}

// TestWholesGo removes what nobody needs when its last reader has ended.
func TestWholesGo(t *testing.T) {
	f := &fetching{dir: t.TempDir()}
	var ws wholes
	key := wholeKey{job: "j", shuffle: "s1.right"}
	_, done, err := ws.get(t.Context(), key, f.fetch)
	if err != nil {
		t.Fatal(err)
	}
	ws.drop(model.Drop{Job: "j", All: true})
	if f.files(t) != 1 {
		t.Error("it went while a task read it")
	}
	done()
	if f.files(t) != 0 {
		t.Error("it stays when its last reader has ended")
	}
	if _, done, err = ws.get(t.Context(), key, f.fetch); err != nil || f.times.Load() != 2 {
		t.Fatal(err, f.times.Load())
	}
	done()
	ws.forget(func(wholeKey) bool { return true })
	if f.files(t) != 0 {
		t.Error("it stays when nobody needs it")
	}
	ended, cancel := context.WithCancel(t.Context())
	begun, proceed := make(chan struct{}), make(chan struct{})
	tried := make(chan error)
	go func() {
		_, _, err := ws.get(t.Context(), key, func(name string) ([]shuffle.Part, []string, error) {
			close(begun)
			<-proceed
			return f.fetch(name)
		})
		tried <- err
	}()
	<-begun
	cancel()
	if _, _, err := ws.get(ended, key, f.fetch); !errors.Is(err, context.Canceled) {
		t.Errorf("a task that ended waits for another: %v", err)
	}
	close(proceed)
	if err := <-tried; err != nil {
		t.Error(err)
	}
}
