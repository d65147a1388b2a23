package typed_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gordd-project/gordd/typed"
)

func ExampleRDD_Collect() {
	fmt.Println(session().Range(3).Collect(ctx))
	// Output: [0 1 2] <nil>
}

func ExampleRDD_All() {
	for i, err := range session().Range(1000).All(ctx) {
		if err != nil || i == 3 {
			fmt.Println(i, err)
			break // and nothing works any more
		}
	}
	// Output: 3 <nil>
}

func ExampleRDD_Count() {
	fmt.Println(session().Range(1000).Count(ctx))
	// Output: 1000 <nil>
}

func ExampleRDD_First() {
	s := session()
	fmt.Println(s.Range(3).First(ctx))
	_, err := s.Range(0).First(ctx)
	fmt.Println(errors.Is(err, typed.ErrEmpty))
	// Output:
	// 0 <nil>
	// true
}

func ExampleRDD_Take() {
	fmt.Println(session().Range(1_000_000).Take(ctx, 3))
	// Output: [0 1 2] <nil>
}

func ExampleRDD_TakeOrdered() {
	fmt.Println(session().Parallelize([]int{3, 1, 4, 1, 5}, 2).TakeOrdered(ctx, 3, cmp.Compare[int]))
	// Output: [1 1 3] <nil>
}

func ExampleRDD_Top() {
	fmt.Println(session().Parallelize([]int{3, 1, 4, 1, 5}, 2).Top(ctx, 3, cmp.Compare[int]))
	// Output: [5 4 3] <nil>
}

func ExampleRDD_Reduce() {
	fmt.Println(session().Range(101).Reduce(ctx, func(a, b int64) int64 { return a + b }))
	// Output: 5050 <nil>
}

func ExampleRDD_Fold() {
	s := session()
	add := func(a, b int64) int64 { return a + b }
	fmt.Println(s.Range(0).Fold(ctx, 0, add))
	fmt.Println(s.Range(4, typed.Partitions(2)).Fold(ctx, 100, add)) // 100 for each partition, and in the end
	// Output:
	// 0 <nil>
	// 306 <nil>
}

func ExampleRDD_Aggregate() {
	type stats struct {
		Sum, N int64
	}
	fmt.Println(session().Range(5).Aggregate(ctx,
		func() stats { return stats{} },
		func(a *stats, i int64) { a.Sum += i; a.N++ },
		func(a, b *stats) { a.Sum += b.Sum; a.N += b.N },
	))
	// Output: {10 5} <nil>
}

// seen counts what the functions of examples did. A cluster's would not be seen
// here: functions run elsewhere.
var seen atomic.Int64

func ExampleRDD_ForEach() {
	seen.Store(0)
	err := session().Range(10).ForEach(ctx, func(i int64) { seen.Add(i) })
	fmt.Println(seen.Load(), err)
	// Output: 45 <nil>
}

func ExampleRDD_ForEachPartition() {
	seen.Store(0)
	err := session().Range(10, typed.Partitions(3)).ForEachPartition(ctx, func(t *typed.Task, rows iter.Seq[int64]) error {
		for range rows {
			if t.Err() != nil {
				return t.Err()
			}
		}
		seen.Add(1)
		return nil
	})
	fmt.Println(seen.Load(), err)
	// Output: 3 <nil>
}

func ExampleRDD_SaveAsTextFile() {
	dir, remove := folder(nil)
	defer remove()
	s := session()
	fmt.Println(s.Range(3, typed.Partitions(1)).SaveAsTextFile(ctx, dir+"/out"))
	text, err := os.ReadFile(dir + "/out/part-00000")
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// <nil>
	// "0\n1\n2\n" <nil>
}

func ExampleFormat() {
	dir, remove := folder(nil)
	defer remove()
	type point struct{ X, Y int }
	points := session().Parallelize([]point{{1, 2}, {3, 4}}, 1)
	fmt.Println(points.SaveAsTextFile(ctx, dir+"/out", typed.Format(func(p point) string { return fmt.Sprint(p.X, ";", p.Y) })))
	text, err := os.ReadFile(dir + "/out/part-00000")
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// <nil>
	// "1;2\n3;4\n" <nil>
}

