package queue

import (
	"testing"

	"pgregory.net/rapid"
)

func TestLoadsKnowTheHighest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Loads
		want := map[int32]int32{}
		for range rapid.IntRange(0, 300).Draw(t, "ops") {
			name := rapid.Int32Range(-5, 40).Draw(t, "name")
			d := rapid.Int32Range(-want[name], 3).Draw(t, "d")
			if d == 0 {
				continue
			}
			l.Add(name, d)
			if want[name] += d; want[name] == 0 {
				delete(want, name)
			}
			checkLoads(t, &l, want)
			if rapid.IntRange(0, 99).Draw(t, "clear") == 0 {
				l.Clear()
				clear(want)
				checkLoads(t, &l, want)
			}
		}
	})
}

func checkLoads(t *rapid.T, l *Loads, want map[int32]int32) {
	var top, most int32
	sum := 0
	for name, n := range want {
		if n > most || n == most && name < top {
			top, most = name, n
		}
		sum += int(n)
		if l.Of(name) != n {
			t.Fatalf("count of %d is %d, want %d", name, l.Of(name), n)
		}
	}
	name, n, ok := l.Top()
	if ok != (len(want) > 0) || ok && (name != top || n != most) || l.Len() != len(want) || l.Sum() != sum {
		t.Fatalf("top %d with %d, %v; want %d with %d of %d", name, n, ok, top, most, len(want))
	}
}
