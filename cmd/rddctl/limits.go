package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

const (
	// maxPriority is the most, and with a minus the least, that a job may have.
	maxPriority = 1000
	// maxJobSlots is more than any cluster has.
	maxJobSlots = 1 << 20
	// maxFailures is the most that a scheduler allows.
	maxFailures = 200
	// leastStuck is the shortest time that can be told from a busy machine's.
	leastStuck = 2 * time.Second
)

// jobLimits are what a job may use, and when it is its turn.
type jobLimits struct {
	pool                      string
	priority, slots, failures int
	stuck                     time.Duration
}

func (l *jobLimits) flags(f *pflag.FlagSet) {
	f.StringVar(&l.pool, "pool", "", "the pool that the job shares slots in (default the cluster's)")
	f.IntVar(&l.priority, "priority", 0, "jobs with a higher one get slots first, within their pool")
	f.IntVar(&l.slots, "slots", 0, "the most tasks of the job that run at a time (default all that there are)")
	f.IntVar(&l.failures, "max-failures", 0, "how often a task may fail before the job does (default 4)")
	f.DurationVar(&l.stuck, "stuck-after", 0, "how long a task may stand still, not going on from one row to the next, before it is ended (default 10m)")
}

// check refuses what no job can have. Zero stands for a default only when it was
// not given.
func (l *jobLimits) check(f *pflag.FlagSet) error {
	for _, n := range []struct {
		name             string
		value, min, most int
	}{
		{"priority", l.priority, -maxPriority, maxPriority},
		{"slots", l.slots, 1, maxJobSlots},
		{"max-failures", l.failures, 1, maxFailures},
	} {
		if f.Changed(n.name) && (n.value < n.min || n.value > n.most) {
			return fmt.Errorf("--%s %d: give a number from %d to %d", n.name, n.value, n.min, n.most)
		}
	}
	if f.Changed("stuck-after") && l.stuck < leastStuck {
		return fmt.Errorf("--stuck-after %s: give %s or more", l.stuck, leastStuck)
	}
	if f.Changed("pool") && l.pool == "" {
		return errors.New("--pool: give a name, or leave it out")
	}
	return nil
}
