package storage

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

type row struct {
	Path   string
	Offset int64
	Text   string
}

// wantRows is the oracle: bufio over the whole content, with offsets counted by hand.
func wantRows(path, content string) []row {
	var rows []row
	sc := bufio.NewScanner(strings.NewReader(content))
	sc.Buffer(nil, len(content)+2)
	var at int64
	sc.Split(func(data []byte, eof bool) (int, []byte, error) {
		n, token, err := bufio.ScanLines(data, eof)
		if token != nil || n > 0 {
			rows = append(rows, row{path, at, string(token)})
			at += int64(n)
		}
		return n, token, err
	})
	for sc.Scan() {
	}
	return rows
}

// readRows reads splits one after the other and checks what a chunk promises.
func readRows(splits []Split, opt TextOptions) ([]row, error) {
	var rows []row
	for _, s := range splits {
		r := OpenText(s, opt)
		for {
			c, err := r.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return rows, errors.Join(err, r.Close())
			}
			for i, line := range c.Lines {
				at := c.Offset(i) - c.Start
				if got := c.Text[at : at+int64(len(line))]; got != line {
					return rows, fmt.Errorf("line %d of chunk at %d: %q, text has %q", i, c.Start, line, got)
				}
				rows = append(rows, row{c.Path, c.Offset(i), strings.Clone(line)})
			}
		}
		if err := r.Close(); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func expand(t testing.TB, paths string) []Info {
	t.Helper()
	files, err := Expand(context.Background(), paths, ExpandOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sameRows(got, want []row) error {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("row %d: got %.80q, want %.80q", i, fmt.Sprint(got[i]), fmt.Sprint(want[i]))
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d rows, want %d", len(got), len(want))
	}
	return nil
}

// compressed returns content as the extension says, in several members where that is allowed.
func compressed(t testing.TB, ext, content string, members int) []byte {
	t.Helper()
	var c compression
	for _, c = range compressions {
		if c.ext == ext {
			break
		}
	}
	var b bytes.Buffer
	for i := range members {
		w, err := c.writer(&b)
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := len(content)*i/members, len(content)*(i+1)/members
		if _, err := io.WriteString(w, content[lo:hi]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func genContent(t *rapid.T) string {
	pieces := rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{"\n", "\r\n", "\r", "a", "\n\n", "\xff\xfe", "ü", "\x00"}),
		rapid.StringN(0, 12, -1),
		rapid.Map(rapid.IntRange(1, 9000), func(n int) string { return strings.Repeat("x", n) }),
	), 0, 60).Draw(t, "pieces")
	return strings.Join(pieces, "")
}

// TestSplitsGiveEveryLineOnce is the contract: any files, split count, chunk size and
// compression give the lines of the whole files in order, with their offsets.
func TestSplitsGiveEveryLineOnce(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		var files []Info
		var want []row
		for i := range rapid.IntRange(1, 4).Draw(rt, "files") {
			content := genContent(rt)
			ext := rapid.SampledFrom([]string{"", "", "", ".gz", ".zst"}).Draw(rt, "ext")
			path := filepath.Join(dir, fmt.Sprintf("%d-%d.txt%s", n, i, ext))
			stored := content
			if ext != "" {
				stored = string(compressed(t, ext, content, rapid.IntRange(1, 3).Draw(rt, "members")))
			}
			write(t, path, stored)
			files = append(files, expand(t, path)...)
			want = append(want, wantRows(path, content)...)
		}
		opt := SplitOptions{
			MinSplits: rapid.IntRange(0, 40).Draw(rt, "splits"),
			MaxBytes:  rapid.Int64Range(1, 20_000).Draw(rt, "max"),
			MinBytes:  1,
			OpenCost:  rapid.Int64Range(1, 100).Draw(rt, "cost"),
			NoPack:    rapid.Bool().Draw(rt, "nopack"),
			NoCut:     rapid.Bool().Draw(rt, "nocut"),
		}
		splits := Splits(files, opt)
		got, err := readRows(splits, TextOptions{
			ChunkBytes: rapid.IntRange(1, 10_000).Draw(rt, "chunk"),
			Reuse:      rapid.Bool().Draw(rt, "reuse"),
		})
		if err != nil {
			rt.Fatal(err)
		}
		if err := sameRows(got, want); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestCutAnywhere cuts one small content at every pair of places.
func TestCutAnywhere(t *testing.T) {
	content := "ab\r\n\ncd\r\r\n\n\nx\r"
	path := write(t, filepath.Join(t.TempDir(), "f"), content)
	whole := PartOf(expand(t, path)[0])
	want := wantRows(path, content)
	for a := range len(content) + 1 {
		for b := a; b <= len(content); b++ {
			for _, chunk := range []int{1, 5, 17, 1000} {
				var parts []Part
				for _, r := range [][2]int{{0, a}, {a, b}, {b, len(content)}} {
					p := whole
					p.Offset, p.Length = int64(r[0]), int64(r[1]-r[0])
					parts = append(parts, p)
				}
				got, err := readRows([]Split{{Parts: parts}}, TextOptions{ChunkBytes: chunk, Reuse: chunk%2 == 0 || a%2 == 0})
				if err == nil {
					err = sameRows(got, want)
				}
				if err != nil {
					t.Fatalf("cut at %d and %d, chunks of %d: %v", a, b, chunk, err)
				}
			}
		}
	}
}

// TestChunks: fresh memory keeps all chunks as they were, reused memory is really one buffer,
// also when lines do not fit and are carried over.
func TestChunks(t *testing.T) {
	var content strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&content, "%d:%s\n", i, strings.Repeat("z", i%97*(i%2*5)))
	}
	path := write(t, filepath.Join(t.TempDir(), "f"), content.String())
	for _, reuse := range []bool{false, true} {
		r := OpenText(Split{Parts: []Part{PartOf(expand(t, path)[0])}}, TextOptions{ChunkBytes: 4096, Reuse: reuse})
		var kept []string
		var got strings.Builder
		places := map[*byte]bool{}
		for {
			c, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			must(t, err)
			if c.Start != int64(got.Len()) || c.Path != path {
				t.Errorf("chunk of %s at %d, want %d", c.Path, c.Start, got.Len())
			}
			got.WriteString(c.Text)
			kept = append(kept, c.Text)
			places[unsafe.StringData(c.Text)] = true
		}
		if got.String() != content.String() {
			t.Errorf("reuse %v: text differs", reuse)
		}
		if !reuse && strings.Join(kept, "") != content.String() {
			t.Error("a chunk changed after the next was read")
		}
		if n := len(places); reuse && n > 1 || !reuse && n != len(kept) {
			t.Errorf("reuse %v: %d buffers for %d chunks", reuse, n, len(kept))
		}
	}
}

func TestVeryLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("200 MB")
	}
	dir := t.TempDir()
	const size = 200 << 20
	line := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	path := filepath.Join(dir, "long")
	content := slicesConcat([]byte("first\n"), line, []byte("\nlast\n"))
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	files := expand(t, path)
	var granted, most int64
	opt := TextOptions{Grow: func(n int64) bool {
		granted += n
		most = max(most, granted)
		return true
	}}
	var lens []int
	for _, s := range Splits(files, SplitOptions{MinSplits: 8}) {
		r := OpenText(s, opt)
		for {
			c, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range c.Lines {
				lens = append(lens, len(l))
			}
		}
	}
	if fmt.Sprint(lens) != fmt.Sprint([]int{5, size, 4}) {
		t.Errorf("lengths %v", lens)
	}
	if granted != 0 {
		t.Errorf("%d bytes not given back", granted)
	}
	if most < size || most > 3*size {
		t.Errorf("asked for at most %d bytes for a line of %d", most, size)
	}
}

