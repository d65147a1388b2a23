package worker

import "testing"

func TestBudget(t *testing.T) {
	const mib = 1 << 20
	o := Options{Memory: 1000 * mib}
	for _, c := range []struct {
		name        string
		wants       int64
		grown       int
		want, limit int64
	}{
		{"the worker's own", 0, 0, 1000 * mib, 1500 * mib},
		{"does not grow", 0, 2, 1000 * mib, 1500 * mib},
		{"less", 100 * mib, 0, 100 * mib, 228 * mib},
		{"twice", 100 * mib, 1, 200 * mib, 328 * mib},
		{"twice again", 200 * mib, 2, 800 * mib, 1200 * mib},
		{"as far as there is some", 300 * mib, 2, 1000 * mib, 1500 * mib},
		{"more than there is", 2000 * mib, 0, 1000 * mib, 1500 * mib},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := o.budget(c.wants, c.grown)
			if got != c.want || limit(got) != c.limit {
				t.Errorf("got %d, limit %d; want %d, %d", got, limit(got), c.want, c.limit)
			}
		})
	}
}
