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

// small is a job of which many are run.
var small = spec{maps: 12, reduces: 8, pause: 250 * time.Millisecond}

// TestKiller kills a worker every ten seconds on average, each back after five, while
// jobs follow one another, words and sorts side by side. In a shorter time it kills
// more often. With -jobs it goes on until so many have ended.
func TestKiller(t *testing.T) {
	c, f := newCluster(t, *first, nil), of("killer")
	tr := &trial{cluster: c, figures: f}
	f.trials++
	kinds := []spec{words, sorted}
	every, end := min(killEvery, *killer/4), time.Now().Add(*killer)
	more := func() bool { return time.Now().Before(end) }
	if *jobs > 0 {
		every, kinds = killEvery, []spec{small, small}
		kinds[1].sort = true
		more = func() bool { return c.jobs < *jobs }
	}
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
	for _, s := range kinds {
		next(s)
	}
	wait := func() <-chan time.Time { return time.After(time.Duration(c.rng.ExpFloat64() * float64(every))) }
	kill, back := wait(), make(chan int, workers)
	for running > 0 {
		select {
		case <-kill:
			kill = wait()
			if i := c.any(); more() && !c.workers[i].ended(0) {
				tr.shot(i)
				time.AfterFunc(min(backAfter, every/2), func() { back <- i })
			}
		case i := <-back:
			c.back(i)
		case j := <-ended:
			running--
			f.right(j)
			if more() {
				next(j.spec)
			}
		case <-time.After(patience):
			t.Fatal("jobs do not end")
		}
	}
	tr.nothingLeft()
	tr.noticed()
	t.Log(f)
}
