package property

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// inMemory are the heavy cases that hold no more than a few rows at a time.
var inMemory = []string{"heavy/Repartition", "heavy/TakeOrdered"}

// spills sums up what the actions of a session wrote to temporary files.
type spills struct {
	mu    sync.Mutex
	bytes map[plan.ActionID]int64
}

func (s *spills) observe(st plan.ActionStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes == nil {
		s.bytes = map[plan.ActionID]int64{}
	}
	s.bytes[st.ID] = 0
	for _, stage := range st.Stages {
		s.bytes[st.ID] += stage.Counters.Spilled
	}
}

func (s *spills) total() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.bytes {
		n += b
	}
	return n
}

// TestHeavyCases runs what does not fit in the least memory, and makes sure
// that it does not.
func TestHeavyCases(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes long")
	}
	in := Input{Seed: 77, Parts: 4, Reducers: 2, Cores: 2}
	cases := slices.DeleteFunc(HeavyCases(), func(c Case) bool { return !strings.Contains(c.Name, *onlyCase) })
	all := modes(in)
	for _, c := range cases {
		r := newRunner(t, in, []Case{c})
		var enough int64 // bytes that map sides write early even when there is memory
		for _, m := range []mode{all[0], all[3], all[4]} {
			var seen spills
			m.options.Observe = seen.observe
			r.run(m)
			if m.options.Memory != leastMemory {
				enough = seen.total()
			} else if seen.total() <= enough && !slices.Contains(inMemory, c.Name) {
				t.Errorf("%s, %s: %d bytes spilled, %d where there is memory", c.Name, m.name, seen.total(), enough)
			}
		}
	}
}
