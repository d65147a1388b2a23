package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