func slicesConcat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestLineLimits(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "f"), "short\n"+strings.Repeat("x", 100)+"\r\nshort\n")
	gz := filepath.Join(dir, "f.gz")
	write(t, gz, string(compressed(t, ".gz", read(t, path), 1)))
	for _, p := range []string{path, gz} {
		for _, chunk := range []int{16, 64, 1 << 20} {
			splits := Splits(expand(t, p), SplitOptions{})
			_, err := readRows(splits, TextOptions{ChunkBytes: chunk, MaxLine: 99})
			wantKind(t, err, TooLarge, p, "offset 6", "99 bytes")
			if _, err := readRows(splits, TextOptions{ChunkBytes: chunk, MaxLine: 100}); err != nil {
				t.Errorf("line of just the limit: %v", err)
			}
		}
		_, err := readRows(Splits(expand(t, p), SplitOptions{}),
			TextOptions{ChunkBytes: 16, Grow: func(int64) bool { return false }})
		wantKind(t, err, TooLarge, p, "no memory", "offset 6")
	}
}

func TestDamagedCompression(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for range 40_000 {
		fmt.Fprintln(&text, rng.Uint64())
	}
	for _, ext := range []string{".gz", ".zst"} {
		whole := compressed(t, ext, text.String(), 1)
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 0x10
		cases := []struct {
			name, mention string
			data          []byte
		}{
			{"truncated in the middle", "truncated", whole[:len(whole)/2]},
			{"truncated in the header", "truncated", whole[:3]},
			{"without its last byte", "", whole[:len(whole)-1]},
			{"flipped bit", "", flipped},
			{"not compressed at all", "corrupt", []byte(strings.Repeat("hello\n", 10))},
		}
		for _, c := range cases {
			t.Run(c.name+ext, func(t *testing.T) {
				before := openFiles(t)
				path := write(t, filepath.Join(t.TempDir(), "x"+ext), string(c.data))
				files := expand(t, path)
				_, err := readRows(Splits(files, SplitOptions{}), TextOptions{})
				wantKind(t, err, Corrupt, path, "at offset ", c.mention)
				_, err = ReadWhole(t.Context(), PartOf(files[0]), 1<<30)
				wantKind(t, err, Corrupt, path, "at offset ", c.mention)
				if n := openFiles(t); n != before {
					t.Errorf("%d files open, %d before", n, before)
				}
			})
		}
	}
}

