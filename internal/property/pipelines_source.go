package property

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

func ints(s *typed.Session, in Input) typed.RDD[int64]     { return s.Parallelize(in.Ints, in.Parts) }
func strs(s *typed.Session, in Input) typed.RDD[string]    { return s.Parallelize(in.Words, in.Parts) }
func floats(s *typed.Session, in Input) typed.RDD[float64] { return s.Parallelize(in.Floats, in.Parts) }
func recs(s *typed.Session, in Input) typed.RDD[Rec]       { return s.Parallelize(in.Recs, in.Parts) }

// keyed makes a PairRDD of KVs.
func keyed(s *typed.Session, rows []KV, parts int) typed.PairRDD[string, int64] {
	return s.Parallelize(rows, parts).MapToPair(KV.Pair)
}

func kvs(s *typed.Session, in Input) typed.PairRDD[string, int64] {
	return keyed(s, in.Pairs, in.Parts)
}

// atLine shows a line with its place.
func atLine(l typed.Line) string {
	return fmt.Sprintf("%s@%d %s", filepath.Base(l.Path), l.Offset, l.Text)
}

// wantLines gives the lines of all files as atLine shows them.
func wantLines(in Input) []string {
	var out []string
	for _, f := range in.Files {
		at, rest := 0, f.Bytes
		for _, text := range f.Lines {
			out = append(out, fmt.Sprintf("%s@%d %s", f.Path, at, text))
			end := strings.IndexByte(rest, '\n') + 1
			at, rest = at+end, rest[end:]
		}
	}
	return out
}

func wantText(in Input) []string {
	return slices.Concat(each(in.Files, func(f File) []string { return f.Lines })...)
}

// nested writes files at several depths and gives their directory.
func nested(in Input) (string, error) {
	for i, name := range []string{"1", "2/3", "2/4/5", "6"} {
		path := filepath.Join(in.Scratch, "in", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, "first of %d\nlast of %d\n", i, i), 0o666); err != nil {
			return "", err
		}
	}
	return filepath.Join(in.Scratch, "in"), nil
}

func sourceCases() []Case {
	return []Case{
		{"Parallelize", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Collect(ctx))
		}, func(in Input) []string { return text(in.Ints) }},
		{"Parallelize/records", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(recs(s, in).Collect(ctx))
		}, func(in Input) []string { return text(in.Recs) }},
		{"Parallelize/more partitions than rows", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.Parallelize(first(in.Floats, 9), 40).Collect(ctx))
		}, func(in Input) []string { return text(first(in.Floats, 9)) }},
		{"Range", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.Range(int64(in.Size)).Collect(ctx))
		}, func(in Input) []string { return text(counted(0, 1, in.Size)) }},
		{"Range/options", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.Range(int64(in.Size), typed.From(-17), typed.Step(-3), typed.Partitions(in.Parts)).Collect(ctx))
		}, func(in Input) []string { return text(counted(-17, -3, in.Size)) }},
		{"Empty", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.Empty[string]().Union(strs(s, in),
				s.Empty[string]()).Collect(ctx))
		}, func(in Input) []string { return text(in.Words) }},
		{"Empty/grouped", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := s.Empty[KV]().MapToPair(KV.Pair)
			return show(p.ReduceByKey(addInts, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return nil }},
		{"TextFile/directory", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.TextFile(in.Dir).Collect(ctx))
		}, wantText},
		{"TextFile/small splits", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			size := max(int64(in.Size)/4, 100)
			return show(s.TextFile(in.Dir+"/?.txt,"+in.Dir+"/*.gz", typed.SplitBytes(size), typed.Partitions(in.Parts)).Collect(ctx))
		}, wantText},
		{"TextFile/recursive", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			dir, err := nested(in)
			if err != nil {
				return nil, err
			}
			return show(s.TextFile(dir, typed.Recursive()).Collect(ctx))
		}, func(Input) []string {
			return []string{"first of 0", "last of 0", "first of 1", "last of 1", "first of 2", "last of 2", "first of 3", "last of 3"}
		}},
		{"Lines", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.Lines(in.Dir, typed.SplitBytes(1000)).Map(atLine).Collect(ctx))
		}, wantLines},
		{"WholeTextFiles", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			files := s.WholeTextFiles(in.Dir, typed.Partitions(3))
			return show(files.Map(func(path, text string) string { return filepath.Base(path) + ": " + text }).Collect(ctx))
		}, func(in Input) []string {
			return each(in.Files, func(f File) string { return f.Path + ": " + f.Bytes })
		}},
		{"BinaryFiles", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.BinaryFiles(in.Dir, typed.Partitions(3)).Map(atContent).Collect(ctx))
		}, wantContents},
		{"BinaryRecords", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			dir, err := recordFiles(in, 6)
			if err != nil {
				return nil, err
			}
			records := s.BinaryRecords(dir, 6, typed.SplitBytes(100), typed.Partitions(in.Parts))
			return show(records.Map(func(b []byte) string { return string(b) }).Collect(ctx))
		}, func(in Input) []string { return slices.Concat(recordsOf(in, 6)...) }},
	}
}

// atContent shows a file by what it has.
func atContent(path string, content []byte) string {
	return fmt.Sprintf("%s: %d bytes, crc %08x", filepath.Base(path), len(content), crc32.ChecksumIEEE(content))
}

// wantContents shows the files of the directory as they are stored.
func wantContents(in Input) (out []string) {
	for _, f := range in.Files {
		b, err := os.ReadFile(filepath.Join(in.Dir, f.Path))
		if err != nil {
			panic(err)
		}
		out = append(out, atContent(f.Path, b))
	}
	return out
}

// recordsOf gives, for each of some files, records of one length.
func recordsOf(in Input, size int) [][]string {
	files := make([][]string, 5)
	for i, word := range in.Words {
		if at := i % 7; at < len(files) { // other numbers of them in each, and few in none
			record := fmt.Sprint(i, word) + strings.Repeat(" ", size)
			files[at] = append(files[at], record[:size])
		}
	}
	return files
}

// recordFiles writes recordsOf to files, and gives their directory.
func recordFiles(in Input, size int) (string, error) {
	dir := filepath.Join(in.Scratch, "records")
	err := os.MkdirAll(dir, 0o777)
	for i, records := range recordsOf(in, size) {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(strings.Join(records, "")), 0o666)
		}
	}
	return dir, err
}

func counted(from, step int64, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = from + int64(i)*step
	}
	return out
}
