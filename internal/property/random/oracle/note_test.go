package oracle

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// kindsOf says what is special in the files of some seeds.
func kindsOf(seeds int) map[string]bool {
	kinds := map[string]bool{}
	for seed := range seeds {
		for _, f := range folder(seed) {
			kinds["compressed"] = kinds["compressed"] || f.zipped
			kinds["empty"] = kinds["empty"] || f.text == ""
			kinds["crlf"] = kinds["crlf"] || strings.Contains(f.text, "\r\n")
			kinds["no end"] = kinds["no end"] || f.text != "" && !strings.HasSuffix(f.text, "\n")
			kinds["cr at the end"] = kinds["cr at the end"] || strings.HasSuffix(f.text, "\r")
			kinds["empty line"] = kinds["empty line"] || strings.Contains(f.text, "\n\n")
		}
	}
	return kinds
}

func TestFilesOfAllKinds(t *testing.T) {
	for kind, drawn := range kindsOf(100) {
		if !drawn {
			t.Errorf("no file is %s", kind)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for seed := range 20 {
		if got := Write(dir, seed); got != dir {
			t.Fatalf("got %s", got)
		}
		for _, want := range folder(seed) {
			f, err := os.Open(filepath.Join(dir, want.name))
			if err != nil {
				t.Fatal(err)
			}
			r := io.Reader(f)
			if want.zipped {
				if r, err = gzip.NewReader(f); err != nil {
					t.Fatal(err)
				}
			}
			b, err := io.ReadAll(r)
			if err != nil || string(b) != want.text {
				t.Errorf("%s of seed %d is %q, %v", want.name, seed, b, err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestPlaces(t *testing.T) {
	for seed := range 50 {
		files := map[string]string{}
		for _, f := range folder(seed) {
			files[f.name] = f.text
		}
		lines := Places(seed).All()
		for _, l := range lines {
			rest := files[l.Path][l.Offset:]
			line, _, _ := strings.Cut(rest, "\n")
			if strings.TrimSuffix(line, "\r") != l.Text {
				t.Errorf("seed %d: %s", seed, At(l))
			}
		}
		n := 0
		for _, text := range files {
			n += strings.Count(text, "\n")
			if text != "" && !strings.HasSuffix(text, "\n") {
				n++
			}
		}
		if len(lines) != n || len(Text(seed).All()) != n || len(Whole(seed).All()) != len(files) {
			t.Errorf("seed %d: %d lines, want %d", seed, len(lines), n)
		}
	}
	if got := At(typed.Line{Path: "/a/b.txt", Offset: 7, Text: "x"}); got != "b.txt@7 x" {
		t.Error(got)
	}
}

func TestFilesAreRead(t *testing.T) {
	var cases []Case
	for seed := range 12 {
		cases = append(cases,
			Case{Name: "text", Once: true, Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
				return Lines(s.TextFile(Write(dir, seed)+"/*.txt*", typed.SplitBytes(7)).Collect(ctx))
			}, Want: func() []string { return Must(Lines(Text(seed).All(), nil)) }},
			Case{Name: "lines", Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
				return Lines(s.Lines(Write(dir, seed)).Map(At).Collect(ctx))
			}, Want: func() []string { return Must(Lines(Map(Places(seed), At).All(), nil)) }},
			Case{Name: "whole", Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
				return Pairs(s.WholeTextFiles(Write(dir, seed)).MapToPair(Base).Collect(ctx))
			}, Want: func() []string { return Must(Pairs(Whole(seed).All(), nil)) }})
	}
	for _, f := range run(t, cases...) {
		t.Errorf("%s, %s: %s", f.Case, f.Mode, f.Error)
	}
}

func noteRows(where string, row int64) { Note(where, row) }

func notePart(where string, t *typed.Task, rows iter.Seq[int64]) error {
	return NoteAll(where, t, rows)
}

func TestNotes(t *testing.T) {
	want := Must(Lines(Range(30, 0, 1, 4).All(), nil))
	all := func() []string { return want }
	found := run(t,
		Case{Name: "rows", Order: Seen, Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
			return Noted(dir, s.Range(30, typed.Partitions(4)).With(dir).ForEach(ctx, noteRows))
		}, Want: all},
		Case{Name: "partitions", Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
			return Noted(dir, s.Range(30, typed.Partitions(4)).With(dir).ForEachPartition(ctx, notePart))
		}, Want: all},
		Case{Name: "too few", Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
			return Noted(dir, s.Range(29, typed.Partitions(4)).With(dir).ForEachPartition(ctx, notePart))
		}, Want: all},
	)
	if len(found) != 1 || found[0].Case != "too few" {
		t.Error(found)
	}
	if got, err := Noted("nowhere", nil); err != nil || got == nil || len(got) > 0 {
		t.Error(got, err)
	}
	if _, err := Noted("nowhere", io.EOF); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func rejectOdd(t *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for n := range rows {
			if n%2 == 1 {
				Reject(t, n)
			} else if !yield(n) {
				return
			}
		}
	}
}

func TestBadRows(t *testing.T) {
	odd := func(ctx context.Context, s *typed.Session, _ string) ([]string, error) {
		return Lines(s.Range(30, typed.Partitions(4)).MapPartitions(rejectOdd).Collect(ctx))
	}
	even := Must(Lines(Range(15, 0, 2, 1).All(), nil))
	found := run(t,
		Case{Name: "right", Once: true, Run: odd, Want: func() []string {
			return Must(Lines(MapPartitions(Range(30, 0, 1, 4), rejectOdd).All(), nil))
		}},
		Case{Name: "none expected", Once: true, Run: odd, Want: func() []string { return even }},
		Case{Name: "never an error", Once: true, Run: numbers, Want: func() []string {
			Reject(nil, 1)
			return Must(Lines(Range(30, 0, 1, 4).All(), nil))
		}},
		Case{Name: "not counted", Run: odd, Want: func() []string { return even }},
	)
	var got []string
	for _, f := range found {
		text, _, _ := strings.Cut(f.Error, "\n")
		got = append(got, f.Case+", "+f.Mode+": "+text)
	}
	slices.Sort(got)
	if len(got) != 4 || got[0] != "never an error, failing at bad rows: there are 1 bad rows, but no error" ||
		got[1] != "never an error, fused: 0 rows were set aside, want 1" || !strings.HasPrefix(got[2], "none expected, failing at bad rows: ") ||
		got[3] != "none expected, fused: 15 rows were set aside, want 0" {
		t.Errorf("got %q", got)
	}
}

func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b": "/x/1.txt\t5\t\"no\"\t\"{1 0xc0001234}\"\n", "a": "\t-1\t\"no\"\t\"y\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{".\t-1\t\"no\"\t\"y\"", "1.txt\t5\t\"no\"\t\"{1 0x}\""}
	if got, err := setAside(dir); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := setAside(dir); err != nil || len(got) > 0 {
		t.Errorf("they are still there: %q, %v", got, err)
	}
}