func TestBzip2IsRead(t *testing.T) {
	// printf 'hello\nworld\n' | bzip2
	data := "BZh91AY&SYk_\xb1\xdd\x00\x00\x02A\x80\x00\x10\x06D\x90\x80 \x001\x0c\x08!\xa3i\x08\x07#\xae\x87\x8b\xb9\"\x9c(H5\xaf\xd8\xee\x80"
	path := write(t, filepath.Join(t.TempDir(), "f.bz2"), data)
	got, err := readRows(Splits(expand(t, path), SplitOptions{}), TextOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sameRows(got, []row{{path, 0, "hello"}, {path, 6, "world"}}); err != nil {
		t.Error(err)
	}
}

func TestChangedInput(t *testing.T) {
	line := strings.Repeat("y", 999) + "\n"
	grow := func(t *testing.T, path string) { write(t, path, strings.Repeat(line, 31)) }
	shrink := func(t *testing.T, path string) { write(t, path, line) }
	rewrite := func(t *testing.T, path string) {
		write(t, path, strings.Repeat(strings.ToUpper(line), 30))
		later := time.Now().Add(time.Hour)
		if err := os.Chtimes(path, later, later); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*testing.T, string){"grown": grow, "shrunk": shrink, "rewritten": rewrite} {
		for _, during := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s while reading %v", name, during), func(t *testing.T) {
				path := write(t, filepath.Join(t.TempDir(), "f"), strings.Repeat(line, 30))
				r := OpenText(Splits(expand(t, path), SplitOptions{})[0], TextOptions{ChunkBytes: 4000})
				defer r.Close() //nolint:errcheck // reading only
				if during {
					if _, err := r.Next(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				change(t, path)
				var err error
				for err == nil {
					_, err = r.Next(t.Context())
				}
				wantKind(t, err, Changed, path, "input changed since planning")
				if _, again := r.Next(t.Context()); !errors.Is(again, err) {
					t.Errorf("second error %v, want the first, %v", again, err)
				}
			})
		}
	}
	t.Run("another file of the same length and time", func(t *testing.T) {
		path := write(t, filepath.Join(t.TempDir(), "f"), line)
		splits := Splits(expand(t, path), SplitOptions{})
		splits[0].Parts[0].FileID = 7 // a disk's files have none
		_, err := readRows(splits, TextOptions{})
		wantKind(t, err, Changed, path, "another file has its name")
	})
	t.Run("removed", func(t *testing.T) {
		path := write(t, filepath.Join(t.TempDir(), "f"), line)
		splits := Splits(expand(t, path), SplitOptions{})
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		_, err := readRows(splits, TextOptions{})
		wantKind(t, err, NotFound, path)
	})
}

