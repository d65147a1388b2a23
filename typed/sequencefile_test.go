package typed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/typed"
)

// Whatever partitions pairs are saved in, and however the files are cut, they come
// back in their order.
func TestSequenceFilesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := session()
		n := rapid.Int64Range(0, 5000).Draw(rt, "rows")
		wide := strings.Repeat("x", rapid.IntRange(0, 400).Draw(rt, "bytes"))
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		out := filepath.Join(dir, "out")
		rows := s.Range(n, typed.Partitions(rapid.IntRange(1, 7).Draw(rt, "partitions"))).
			MapToPair(func(i int64) (int64, []byte) { return i, []byte(fmt.Sprint(i, wide)) })
		var opts []typed.SaveOption
		if how := rapid.SampledFrom([]string{"", "zlib", "gzip", "zstd"}).Draw(rt, "compressed"); how != "" {
			opts = append(opts, typed.Compress(how))
		}
		if err := typed.SaveAsSequenceFile(t.Context(), rows, out, opts...); err != nil {
			rt.Fatal(err)
		}
		again := typed.SequenceFile[int64, []byte](s, out, typed.Partitions(rapid.IntRange(1, 40).Draw(rt, "splits")))
		got, err := again.Map(func(k int64, v []byte) string { return fmt.Sprint(k, " ", string(v)) }).Collect(t.Context())
		if err != nil || int64(len(got)) != n {
			rt.Fatalf("%d rows of %d came back, %v", len(got), n, err)
		}
		for i, row := range got {
			if want := fmt.Sprint(i, " ", i, wide); row != want {
				rt.Fatalf("row %d is %s", i, row)
			}
		}
	})
}

type name string

// Types that have names of their own, and nothing, are written and read as what they are.
func TestSequenceFilesOfNamedTypes(t *testing.T) {
	s := session()
	out := t.TempDir() + "/out"
	rows := s.Range(3, typed.Partitions(1)).MapToPair(func(i int64) (name, struct{}) { return name(fmt.Sprint("n", i)), struct{}{} })
	if err := typed.SaveAsSequenceFile(t.Context(), rows, out); err != nil {
		t.Fatal(err)
	}
	got, err := typed.SequenceFile[name, struct{}](s, out).Keys().Collect(t.Context())
	if err != nil || !slices.Equal(got, []name{"n0", "n1", "n2"}) {
		t.Errorf("%v, %v", got, err)
	}
	if first, err := typed.SequenceFile[string, struct{}](s, out).Take(t.Context(), 1); err != nil || first[0].Key != "n0" {
		t.Errorf("%v, %v", first, err)
	}
}

func TestSequenceFileErrors(t *testing.T) {
	s := session()
	dir := t.TempDir()
	rows := s.Range(100, typed.Partitions(1)).MapToPair(func(i int64) (string, int64) { return "k", i })
	if err := typed.SaveAsSequenceFile(t.Context(), rows, dir+"/out"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(dir + "/out/part-00000")
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(b)
	bad[len(bad)-10] ^= 7 // the length of a key
	for name, text := range map[string][]byte{"bad": bad, "short": b[:len(b)-1], "text": []byte("some text\n"), "zipped.gz": b} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		dir + "/bad":   fmt.Sprintf("bad at offset %d: corrupt SequenceFile", len(b)-18),
		dir + "/short": "short at offset ",
		dir + "/text":  "text: corrupt SequenceFile: it does not begin as one",
		dir + "/none":  "none: no such file",
		// By its name it is compressed as a whole.
		dir + "/zipped.gz": "gzip data is",
	} {
		if _, err := typed.SequenceFile[string, int64](s, path).Count(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, err = typed.SequenceFile[string, string](s, dir+"/out").Count(t.Context())
	want := "it has keys of org.apache.hadoop.io.Text, and values of org.apache.hadoop.io.LongWritable, and is read as string and string: read it as string and int64"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "part-00000") {
		t.Errorf("other types: %v", err)
	}
	for _, o := range []typed.SaveOption{typed.Compress("snappy"), typed.Format(func(i int64) string { return "" })} {
		if err := typed.SaveAsSequenceFile(t.Context(), rows, dir+"/more", o); err == nil || !strings.HasPrefix(err.Error(), "SaveAsSequenceFile (sequencefile_test.go:") {
			t.Errorf("got %v", err)
		}
	}
}
