package outputs

import (
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// widest is how many names have a column. Tasks of a stage count the same few
// things; what some of them count beside is kept apart.
const widest = 64

// tally has the counters of a stage's winners as a table without names: a column
// for each, so that a task takes 8 bytes for each of its counters.
type tally struct {
	names []string
	total []int64 // by name
	rows  []int64 // of the tasks, one after another
	other map[int][]model.Counter
	sum   []model.Counter // of other
}

func (t *tally) add(i, n int, counters []model.Counter) {
	for k, c := range counters {
		at := t.column(k, n, c.Name)
		if at < 0 {
			if t.other == nil {
				t.other = map[int][]model.Counter{}
			}
			t.other[i] = append(t.other[i], c)
			t.sum = plus(t.sum, c, 1)
			continue
		}
		t.rows[i*len(t.names)+at] += c.Value
		t.total[at] += c.Value
	}
}

// column returns the column of a name, made if there is none; it is probably the
// kth one. There is none beyond the widest table.
func (t *tally) column(k, n int, name string) int {
	if k < len(t.names) && t.names[k] == name {
		return k
	}
	if at := slices.Index(t.names, name); at >= 0 || len(t.names) == widest {
		return at
	}
	was := len(t.names)
	rows := make([]int64, n*(was+1))
	for i := 0; was > 0 && i < n; i++ {
		copy(rows[i*(was+1):], t.rows[i*was:(i+1)*was])
	}
	t.names, t.total, t.rows = append(t.names, name), append(t.total, 0), rows
	return was
}

func (t *tally) remove(i int) {
	w := len(t.names)
	for k := range w {
		t.total[k] -= t.rows[i*w+k]
		t.rows[i*w+k] = 0
	}
	for _, c := range t.other[i] {
		t.sum = plus(t.sum, c, -1)
	}
	delete(t.other, i)
}

func (t *tally) sums() []model.Counter {
	var out []model.Counter
	for k, name := range t.names {
		out = append(out, model.Counter{Name: name, Value: t.total[k]})
	}
	return append(out, t.sum...)
}

// plus adds sign × c to the sums, by name.
func plus(sums []model.Counter, c model.Counter, sign int64) []model.Counter {
	at := slices.IndexFunc(sums, func(x model.Counter) bool { return x.Name == c.Name })
	if at < 0 {
		at = len(sums)
		sums = append(sums, model.Counter{Name: c.Name})
	}
	sums[at].Value += sign * c.Value
	return sums
}