func TestCancelIsSeenAtEveryChunk(t *testing.T) {
	before := openFiles(t)
	path := write(t, filepath.Join(t.TempDir(), "f"), strings.Repeat("line\n", 1000))
	r := OpenText(Splits(expand(t, path), SplitOptions{})[0], TextOptions{ChunkBytes: 100})
	ctx, cancel := context.WithCancelCause(t.Context())
	if _, err := r.Next(ctx); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("sibling failed")
	cancel(cause)
	if _, err := r.Next(ctx); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
	if n := openFiles(t); n != before {
		t.Errorf("%d files open, %d before", n, before)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseInTheMiddleLeavesNothingOpen(t *testing.T) {
	before := openFiles(t)
	dir := t.TempDir()
	content := strings.Repeat("some line or other\n", 50_000)
	write(t, filepath.Join(dir, "a"), content)
	write(t, filepath.Join(dir, "b.gz"), string(compressed(t, ".gz", content, 1)))
	write(t, filepath.Join(dir, "c.zst"), string(compressed(t, ".zst", content, 1)))
	for _, f := range expand(t, dir) {
		r := OpenText(Split{Parts: []Part{PartOf(f)}}, TextOptions{ChunkBytes: 1000})
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := r.Next(t.Context()); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("Next after Close: %v", err)
		}
	}
	if n := openFiles(t); n != before {
		t.Errorf("%d files open, %d before", n, before)
	}
}

// TestStoreErrorsAreNotAnEnd has a store fail with what looks like an end of the file.
func TestStoreErrorsAreNotAnEnd(t *testing.T) {
	dir := t.TempDir()
	lost := fmt.Errorf("connection lost: %w", io.EOF)
	content := strings.Repeat("line\n", 100_000)
	write(t, filepath.Join(dir, "a"), content)
	write(t, filepath.Join(dir, "b.gz"), string(compressed(t, ".gz", content, 1)))
	write(t, filepath.Join(dir, "c.zst"), string(compressed(t, ".zst", content, 1)))
	for _, f := range expand(t, dir) {
		for _, op := range []string{"open", "read"} {
			p := PartOf(f)
			p.Path = withFaults(t, f.Path, func(o, _ string) error {
				if o == op {
					return lost
				}
				return nil
			})
			_, err := readRows([]Split{{Parts: []Part{p}}}, TextOptions{})
			wantKind(t, err, Other, "connection lost")
			if errors.Is(err, io.EOF) {
				t.Errorf("%s: %v passes for the end", op, err)
			}
		}
	}
}

func TestBadPartsAreRefused(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), "0123456789\n")
	good := PartOf(expand(t, path)[0])
	for _, change := range []func(p *Part){
		func(p *Part) { p.Offset = -1 },
		func(p *Part) { p.Length = -1 },
		func(p *Part) { p.Length++ },
		func(p *Part) { p.Offset = 1 << 62; p.Length = 1 << 62 },
		func(p *Part) { p.Compression = "rot13" },
		func(p *Part) { p.Compression = "gzip"; p.Length = 3 },
	} {
		p := good
		change(&p)
		_, err := readRows([]Split{{Parts: []Part{p}}}, TextOptions{})
		wantKind(t, err, Invalid, path)
	}
}

func TestReadWhole(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("0123456789", 300_000)
	write(t, filepath.Join(dir, "a"), content)
	write(t, filepath.Join(dir, "b.gz"), string(compressed(t, ".gz", content, 3)))
	write(t, filepath.Join(dir, "c.zst"), string(compressed(t, ".zst", content, 2)))
	write(t, filepath.Join(dir, "d"), "")
	before := openFiles(t)
	for _, f := range expand(t, dir) {
		want := content
		if f.Size == 0 {
			want = ""
		}
		got, err := ReadWhole(t.Context(), PartOf(f), int64(len(content)))
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d", f.Path, len(got), err, len(want))
		}
		if f.Size == 0 {
			continue
		}
		_, err = ReadWhole(t.Context(), PartOf(f), int64(len(content)-1))
		wantKind(t, err, TooLarge, f.Path, "limit of 2999999")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ReadWhole(ctx, PartOf(f), 1<<30); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want cancelled", f.Path, err)
		}
		p := PartOf(f)
		p.ModTime++
		_, err = ReadWhole(t.Context(), p, 1<<30)
		wantKind(t, err, Changed, f.Path)
	}
	if n := openFiles(t); n != before {
		t.Errorf("%d files open, %d before", n, before)
	}
}

