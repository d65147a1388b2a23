package random

import (
	"errors"
	"slices"
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

func TestKindsOfErrors(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"/usr/bin/go build -o pipelines .: exit status 1\n# example/drawn\n./pipelines0.go:12:3: undefined: f7\n./pipelines1.go:4:9: cannot use a12 as int", []string{":#:#: undefined: f#", ":#:#: cannot use # as int"}},
		{"generate: pipelines0.go:30:2: Map of a3: not a literal", []string{"generate: :#:#: Map of #: not a literal"}},
		{"/tmp/1/pipelines -faults 2: exit status 2\npanic: index out of range [5] with length 3\n\ngoroutine 1:\n/tmp/1/pipelines0.go:9 +0x5", []string{"panic: index out of range [#] with length #"}},
		{"/tmp/1-smaller/pipelines -faults 1: signal: killed\n", []string{"pipelines -faults #: signal: killed"}},
	} {
		if got := kindsOf(errors.New(test.text)); !slices.Equal(got, test.want) {
			t.Errorf("%q is %q, want %q", test.text, got, test.want)
		}
	}
}
