package random

import (
	"testing"

	"github.com/gordd-project/gordd/internal/property/random/oracle"
)

func TestKindsOfFindings(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"row 1 of 30 is 1, want 2", "29 rows, want 30", true},
		{"row 1 of 30 is 1, want 2", "not as fused: row 0 of 2 is x, want y", true},
		{"row 1 of 30 is 1, want 2", "3 rows were set aside, want 2", false},
		{"set aside, not as fused: row 1 of 2 is a, want b", "3 rows were set aside, want 2", true},
		{`Map (pipelines0.go:12): bad "x"`, `Map (pipelines1.go:7): bad "y"` + "\nmore", true},
		{"Map (pipelines0.go:12): bad", "Filter (pipelines0.go:12): bad", false},
	} {
		a, b := kindOf(oracle.Finding{Error: test.a}), kindOf(oracle.Finding{Error: test.b})
		if (a == b) != test.same {
			t.Errorf("%q is %q, %q is %q", test.a, a, test.b, b)
		}
	}
}
