package worker

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/transfer"
)

// slowGiver is an executor that writes blocks when it is told to, whoever waits for them.
type slowGiver struct {
	fakeExecutor
	begun atomic.Int32
	write chan struct{}
}

func (g *slowGiver) Give(ctx context.Context, _ plan.Block, path string) error {
	g.begun.Add(1)
	select {
	case <-g.write:
		return os.WriteFile(path, []byte("rows"), 0o600)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// TestGivingHasItsPlaces has readers come and go while an executor writes for the first of
// them: until it is done it writes for no other.
func TestGivingHasItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &Worker{o: Options{Slots: 1, Dir: t.TempDir()}, log: slog.New(slog.DiscardHandler)}
		w.execs.init(w)
		x := &slowGiver{write: make(chan struct{}, 2)}
		w.execs.all[model.ExecutorRef{Job: "j"}] = &executor{process: x}
		give := func(ctx context.Context) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			f, err := w.execs.give(ctx, "j", plan.Block{RDD: "c"})
			if err != nil {
				return "", err
			}
			b, err := io.ReadAll(f)
			return string(b), errors.Join(err, f.Close())
		}
		first, leave := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = give(first)
		}()
		synctest.Wait()
		begun := time.Now()
		if _, err := give(t.Context()); !errors.Is(err, transfer.ErrBusy) {
			t.Errorf("while another is written: %v", err)
		}
		leave()
		synctest.Wait()
		if _, err := give(t.Context()); !errors.Is(err, transfer.ErrBusy) || x.begun.Load() != 1 {
			t.Errorf("while one is written for a reader that has gone: %v, %d were begun", err, x.begun.Load())
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("they waited for %v", waited)
		}
		x.write <- struct{}{}
		<-ended
		x.write <- struct{}{}
		if got, err := give(t.Context()); got != "rows" || err != nil {
			t.Errorf("when that is done: %q, %v", got, err)
		}
		if left, err := os.ReadDir(filepath.Join(w.o.Dir, "fetched")); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// TestSilentHolders has one holder after the other take a request and say nothing: the
// task has time left to compute the block, as long as it may stand still itself.
func TestSilentHolders(t *testing.T) {
	for _, stuck := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var deaf sync.WaitGroup
			dials := 0
			fetch := transfer.NewFetcher(transfer.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
				dials++
				ours, theirs := net.Pipe()
				deaf.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
				return ours, nil
			}})
			w := &Worker{o: Options{ID: "w0"}, log: slog.New(slog.DiscardHandler), fetch: fetch}
			holders := []plan.WorkerID{"w1", "w0", "unknown", "w2"}
			w.peers.m = map[plan.WorkerID]msg.Peer{"w1": {Worker: "w1", Address: "w1:1"}, "w2": {Worker: "w2", Address: "w2:1"}}
			b := plan.Block{RDD: "c"}
			l := &work.Launch{Tasks: []model.Assignment{{Blocks: []model.BlockAt{{Block: b, Holders: holders}}}}}
			began := time.Now()
			_, err := w.bring(t.Context(), l, &plan.Task{Scratch: t.TempDir()}, b, stuck)
			limit := cmp.Or(stuck, standStill)
			if took := time.Since(began); !errors.Is(err, errSilent) || dials != 2 || took >= limit*3/4 {
				t.Errorf("%v after %s and %d holders, for a task that may stand still for %s", err, took, dials, limit)
			}
			fetch.Close()
			deaf.Wait()
		})
	}
}

// TestUnlessSilent ends what does not get on, and nothing else, however long that takes.
func TestUnlessSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := unlessSilent(t.Context(), time.Minute, func(ctx context.Context, gotOn func()) error {
			for range 100 {
				select {
				case <-time.After(59 * time.Second):
					gotOn()
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
		if err != nil || time.Since(began) != 5900*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		began = time.Now()
		err = unlessSilent(t.Context(), time.Minute, func(ctx context.Context, _ func()) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if !errors.Is(err, errSilent) || time.Since(began) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
