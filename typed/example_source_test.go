package typed_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// folder makes a directory of text files, for the examples that read some.
func folder(texts map[string]string) (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			panic(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
	return dir, func() { _ = os.RemoveAll(dir) }
}

func ExampleSession_TextFile() {
	dir, remove := folder(map[string]string{"a.txt": "one\ntwo\n", "b.txt": "three\r\n", "c.csv": "4"})
	defer remove()
	s := session()
	fmt.Println(s.TextFile(dir + "/*.txt").Collect(ctx))
	fmt.Println(s.TextFile(dir+"/a.txt,"+dir+"/c.csv", typed.Partitions(1)).Collect(ctx))
	// Output:
	// [one two three] <nil>
	// [one two 4] <nil>
}

func ExampleObjectFile() {
	dir, remove := folder(nil)
	defer remove()
	s := session()
	if err := s.Range(1000).SaveAsObjectFile(ctx, dir+"/numbers"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(typed.ObjectFile[int64](s, dir+"/numbers", typed.Partitions(3)).Reduce(ctx, func(a, b int64) int64 { return a + b }))
	// Output: 499500 <nil>
}

func ExampleSequenceFile() {
	dir, remove := folder(nil)
	defer remove()
	s := session()
	ages := s.Range(1000).MapToPair(func(i int64) (string, int64) { return fmt.Sprint("user", i), i % 90 })
	if err := typed.SaveAsSequenceFile(ctx, ages, dir+"/ages"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(typed.SequenceFile[string, int64](s, dir+"/ages", typed.Partitions(3)).Values().Reduce(ctx, func(a, b int64) int64 { return max(a, b) }))
	_, err := typed.SequenceFile[string, float64](s, dir+"/ages").Count(ctx)
	fmt.Println(strings.Contains(err.Error(), "read it as string and int64"))
	// Output:
	// 89 <nil>
	// true
}

func ExampleSession_Lines() {
	dir, remove := folder(map[string]string{"a.txt": "one\ntwo\n"})
	defer remove()
	s := session()
	places := s.Lines(dir).Map(func(l typed.Line) string {
		return fmt.Sprint(filepath.Base(l.Path), ":", l.Offset, ":", l.Text)
	})
	fmt.Println(places.Collect(ctx))
	// Output: [a.txt:0:one a.txt:4:two] <nil>
}

func ExampleSession_WholeTextFiles() {
	dir, remove := folder(map[string]string{"a.txt": "one\ntwo\n", "b.txt": "three\n"})
	defer remove()
	s := session()
	sizes := s.WholeTextFiles(dir).MapToPair(func(path, text string) (string, int) { return filepath.Base(path), len(text) })
	fmt.Println(sizes.CollectAsMap(ctx))
	// Output: map[a.txt:8 b.txt:6] <nil>
}

func ExampleRecursive() {
	dir, remove := folder(map[string]string{"a.txt": "top\n", "deep/er/b.txt": "down\n"})
	defer remove()
	s := session()
	fmt.Println(s.TextFile(dir, typed.Recursive()).Count(ctx))
	// Output: 2 <nil>
}

func ExampleSplitBytes() {
	dir, remove := folder(map[string]string{"a.txt": "one\ntwo\nsix\nten\n"})
	defer remove()
	s := session()
	lines := s.TextFile(dir, typed.SplitBytes(8))
	fmt.Println(lines.Map(func(line string) string { return line + "!" }).Collect(ctx))
	// Output: [one! two! six! ten!] <nil>
}

func ExampleSession_Parallelize() {
	s := session()
	fmt.Println(s.Parallelize([]string{"a", "b", "c"}, 2).Collect(ctx))
	// Output: [a b c] <nil>
}

func ExampleSession_Range() {
	s := session()
	fmt.Println(s.Range(5).Collect(ctx))
	fmt.Println(s.Range(3, typed.From(10), typed.Step(-2), typed.Partitions(2)).Collect(ctx))
	// Output:
	// [0 1 2 3 4] <nil>
	// [10 8 6] <nil>
}

func ExampleFrom() {
	fmt.Println(session().Range(3, typed.From(7)).Collect(ctx))
	// Output: [7 8 9] <nil>
}

func ExampleStep() {
	fmt.Println(session().Range(3, typed.Step(5)).Collect(ctx))
	// Output: [0 5 10] <nil>
}

func ExampleSession_Empty() {
	s := session()
	fmt.Println(s.Empty[string]().Count(ctx))
	// Output: 0 <nil>
}

func ExampleSession_BinaryRecords() {
	dir, remove := folder(map[string]string{"a.bin": "\x01\x00\x02\x00", "b.bin": "\x00\x01"})
	defer remove()
	numbers := session().BinaryRecords(dir, 2).Map(binary.LittleEndian.Uint16)
	fmt.Println(numbers.Collect(ctx))
	// Output: [1 2 256] <nil>
}

func ExampleSession_BinaryFiles() {
	dir, remove := folder(map[string]string{"a.png": "\x89PNG\r\n\x1a\n", "b.txt": "text"})
	defer remove()
	kinds := session().BinaryFiles(dir).Map(func(path string, content []byte) string {
		return filepath.Base(path) + ": " + http.DetectContentType(content)
	})
	fmt.Println(kinds.Collect(ctx))
	// Output: [a.png: image/png b.txt: text/plain; charset=utf-8] <nil>
}
