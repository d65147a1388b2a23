package typed_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/typed"
)

// Whatever partitions rows are saved in, and however the files are cut, they come
// back in their order.
func TestObjectFilesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := session()
		n := rapid.Int64Range(0, 5000).Draw(rt, "rows")
		wide := strings.Repeat("x", rapid.IntRange(0, 400).Draw(rt, "bytes"))
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		out := filepath.Join(dir, "out")
		rows := s.Range(n, typed.Partitions(rapid.IntRange(1, 7).Draw(rt, "partitions"))).Map(func(i int64) string { return fmt.Sprint(i, wide) })
		if err := rows.SaveAsObjectFile(t.Context(), out); err != nil {
			rt.Fatal(err)
		}
		want, err := rows.Collect(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		got, err := typed.ObjectFile[string](s, out, typed.Partitions(rapid.IntRange(1, 40).Draw(rt, "splits"))).Collect(t.Context())
		if err != nil || !slices.Equal(got, want) {
			rt.Fatalf("%d rows of %d came back, %v", len(got), len(want), err)
		}
	})
}

// A few rows of each of many batches share a block, and a filter's rows do not keep
// what they were cut from.
func TestObjectFilesOfAFewRows(t *testing.T) {
	s := session()
	out := t.TempDir() + "/out"
	few := s.Range(300_000, typed.Partitions(1)).Filter(func(i int64) bool { return i%1000 == 0 })
	if err := few.SaveAsObjectFile(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if got, err := typed.ObjectFile[int64](s, out).Collect(t.Context()); err != nil || len(got) != 300 || got[299] != 299_000 {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

func TestObjectFileErrors(t *testing.T) {
	s := session()
	dir := t.TempDir()
	type other struct{ A, B string }
	if err := s.Range(100, typed.Partitions(1)).SaveAsObjectFile(t.Context(), dir+"/out"); err != nil {
		t.Fatal(err)
	}
	part := dir + "/out/part-00000"
	b, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(b)
	damaged[50] ^= 1
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(b); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"damaged": damaged, "short": b[:len(b)-1], "text": []byte(strings.Repeat("some text\n", 9)), "zipped.gz": zipped.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		dir + "/damaged":   "damaged at offset 0: corrupt object file: block 0",
		dir + "/short":     "short: corrupt object file: it does not end as one",
		dir + "/text":      "text: corrupt object file: it does not end as one",
		dir + "/zipped.gz": "can only be read from its beginning",
		dir + "/none":      "none: no such file",
	} {
		if _, err := typed.ObjectFile[int64](s, path).Count(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, err = typed.ObjectFile[other](s, part).Count(t.Context())
	if err == nil || !strings.Contains(err.Error(), "it has rows of int64 (schema ") || !strings.Contains(err.Error(), "is read as rows of typed_test.other") {
		t.Errorf("another type: %v", err)
	}
	if _, err := typed.ObjectFile[func()](s, part).Count(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "ObjectFile (objectfile_test.go:") {
		t.Errorf("rows that cannot travel: %v", err)
	}
	for _, o := range []typed.SaveOption{typed.Compress("gzip"), typed.Format(func(i int64) string { return "" })} {
		if err := s.Range(1).SaveAsObjectFile(t.Context(), dir+"/more", o); err == nil || !strings.HasPrefix(err.Error(), "SaveAsObjectFile (objectfile_test.go:") {
			t.Errorf("got %v", err)
		}
	}
}
