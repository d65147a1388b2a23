package oracle

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// file is one that a pipeline reads.
type file struct {
	name, text string
	zipped     bool
}

// folder makes the files of a seed, in the order in which they are read: empty
// ones, such as end without an end of line, with ends of all kinds, and
// compressed ones.
func folder(seed int) []file {
	r := rand.New(rand.NewPCG(uint64(seed), 2))
	m := maker{r}
	files := make([]file, 1+r.IntN(5))
	for i := range files {
		var b strings.Builder
		end := []string{"\n", "\r\n", "\n\n", "\r\r\n"}[r.IntN(4)]
		for range []int{0, 1, 2, 7, 40}[r.IntN(5)] {
			b.WriteString(m.text() + end)
		}
		text := b.String()
		if r.IntN(3) == 0 {
			text = strings.TrimSuffix(text, []string{"\n", end}[r.IntN(2)])
		}
		files[i] = file{fmt.Sprintf("%d.txt", i), text, r.IntN(4) == 0}
		if files[i].zipped {
			files[i].name += ".gz"
		}
	}
	return files
}

// Write writes the files of a seed to a directory, and gives that.
func Write(dir string, seed int) string {
	if err := write(dir, folder(seed)); err != nil {
		panic(err)
	}
	return dir
}

func write(dir string, files []file) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, f := range files {
		b := []byte(f.text)
		if f.zipped {
			var err error
			if b, err = zip(b); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, f.name), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

func zip(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Text is what TextFile reads of the files of a seed.
func Text(seed int) Data[string] {
	return Map(Places(seed), func(l typed.Line) string { return l.Text })
}

// Places is what Lines reads of the files of a seed.
func Places(seed int) Data[typed.Line] {
	var all []typed.Line
	for _, f := range folder(seed) {
		s := bufio.NewScanner(strings.NewReader(f.text))
		at := int64(0)
		s.Split(func(data []byte, end bool) (int, []byte, error) {
			n, line, err := bufio.ScanLines(data, end)
			if line != nil {
				all = append(all, typed.Line{Path: f.name, Offset: at, Text: string(line)})
			}
			at += int64(n)
			return n, line, err
		})
		for s.Scan() {
			continue
		}
	}
	return Data[typed.Line]{all}
}

// At shows a line with its place.
func At(l typed.Line) string {
	return fmt.Sprintf("%s@%d %s", filepath.Base(l.Path), l.Offset, l.Text)
}

// Whole is what WholeTextFiles reads of the files of a seed, by [Base].
func Whole(seed int) Data[Pair[string, string]] {
	var all []Pair[string, string]
	for _, f := range folder(seed) {
		all = append(all, Pair[string, string]{Key: f.name, Value: f.text})
	}
	return Data[Pair[string, string]]{all}
}

// Base leaves out the directory of a file, which is another in each run.
func Base(path, text string) (string, string) { return filepath.Base(path), text }

// Sums is what BinaryFiles reads of the files of a seed, by [Sum].
func Sums(seed int) Data[Pair[string, string]] {
	var all []Pair[string, string]
	for _, f := range folder(seed) {
		b := []byte(f.text)
		if f.zipped {
			var err error
			if b, err = zip(b); err != nil {
				panic(err)
			}
		}
		name, sum := Sum(f.name, b)
		all = append(all, Pair[string, string]{Key: name, Value: sum})
	}
	return Data[Pair[string, string]]{all}
}

// Sum shows a file by its checksum.
func Sum(path string, content []byte) (string, string) {
	return filepath.Base(path), fmt.Sprintf("%d %08x", len(content), crc32.ChecksumIEEE(content))
}

// RecordBytes is how many bytes the records of a seed have.
func RecordBytes(seed int) int { return []int{1, 2, 3, 8, 50}[seed%5] }

// records are the records of the files of a seed: what is whole of their text.
func records(seed int) []file {
	files := folder(seed)
	for i := range files {
		f := &files[i]
		f.text = f.text[:len(f.text)/RecordBytes(seed)*RecordBytes(seed)]
	}
	return files
}

// WriteRecords writes files of records to a directory, and gives that.
func WriteRecords(dir string, seed int) string {
	if err := write(dir, records(seed)); err != nil {
		panic(err)
	}
	return dir
}

// Records is what BinaryRecords reads of the files of WriteRecords, by [Record].
func Records(seed int) Data[string] {
	var all []string
	for _, f := range records(seed) {
		for b := range slices.Chunk([]byte(f.text), RecordBytes(seed)) {
			all = append(all, Record(b))
		}
	}
	return Data[string]{all}
}

// Record shows a record.
func Record(b []byte) string { return string(b) }
