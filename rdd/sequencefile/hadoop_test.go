//go:build unix

package sequencefile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/internal/hdfslab"
)

// runHadoop runs testdata/Sequence.java with Hadoop's own classes.
func runHadoop(t *testing.T, classes string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "java", append([]string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m",
		"-Djava.io.tmpdir=" + t.TempDir(), "-cp", classes, "testdata/Sequence.java"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, &errs)
	}
	return string(out)
}

// columns are what Hadoop writes of row i, by the class.
var columns = map[string]func(i int) any{
	"Text":           func(i int) any { return text(i) },
	"BytesWritable":  func(i int) any { return []byte(text(i)) },
	"IntWritable":    func(i int) any { return int32(-i) },
	"LongWritable":   func(i int) any { return int64(-i) * 10_000_000_000 },
	"FloatWritable":  func(i int) any { return float32(i) / 2 },
	"DoubleWritable": func(i int) any { return float64(i) / 4 },
	"BooleanWritable": func(i int) any {
		return i%3 == 0
	},
	"NullWritable": func(int) any { return struct{}{} },
}

func text(i int) string { return fmt.Sprint("grün ", strings.Repeat("x", i%300), i) }

const hadoopRows = 3000

// Files that Hadoop writes, in all three ways, are read as it wrote them, and are cut
// where it cuts them.
func TestReadsWhatHadoopWrites(t *testing.T) {
	classes := hdfslab.ClassPath(t)
	dir := t.TempDir()
	runHadoop(t, classes, "write", dir, fmt.Sprint(hadoopRows))
	files, err := filepath.Glob(dir + "/[A-Z]*-*-*")
	if err != nil || len(files) != 15 {
		t.Fatalf("Hadoop wrote %v, %v", files, err)
	}
	const parts = 7
	counts := strings.Split(strings.TrimSpace(runHadoop(t, classes, append([]string{"split", fmt.Sprint(parts)}, files...)...)), "\n")
	for i, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			names := strings.Split(filepath.Base(path), "-")[1:]
			var mine []string
			n := 0
			for p := range int64(parts) {
				size := int64(len(file))
				records, err := read(file, size*p/parts, size*(p+1)/parts)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range records {
					same(t, names[0], r.key, n)
					same(t, names[1], r.value, n)
					n++
				}
				mine = append(mine, fmt.Sprint(len(records)))
			}
			if got := strings.Join(mine, " "); n != hadoopRows || got != counts[i] {
				t.Errorf("parts of %s records, Hadoop has %s", got, counts[i])
			}
		})
	}
}

// same compares what was read of row i with what Hadoop was given.
func same(t *testing.T, class, b string, i int) {
	t.Helper()
	want := columns[class](i)
	v := reflect.New(reflect.TypeOf(want))
	c, ok := ForReading(hadoop+class, v.Type().Elem())
	if !ok || !c.Decode([]byte(b), unsafe.Pointer(v.Pointer())) || !reflect.DeepEqual(v.Elem().Interface(), want) {
		t.Fatalf("row %d: %v, want %v", i, v.Elem(), want)
	}
}

// Hadoop reads what is written here, and cuts it in the same places.
func TestHadoopReadsWhatIsWritten(t *testing.T) {
	classes := hdfslab.ClassPath(t)
	dir := t.TempDir()
	var files, mine []string
	var want strings.Builder
	const parts = 5
	for _, how := range []string{"", "zlib", "gzip"} { // its zstd needs a library in C
		for _, names := range [][2]string{{"Text", "LongWritable"}, {"NullWritable", "Text"}, {"IntWritable", "BytesWritable"}} {
			file := classed(t, how, names, &want)
			path := filepath.Join(dir, how+"-"+names[0])
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, path)
			var counts []string
			for p, size := int64(0), int64(len(file)); p < parts; p++ {
				records, err := read(file, size*p/parts, size*(p+1)/parts)
				if err != nil {
					t.Fatal(err)
				}
				counts = append(counts, fmt.Sprint(len(records)))
			}
			mine = append(mine, strings.Join(counts, " "))
		}
	}
	if got := runHadoop(t, classes, append([]string{"read"}, files...)...); got != want.String() {
		got, want := strings.Split(got, "\n"), strings.Split(want.String(), "\n")
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("line %d of %d: Hadoop reads %s, want %s", i, len(got), got[i], want[i])
			}
		}
		t.Fatalf("Hadoop reads %d lines, want %d", len(got), len(want))
	}
	got := strings.Split(strings.TrimSpace(runHadoop(t, classes, append([]string{"split", fmt.Sprint(parts)}, files...)...)), "\n")
	if !slices.Equal(got, mine) {
		t.Errorf("parts of %v records, Hadoop has %v", mine, got)
	}
}

// classed makes a file of rows of two classes, and the text that Hadoop has of it.
func classed(t *testing.T, how string, names [2]string, want *strings.Builder) []byte {
	var b bytes.Buffer
	h := Header{Key: hadoop + names[0], Value: hadoop + names[1]}
	h.Codec, _ = CodecOf(how)
	w, err := NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range hadoopRows {
		var kv [2][]byte
		for k, name := range names {
			v := reflect.New(reflect.TypeOf(columns[name](i)))
			v.Elem().Set(reflect.ValueOf(columns[name](i)))
			c, ok := ForWriting(v.Type().Elem())
			if !ok {
				t.Fatal(name)
			}
			kv[k] = c.Append(nil, unsafe.Pointer(v.Pointer()))
			want.WriteString(shown(v.Elem().Interface()))
			want.WriteByte("\t\n"[k])
		}
		if err := w.Append(kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shown is a value as Hadoop prints it.
func shown(v any) string {
	switch v := v.(type) {
	case []byte:
		return fmt.Sprintf("% x", v)
	case struct{}:
		return "(null)"
	}
	return fmt.Sprint(v)
}