func ExampleOverwrite() {
	dir, remove := folder(nil)
	defer remove()
	s := session()
	fmt.Println(s.Range(3).SaveAsTextFile(ctx, dir+"/out"))
	fmt.Println(s.Range(5).SaveAsTextFile(ctx, dir+"/out") != nil)
	fmt.Println(s.Range(5).SaveAsTextFile(ctx, dir+"/out", typed.Overwrite()))
	fmt.Println(s.TextFile(dir + "/out").Count(ctx))
	// Output:
	// <nil>
	// true
	// <nil>
	// 5 <nil>
}

func ExampleCompress() {
	dir, remove := folder(nil)
	defer remove()
	s := session()
	fmt.Println(s.Range(3, typed.Partitions(1)).SaveAsTextFile(ctx, dir+"/out", typed.Compress("gzip")))
	names, err := filepath.Glob(dir + "/out/part-*")
	fmt.Println(filepath.Base(names[0]), err)
	fmt.Println(s.TextFile(dir + "/out").Collect(ctx))
	// Output:
	// <nil>
	// part-00000.gz <nil>
	// [0 1 2] <nil>
}

func ExampleReplication() {
	dir, remove := folder(nil)
	defer remove()
	// HDFS keeps two copies of each block, a disk has but one.
	fmt.Println(session().Range(3).SaveAsTextFile(ctx, dir+"/out", typed.Replication(2)))
	// Output: <nil>
}

func ExampleBlockSize() {
	dir, remove := folder(nil)
	defer remove()
	fmt.Println(session().Range(3).SaveAsTextFile(ctx, dir+"/out", typed.BlockSize(64<<20)))
	// Output: <nil>
}

func ExamplePairRDD_Collect() {
	fmt.Println(pairs(session()).Collect(ctx))
	// Output: [{a 1} {b 2} {a 3}] <nil>
}

func ExamplePairRDD_CollectAsMap() {
	fmt.Println(pairs(session()).CollectAsMap(ctx)) // the last of two values of a
	// Output: map[a:3 b:2] <nil>
}

func ExamplePairRDD_All() {
	for kv, err := range pairs(session()).All(ctx) {
		fmt.Println(kv.Key, kv.Value, err)
	}
	// Output:
	// a 1 <nil>
	// b 2 <nil>
	// a 3 <nil>
}

func ExamplePairRDD_Count() {
	fmt.Println(pairs(session()).Count(ctx))
	// Output: 3 <nil>
}

func ExamplePairRDD_First() {
	fmt.Println(pairs(session()).First(ctx))
	// Output: {a 1} <nil>
}

func ExamplePairRDD_Take() {
	fmt.Println(pairs(session()).Take(ctx, 2))
	// Output: [{a 1} {b 2}] <nil>
}

func ExamplePairRDD_TakeOrdered() {
	byValue := func(a, b typed.Pair[string, int]) int { return cmp.Compare(a.Value, b.Value) }
	fmt.Println(pairs(session()).TakeOrdered(ctx, 2, byValue))
	// Output: [{a 1} {b 2}] <nil>
}

func ExamplePairRDD_Top() {
	byValue := func(a, b typed.Pair[string, int]) int { return cmp.Compare(a.Value, b.Value) }
	fmt.Println(pairs(session()).Top(ctx, 2, byValue))
	// Output: [{a 3} {b 2}] <nil>
}

func ExamplePairRDD_ForEach() {
	seen.Store(0)
	err := pairs(session()).ForEach(ctx, func(_ string, v int) { seen.Add(int64(v)) })
	fmt.Println(seen.Load(), err)
	// Output: 6 <nil>
}

func ExamplePairRDD_ForEachPartition() {
	seen.Store(0)
	err := pairs(session()).ForEachPartition(ctx, func(_ *typed.Task, pairs iter.Seq2[string, int]) error {
		for range pairs {
			seen.Add(1)
		}
		return nil
	})
	fmt.Println(seen.Load(), err)
	// Output: 3 <nil>
}

