package typed_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

func asText(record []byte) string { return string(record) }

// Wherever the files are cut, each record comes once, and whole.
func TestRecordsOfCutFiles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		size := rapid.IntRange(1, 300).Draw(rt, "bytes")
		var want []string
		for i := range rapid.IntRange(1, 4).Draw(rt, "files") {
			var text strings.Builder
			for k := range rapid.IntRange(0, 300).Draw(rt, "records") {
				record := fmt.Sprintf("%-*.*s", size, size, fmt.Sprint(k, " of ", i))
				want = append(want, record)
				text.WriteString(record)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(text.String()), 0o600); err != nil {
				rt.Fatal(err)
			}
		}
		got, err := session().BinaryRecords(dir, size, typed.Partitions(rapid.IntRange(1, 40).Draw(rt, "splits"))).Map(asText).Collect(t.Context())
		if err != nil || !slices.Equal(got, want) {
			rt.Fatalf("%d records of %d, %v", len(got), len(want), err)
		}
	})
}

// Rows may be kept: those of later chunks do not overwrite them.
func TestRecordsAreKept(t *testing.T) {
	const n, size = 40_000, 100
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "%*d", size, i)
	}
	path := writeFile(t, "records", b.Bytes())
	s := session()
	all, err := s.BinaryRecords(path, size, typed.Partitions(1)).Collect(t.Context())
	if err != nil || len(all) != n {
		t.Fatalf("%d records, %v", len(all), err)
	}
	for i, r := range all {
		if string(r) != fmt.Sprintf("%*d", size, i) {
			t.Fatalf("record %d is %q", i, r)
		}
	}
	if few, err := s.BinaryRecords(path, size).Take(t.Context(), 3); err != nil || len(few) != 3 || string(few[2]) != fmt.Sprintf("%*d", size, 2) {
		t.Errorf("Take gives %q, %v", few, err)
	}
}

func writeFile(t *testing.T, name string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedRecords(t *testing.T) {
	text := strings.Repeat("0123456789", 200_000)
	path := writeFile(t, "a.gz", zipped(t, text))
	got, err := session().BinaryRecords(path, 10).Map(asText).Collect(t.Context())
	if err != nil || strings.Join(got, "") != text || len(got) != 200_000 {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestBinaryErrors(t *testing.T) {
	s := session()
	path := writeFile(t, "a.bin", []byte("0123456789"))
	want := "read " + path + ": 10 bytes are not a whole number of records of 4 bytes each: 2 are left over"
	_, err := s.BinaryRecords(path, 4).Count(t.Context())
	var stage *plan.StageError
	if !errors.As(err, &stage) || stage.Class != plan.FailInput || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	short := writeFile(t, "b.gz", zipped(t, "0123456789"))
	if _, err := s.BinaryRecords(short, 4).Count(t.Context()); err == nil || !strings.Contains(err.Error(), "b.gz: 10 bytes are not a whole number") {
		t.Errorf("got %v", err)
	}
	for _, size := range []int{0, -1, 1<<30 + 1} {
		if err := s.BinaryRecords(path, size).Err(); err == nil || !strings.HasPrefix(err.Error(), "BinaryRecords (binary_test.go:") {
			t.Errorf("records of %d bytes: %v", size, err)
		}
	}
	// The row at which the user's function fails has its place.
	_, err = s.BinaryRecords(path, 2).Map(func(b []byte) int {
		if b[0] == '6' {
			panic("six")
		}
		return 0
	}).Count(t.Context())
	if !errors.As(err, &stage) || stage.Path != path || stage.Offset != 6 {
		t.Errorf("got %v", err)
	}
}

func TestBinaryFilesAreAsTheyAreStored(t *testing.T) {
	b := zipped(t, "text")
	path := writeFile(t, "a.gz", b)
	got, err := session().BinaryFiles(path).Collect(t.Context())
	if err != nil || len(got) != 1 || got[0].Key != path || !bytes.Equal(got[0].Value, b) {
		t.Errorf("got %q, %v", got, err)
	}
	// A file of more than a row holds has no bytes on the disk.
	large := writeFile(t, "large", nil)
	if err := os.Truncate(large, 1<<30+1); err != nil {
		t.Fatal(err)
	}
	if _, err := session().BinaryFiles(large).Count(t.Context()); err == nil || !strings.Contains(err.Error(), "large: 1073741825 bytes are more than the limit of 1073741824") {
		t.Errorf("got %v", err)
	}
}
