package typed

import (
	"cmp"

	"github.com/gordd-project/gordd/rdd"
)

// Total is an accumulator of numbers: functions add to it, and the driver
// reads the sum. Functions get it by With, as the value or as a field of it, as in
//
//	bad := typed.NewCounter(s, "bad lines")
//	lines.With(bad).Filter(func(bad typed.Counter, line string) bool {
//		if !valid(line) {
//			bad.Add(1)
//			return false
//		}
//		return true
//	})
//
// What a task adds counts when the task succeeds, and once, however often it ran:
// attempts that failed or came second add nothing, nor does one that made a lost
// output again. The value is there when the action has ended, also when it failed:
// then by what succeeded before. What is computed again for another action, for
// want of Cache, counts again, as in Spark; a shuffle's map tasks count once for
// all actions that read it. What is before a Cache counts once for each partition that
// was computed whole, until Unpersist, also where its rows had to be computed again. A
// sort that looks at its rows twice counts them once.
//
// While actions run, the value so far is shown under its name to people who look at
// the job.
//
// A task adds to its own without a lock: only the goroutine that the function was
// called in may.
type Total[N Number] = rdd.Total[N]

// Counter is a Total of whole numbers.
type Counter = Total[int64]

// NewCounter makes a counter, at 0. Its name is for messages and for those who look at the job.
// It is kept until the session ends.
func NewCounter(s *Session, name string) Counter { return NewTotal[int64](s, name) }

// NewTotal makes a total, at 0. Its name is for messages and for those who look at the job. It
// is kept until the session ends. The last digits of sums of floating-point numbers depend on what
// tasks there are.
func NewTotal[N Number](s *Session, name string) Total[N] { return rdd.NewTotal[N](s.graph, name) }

// Extremes is an accumulator of the least and the greatest of the values that are
// added. What Total says of when things count holds for it.
type Extremes[T cmp.Ordered] = rdd.Extremes[T]

// NewExtremes makes extremes, of nothing. Their name is for messages and for those who look at the
// job. They are kept until the session ends.
func NewExtremes[T cmp.Ordered](s *Session, name string) Extremes[T] {
	return rdd.NewExtremes[T](s.graph, name)
}

// Accumulator is an accumulator of values that come together by their own Merge.
// What Total says of when things count holds for it. It adds at most 256 KiB a
// task, encoded, and 128 MiB an action: it is for sums, not for rows. Merge, and methods
// that encode A, cannot read accumulators.
type Accumulator[A Merger[A]] = rdd.Accumulator[A]

// Merger is what an Accumulator adds up: a type whose zero value is nothing, and
// whose Merge gives two values as one, whichever comes first.
//
//	type Longest string
//
//	func (l Longest) Merge(o Longest) Longest {
//		if len(o) > len(l) || len(o) == len(l) && o < l {
//			return o
//		}
//		return l
//	}
type Merger[A any] interface{ rdd.Merger[A] }

// NewAccumulator makes an accumulator, with nothing in it. Its name is for
// messages and for those who look at the job. It is kept until the session ends.
func NewAccumulator[A Merger[A]](s *Session, name string) Accumulator[A] {
	return rdd.NewAccumulator[A](s.graph, name)
}
