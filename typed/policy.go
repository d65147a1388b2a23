package typed

import "github.com/gordd-project/gordd/rdd/plan"

// Policy says what happens to a row for which a function gives an error, or
// that it rejects.
//
// A row is rejected whenever it is computed. Two actions over one RDD both
// compute its rows, and each drops and counts the bad ones; what is behind a
// shuffle that an earlier action has written is not computed again. The count
// of the first action that reads everything is the number of bad rows.
type Policy struct{ p plan.Policy }

// Fail ends the job at the first bad row, naming it and its place. It is the
// default.
func Fail() Policy { return Policy{plan.Policy{Rows: plan.FailRows}} }

// Skip drops bad rows and counts them, up to max in each task; 0 is no bound.
// The line after an action and the summary of rddctl tell the count.
func Skip(max int64) Policy { return Policy{plan.Policy{Rows: plan.SkipRows, Max: max}} }

// SetAside writes bad rows to files in dir, with their path, offset and error,
// up to max in each task; 0 is no bound. Each action adds files of its own, with
// as many lines as it counts.
func SetAside(dir string, max int64) Policy {
	return Policy{plan.Policy{Rows: plan.AsideRows, Aside: dir, Max: max}}
}