func ExampleRDD_SaveAsObjectFile() {
	dir, remove := folder(nil)
	defer remove()
	type point struct{ X, Y int }
	s := session()
	fmt.Println(s.Parallelize([]point{{1, 2}, {3, 4}}, 2).SaveAsObjectFile(ctx, dir+"/points"))
	fmt.Println(typed.ObjectFile[point](s, dir+"/points").Map(func(p point) int { return p.X * p.Y }).Collect(ctx))
	// Output:
	// <nil>
	// [2 12] <nil>
}

func ExamplePairRDD_SaveAsObjectFile() {
	dir, remove := folder(nil)
	defer remove()
	s := session()
	fmt.Println(pairs(s).SaveAsObjectFile(ctx, dir+"/pairs"))
	again := typed.ObjectFile[typed.Pair[string, int]](s, dir+"/pairs").
		MapToPair(func(p typed.Pair[string, int]) (string, int) { return p.Key, p.Value })
	fmt.Println(again.ReduceByKey(func(a, b int) int { return a + b }).CollectAsMap(ctx))
	// Output:
	// <nil>
	// map[a:4 b:2] <nil>
}

func ExampleSaveAsSequenceFile() {
	dir, remove := folder(nil)
	defer remove()
	s := session()
	counts := pairs(s).MapValues(func(n int) int32 { return int32(n) })
	fmt.Println(typed.SaveAsSequenceFile(ctx, counts, dir+"/counts", typed.Compress("zlib")))
	text, err := os.ReadFile(dir + "/counts/part-00000")
	fmt.Printf("%.4q %v\n", text, err)
	fmt.Println(typed.SequenceFile[string, int32](s, dir+"/counts").ReduceByKey(func(a, b int32) int32 { return a + b }).CollectAsMap(ctx))
	// Output:
	// <nil>
	// "SEQ\x06" <nil>
	// map[a:4 b:2] <nil>
}

func ExamplePairRDD_SaveAsTextFile() {
	dir, remove := folder(nil)
	defer remove()
	fmt.Println(pairs(session()).SaveAsTextFile(ctx, dir+"/out"))
	text, err := os.ReadFile(dir + "/out/part-00001")
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// <nil>
	// "b\t2\na\t3\n" <nil>
}

func ExampleSkip() {
	s, err := typed.NewSession(ctx, typed.Options{Policy: typed.Skip(0), Notices: io.Discard})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	fmt.Println(s.Parallelize([]string{"1", "x", "3"}, 1).TryMap(strconv.Atoi).Collect(ctx))
	// Output: [1 3] <nil>
}

func ExampleSetAside() {
	dir, remove := folder(map[string]string{"in.txt": "1\nx\n3\n"})
	defer remove()
	s, err := typed.NewSession(ctx, typed.Options{Policy: typed.SetAside(dir+"/bad", 0), Notices: io.Discard})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	fmt.Println(s.TextFile(dir + "/in.txt").TryMap(strconv.Atoi).Collect(ctx))
	fmt.Println(s.TextFile(dir + "/bad").Map(func(line string) string {
		fields := strings.Split(line, "\t")
		return filepath.Base(fields[0]) + " at " + fields[1] + ": " + fields[3]
	}).Collect(ctx))
	// Output:
	// [1 3] <nil>
	// [in.txt at 2: "x"] <nil>
}

func ExampleSession_CancelTag() {
	s := session()
	nightly := typed.WithTags(ctx, "nightly")
	begun, ended := make(chan struct{}), make(chan error)
	go func() {
		_, err := s.Range(1, typed.Partitions(1)).MapPartitions(func(t *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
			close(begun)
			<-t.Done()
			return rows
		}).Count(typed.WithDescription(nightly, "count what never comes"))
		ended <- err
	}()
	<-begun
	morning := errors.New("it is morning")
	s.CancelTag("nightly", morning)
	fmt.Println(errors.Is(<-ended, morning))
	// Output: true
}

func ExampleWithTags() {
	nightly := typed.WithTags(ctx, "nightly")
	fmt.Println(session().Range(3).Count(typed.WithTags(nightly, "users"))) // has both
	// Output: 3 <nil>
}

func ExampleWithDescription() {
	fmt.Println(session().Range(3).Count(typed.WithDescription(ctx, "count the users")))
	// Output: 3 <nil>
}
