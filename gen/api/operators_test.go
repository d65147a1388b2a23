package api

import "testing"

// TestOperatorsTable holds the table to its rules.
func TestOperatorsTable(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, op := range operators {
		key := [2]string{op.Recv, op.Name}
		if seen[key] {
			t.Errorf("%v is there twice", key)
		}
		seen[key] = true
		if (op.Family == Pass) != (op.Ctor == "") {
			t.Errorf("%v: a constructor makes what is an operator", key)
		}
		if op.Family == Narrow && op.Step.Gives == 0 {
			t.Errorf("%v: a narrow operator is a step", key)
		}
		if (op.Part == "key") != (op.Keyed != "") {
			t.Errorf("%v: a step before a sort gives pairs of known types", key)
		}
		if op.Shape != 0 && op.In == "" {
			t.Errorf("%v: types of the rows behind the shuffle are missing", key)
		}
	}
}
