//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// rate is that of a slow link, which a program of ten megabytes takes eight seconds
// to pass.
const rate = "10mbit"

// slow lets no more pass a member's link than a rate, in either direction.
func (n *network) slow(member, rate string) error {
	for _, end := range [][2]string{{n.name(member), outside}, {n.name(hub), member}} {
		args := []string{"-n", end[0], "qdisc", "add", "dev", end[1], "root", "tbf", "rate", rate, "burst", "256kbit", "latency", "400ms"}
		if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("tc %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// apart drops, or lets pass again, all that a member sends to an address. What comes
// from there arrives.
func (n *network) apart(member, address string, on bool) error {
	how := "delete"
	if on {
		how = "add"
	}
	return ip("-n", n.name(member), "rule", how, "priority", "1", "to", address, "blackhole")
}

// slowNetwork has a worker behind a slow link, over which it gets the program, too.
// Nobody takes it for dead.
func (tr *trial) slowNetwork() {
	if tr.net == nil {
		tr.t.Skip("links can be slow between namespaces only")
	}
	i, from := tr.any(), tr.events.count()
	tr.must(tr.net.slow(tr.workers[i].name, rate))
	tr.kills++
	const text = `msg="executor started"`
	for range 10 {
		tr.calm(from, tr.right(tr.submit(tr.job())))
		if tr.workers[i].times(0, text) > 0 { // it has the program, and had tasks
			return
		}
	}
	tr.t.Errorf("%s has no part in ten jobs:\n%s", tr.workers[i].name, tr.workers[i].tail(20))
}

// workersApart cuts one worker off another one, in one direction. What neither can
// fetch from the other is read by those that can, or made anew, but not for ever.
func (tr *trial) workersApart() {
	if tr.net == nil {
		tr.t.Skip("links can be cut between namespaces only")
	}
	j := tr.submit(tr.job())
	tr.reach(j, 1, 0)
	i := tr.any()
	a, b := tr.workers[i], tr.workers[(i+1+tr.rng.IntN(workers-1))%workers]
	tr.must(tr.net.apart(a.name, b.address, true))
	tr.kills++
	o := tr.right(j)
	if o.recomputed > 2*j.spec.maps {
		tr.t.Errorf("%d tasks ran again, of a stage of %d", o.recomputed, j.spec.maps)
	}
	tr.must(tr.net.apart(a.name, b.address, false))
	tr.right(tr.submit(quick))
}

// masterApart cuts a worker off the master, and off nobody else, until it counts as
// lost. It is back soon after that.
func (tr *trial) masterApart() {
	if tr.net == nil {
		tr.t.Skip("links can be cut between namespaces only")
	}
	_, port, _ := strings.Cut(tr.at, ":")
	j := tr.submit(tr.job())
	tr.reach(j, tr.rng.IntN(2), tr.between(0, time.Second))
	i := tr.any()
	w := tr.workers[i]
	tr.lost += len(tr.outputs(i))
	from := tr.events.count()
	cut := func(on bool) error {
		return errors.Join(tr.net.hush(w.name, port, masterAddress, on), tr.net.hush("master", port, w.address, on))
	}
	tr.must(cut(true))
	tr.kills++
	begun := time.Now()
	if _, ok := tr.events.says(from, patience, `"kind":"worker lost"`, strconv.Quote(w.name)); !ok {
		tr.t.Errorf("%s does not count as lost:\n%s", w.name, tr.events.tail(20))
	}
	tr.measure("lost after", time.Since(begun))
	from = tr.events.count()
	tr.must(cut(false))
	begun = time.Now()
	if _, ok := tr.events.says(from, patience, `"kind":"worker attached"`, strconv.Quote(w.name)); !ok {
		tr.t.Errorf("%s does not come back:\n%s", w.name, tr.events.tail(20))
	}
	tr.measure("back after", time.Since(begun))
	tr.right(j)
	tr.right(tr.submit(quick))
}