// TestSmallSplitsReadLittle: a part reads its own bytes and a little, not a chunk beyond.
func TestSmallSplitsReadLittle(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), strings.Repeat("0123456789abcde\n", 1<<16))
	p := PartOf(expand(t, path)[0])
	p.Offset, p.Length = 1000, 1000
	l, err := openLines(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close() //nolint:errcheck // reading only
	r := OpenText(Split{}, TextOptions{})
	if text, _, err := l.lines(r); err != nil || len(text) != 992+16 && len(text) != 992 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if l.pos > 2000+lookahead {
		t.Errorf("read to %d", l.pos)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\r\nb\n\nc", uint16(3), uint16(20), uint8(0))
	f.Add(strings.Repeat("x", 5000)+"\n", uint16(100), uint16(16), uint8(1))
	f.Add("\x1f\x8b\x08", uint16(1), uint16(1), uint8(2))
	dir := f.TempDir()
	exts := []string{"", ".gz", ".zst", ".bz2"}
	f.Fuzz(func(t *testing.T, content string, splits, chunk uint16, kind uint8) {
		ext := exts[int(kind)%len(exts)]
		path := write(t, filepath.Join(dir, "f"+ext), content)
		files := expand(t, path)
		cut := Splits(files, SplitOptions{MinSplits: int(splits), MinBytes: 1, OpenCost: 1})
		got, err := readRows(cut, TextOptions{ChunkBytes: int(chunk), MaxLine: 1 << 20})
		if ext != "" { // arbitrary bytes: any error of ours, no panic
			if err != nil && KindOf(err) != Corrupt && KindOf(err) != TooLarge {
				t.Fatal(err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRows(got, wantRows(path, content)); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkText(b *testing.B) {
	dir := b.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < 256<<20 {
		text.WriteString(strings.Repeat("w", 20+rng.IntN(80)))
		text.WriteByte('\n')
	}
	write(b, filepath.Join(dir, "f.txt"), text.String())
	write(b, filepath.Join(dir, "f.gz"), string(compressed(b, ".gz", text.String(), 1)))
	write(b, filepath.Join(dir, "f.zst"), string(compressed(b, ".zst", text.String(), 1)))
	size := int64(text.Len())
	text.Reset()
	for _, c := range []struct {
		name, file string
		opt        TextOptions
	}{
		{"fresh1M", "f.txt", TextOptions{}},
		{"fresh256K", "f.txt", TextOptions{ChunkBytes: 256 << 10}},
		{"reuse256K", "f.txt", TextOptions{ChunkBytes: 256 << 10, Reuse: true}},
		{"gzip", "f.gz", TextOptions{}},
		{"zstd", "f.zst", TextOptions{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			split := Splits(expand(b, filepath.Join(dir, c.file)), SplitOptions{NoCut: true})[0]
			b.SetBytes(size)
			for b.Loop() {
				r := OpenText(split, c.opt)
				for {
					if _, err := r.Next(b.Context()); err != nil {
						if errors.Is(err, io.EOF) {
							break
						}
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func TestOpenPart(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("0123456789", 1000)
	path := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := Local{}.Stat(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	part := PartOf(info)
	part.Offset, part.Length = 5, 10 // the file is open as a whole all the same
	r, err := OpenPart(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil || string(all) != text {
		t.Errorf("%d bytes, %v", len(all), err)
	}
	if _, err := r.Seek(-3, io.SeekEnd); err != nil {
		t.Error(err)
	}
	if end, err := io.ReadAll(r); err != nil || string(end) != "789" {
		t.Errorf("got %q, %v", end, err)
	}
	if err := os.WriteFile(path, []byte(text+"more"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.Close(), Changed, path)
	_, err = OpenPart(t.Context(), part)
	wantKind(t, err, Changed, path)
}

// What is compressed as a whole is read from its beginning, decompressed.
func TestOpenPartOfCompressed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gz")
	w, err := Local{}.Create(t.Context(), path)
	if err == nil {
		w, err = Compress(w, "gzip")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("some text")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := Local{}.Stat(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenPart(t.Context(), PartOf(info))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Seek(0, io.SeekStart)
	wantKind(t, err, Invalid, "can only be read from its beginning")
	if all, err := io.ReadAll(r); err != nil || string(all) != "some text" {
		t.Errorf("got %q, %v", all, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
