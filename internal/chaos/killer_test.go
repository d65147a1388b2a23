//go:build linux

package chaos

import (
	"testing"
	"time"
)

const (
	killEvery = 10 * time.Second
	backAfter = 5 * time.Second
)

// TestKiller kills a worker every ten seconds, each back after five, while jobs
// follow one another, words and sorts side by side. In a shorter time it kills
// more often.
func TestKiller(t *testing.T) {
	c, f := newCluster(t, *first), of("killer")
	tr := &trial{c, f}
	f.trials++
	every := min(killEvery, *killer/4)
	after := min(backAfter, every/2)
	end := time.Now().Add(*killer)
	ended := make(chan *job)
	running := 0
	next := func(s spec) {
		j := c.submit(s)
		running++
		go func() {
			<-j.done
			ended <- j
		}()
	}
	next(words)
	next(sorted)
	kill := time.NewTicker(every)
	defer kill.Stop()
	var back <-chan time.Time
	var down int
	for running > 0 {
		select {
		case <-kill.C:
			if time.Now().Before(end) {
				down = c.any()
				tr.shot(down)
				back = time.After(after)
			}
		case <-back:
			c.back(down)
		case j := <-ended:
			running--
			f.right(j)
			if time.Now().Before(end) {
				next(j.spec)
			}
		case <-time.After(patience):
			t.Fatal("jobs do not end")
		}
	}
	tr.nothingLeft()
	t.Log(f)
}
