package typed

import "github.com/gordd-project/gordd/rdd/plan"

// Policy says what happens to a row for which a function gives an error, or
// that it rejects.
type Policy struct{ p plan.Policy }

// Fail ends the job at the first bad row, naming it and its place. It is the
// default.
func Fail() Policy { return Policy{plan.Policy{Rows: plan.FailRows}} }

// Skip drops bad rows and counts them, up to max in each task; 0 is no bound.
func Skip(max int64) Policy { return Policy{plan.Policy{Rows: plan.SkipRows, Max: max}} }

// SetAside writes bad rows to files in dir, with their path, offset and error,
// up to max in each task; 0 is no bound.
func SetAside(dir string, max int64) Policy {
	return Policy{plan.Policy{Rows: plan.AsideRows, Aside: dir, Max: max}}
}
