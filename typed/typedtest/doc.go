// Package typedtest is for tests of pipelines. It runs a pipeline in every way
// that gordd has, and fails the test where one of them gives something else
// than is wanted, or than the others give.
//
//	func TestCounts(t *testing.T) {
//		typedtest.Pairs(t, func(s *typed.Session) typed.PairRDD[string, int64] {
//			return counts(s, "testdata/*.txt")
//		}, []typed.Pair[string, int64]{{Key: "a", Value: 2}, {Key: "b", Value: 1}}, typedtest.AnyOrder())
//	}
//
// Each way is a mode, which is a subtest with a session of its own:
//
//   - closures runs the functions as they are: go test -cover counts their lines.
//   - generated runs generated code, operators fused into loops.
//   - operator_by_operator runs generated code without fusing.
//   - one_core and seven_cores differ in what the number of partitions is by
//     default, and in what runs at the same time.
//   - little_memory has so little of it that even small tables and sorts spill.
//   - failures makes first attempts of tasks fail, before they begin, in the
//     middle or at the end, and makes outputs of shuffles get lost.
//
// A failed one is repeated alone by its name: go test -run 'TestCounts/generated'.
// Without generated code the modes that would use it run closures.
//
// In all modes a task fails whose function uses the values of a group after it
// returned, or changes its With value. And a test fails whose session leaves
// files or goroutines behind.
//
// The functions of a pipeline run many times, and in the failures mode more
// than once for a row: as they do in a cluster.
package typedtest
