// Package typed is the API of gordd: typed, lazy, distributed collections.
//
//	func main() { typed.Main(run) }
//
//	func run(ctx context.Context, s *typed.Session) error {
//		return s.TextFile("in").
//			FlatMap(strings.FieldsSeq).
//			MapToPair(func(w string) (string, int64) { return w, 1 }).
//			ReduceByKey(func(a, b int64) int64 { return a + b }).
//			SaveAsTextFile(ctx, "out")
//	}
//
// A [Session] makes an [RDD] of files or values; operators make RDDs of RDDs;
// actions compute. Names and semantics are Apache Spark's where it has the
// operator. Actions take a context and return an error; what is wrong with a
// lazy operator comes out of the first action, with the operator's line.
//
// Functions capture no variables. What they need travels with
// [RDD.With], encoded once. A row that cannot be processed is an error of a Try
// operator, and [Policy] says what becomes of it.
package typed
