package gen

import (
	"fmt"
	"slices"
	"strings"
)

// around is how many lines around a change a diff shows.
const around = 3

// maxEdits bounds the search for a short diff. Texts that differ in more lines
// are shown as changed from the first to the last.
const maxEdits = 1000

// unified compares two texts line by line.
func unified(name, a, b string) string {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	ops := shortest(x, y)
	var s strings.Builder
	fmt.Fprintf(&s, "--- %s\n+++ %s\n", name, name)
	for len(ops) > 0 {
		from := slices.IndexFunc(ops, changes)
		if from < 0 {
			break
		}
		end := hunkEnd(ops, from)
		hunk(&s, ops[max(0, from-around):end], x, y)
		ops = ops[end:]
	}
	return s.String()
}

// lineOp is a step of a diff: a line of x that goes, a line of y that comes, or
// one that both have.
type lineOp struct {
	sign byte
	x, y int // the lines before it
}

func changes(o lineOp) bool { return o.sign != ' ' }

// hunkEnd is where the hunk with a change ends: behind the context of the last
// change that is near enough to the one before.
func hunkEnd(ops []lineOp, from int) int {
	last := from
	for i := from; i < len(ops) && i-last <= 2*around+1; i++ {
		if changes(ops[i]) {
			last = i
		}
	}
	return min(len(ops), last+1+around)
}

func hunk(s *strings.Builder, ops []lineOp, x, y []string) {
	var body strings.Builder
	dels, adds := 0, 0
	for _, o := range ops {
		line := ""
		if o.sign == '+' {
			line = y[o.y]
		} else {
			line = x[o.x]
		}
		if line == "" {
			continue // behind the last line break
		}
		if o.sign != '+' {
			dels++
		}
		if o.sign != '-' {
			adds++
		}
		body.WriteByte(o.sign)
		body.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	fmt.Fprintf(s, "@@ -%d,%d +%d,%d @@\n%s", ops[0].x+1, dels, ops[0].y+1, adds, body.String())
}

// shortest finds a shortest way from one text to another, by Myers' greedy
// search: for each number of edits the farthest place on each diagonal.
func shortest(x, y []string) []lineOp {
	from, end := common(x, y)
	mx, my := x[from:len(x)-end], y[from:len(y)-end]
	var ops []lineOp
	for i := range from {
		ops = append(ops, lineOp{' ', i, i})
	}
	for _, o := range middle(mx, my) {
		ops = append(ops, lineOp{o.sign, o.x + from, o.y + from})
	}
	for i := range end {
		ops = append(ops, lineOp{' ', len(x) - end + i, len(y) - end + i})
	}
	return ops
}

// common counts the lines that two texts have in common at their ends.
func common(x, y []string) (from, end int) {
	for from < len(x) && from < len(y) && x[from] == y[from] {
		from++
	}
	for end < len(x)-from && end < len(y)-from && x[len(x)-1-end] == y[len(y)-1-end] {
		end++
	}
	return from, end
}

func middle(x, y []string) []lineOp {
	limit := min(len(x)+len(y), maxEdits)
	far := make([]int, 2*limit+2)
	var trace [][]int
	for d := 0; d <= limit; d++ {
		trace = append(trace, slices.Clone(far))
		for k := -d; k <= d; k += 2 {
			i := step(far, limit, k, d)
			for i < len(x) && i-k < len(y) && x[i] == y[i-k] {
				i++
			}
			far[limit+k] = i
			if i >= len(x) && i-k >= len(y) {
				return back(trace, limit, len(x), len(y))
			}
		}
	}
	return replaced(len(x), len(y))
}

// step is where a path of d edits comes to diagonal k: from the diagonal above,
// by a line that comes, or from that below, by one that goes.
func step(far []int, limit, k, d int) int {
	if k == -d || k != d && far[limit+k-1] < far[limit+k+1] {
		return far[limit+k+1]
	}
	return far[limit+k-1] + 1
}

// back reads the path from its end.
func back(trace [][]int, limit, i, j int) []lineOp {
	var ops []lineOp
	for d := len(trace) - 1; d > 0; d-- {
		k := i - j
		begin := step(trace[d], limit, k, d)
		for ; i > begin; i, j = i-1, j-1 {
			ops = append(ops, lineOp{' ', i - 1, j - 1})
		}
		if k == -d || k != d && trace[d][limit+k-1] < trace[d][limit+k+1] {
			j--
			ops = append(ops, lineOp{'+', i, j})
		} else {
			i--
			ops = append(ops, lineOp{'-', i, j})
		}
	}
	for ; i > 0; i, j = i-1, j-1 {
		ops = append(ops, lineOp{' ', i - 1, j - 1})
	}
	slices.Reverse(ops)
	return ops
}

func replaced(x, y int) []lineOp {
	var ops []lineOp
	for i := range x {
		ops = append(ops, lineOp{'-', i, 0})
	}
	for j := range y {
		ops = append(ops, lineOp{'+', x, j})
	}
	return ops
}
