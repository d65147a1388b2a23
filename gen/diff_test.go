package gen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestUnified(t *testing.T) {
	lines := func(n int, change map[int]string) string {
		var s strings.Builder
		for i := 1; i <= n; i++ {
			if text, ok := change[i]; ok {
				s.WriteString(text)
			} else {
				fmt.Fprintf(&s, "%d\n", i)
			}
		}
		return s.String()
	}
	tests := []struct{ name, a, b, want string }{
		{"equal", "a\nb\n", "a\nb\n", ""},
		{"all new", "", "a\nb\n", "@@ -1,0 +1,2 @@\n+a\n+b\n"},
		{"all gone", "a\n", "", "@@ -1,1 +1,0 @@\n-a\n"},
		{"in the middle", lines(9, nil), lines(9, map[int]string{5: "x\n"}), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"far apart", lines(20, nil), lines(20, map[int]string{1: "", 20: "20\nx\n"}),
			"@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n@@ -18,3 +17,4 @@\n 18\n 19\n 20\n+x\n"},
		{"near", lines(8, nil), lines(8, map[int]string{1: "", 8: ""}), "@@ -1,8 +1,6 @@\n-1\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := unified("f", test.a, test.b); got != "--- f\n+++ f\n"+test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestShortestLeadsThere applies diffs of random texts, long ones too.
func TestShortestLeadsThere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n, letters int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprint(r.IntN(letters), "\n")
		}
		return all
	}
	for i := range 300 {
		x, y := text(r.IntN(30), 4), text(r.IntN(30), 4)
		if i%100 == 99 {
			x, y = text(2000, 1_000_000), text(1500, 1_000_000)
		}
		var from, to []string
		for _, o := range shortest(x, y) {
			if o.sign != '+' {
				from = append(from, x[o.x])
			}
			if o.sign != '-' {
				to = append(to, y[o.y])
			}
		}
		if strings.Join(from, "") != strings.Join(x, "") || strings.Join(to, "") != strings.Join(y, "") {
			t.Fatalf("the diff of %q and %q leads from %q to %q", x, y, from, to)
		}
	}
}
