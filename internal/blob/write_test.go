package blob

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// pieces writes text in pieces of n bytes.
func pieces(text string, n int) func(io.Writer) error {
	return func(w io.Writer) error {
		for rest := text; rest != ""; {
			k := min(n, len(rest))
			if _, err := io.WriteString(w, rest[:k]); err != nil {
				return err
			}
			rest = rest[k:]
		}
		return nil
	}
}

// TestWrittenIsAsPut, whatever its size, and is held in memory only as long as
// there is room.
func TestWrittenIsAsPut(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", pieceBytes*5/2/16)
	for _, c := range []struct {
		name, text string
		limit      int64
		files      int
	}{
		{"nothing", "", 100, 0},
		{"small", "12345678", 100, 0},
		{"small without room", "12345678", 5, 1},
		{"one piece", large[:pieceBytes], 1 << 30, 1},
		{"large", large, 1 << 30, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := New(dir, there, c.limit)
			d, err := s.Write(pieces(c.text, 1<<20-1))
			if err != nil || d != plan.DigestOf([]byte(c.text)) {
				t.Fatalf("%s, %v, want the digest of the bytes", d, err)
			}
			if got, err := s.Get(d); err != nil || string(got) != c.text {
				t.Errorf("got %d bytes, %v, want %d", len(got), err, len(c.text))
			}
			again, err := s.Write(pieces(c.text, 1<<20))
			if err != nil || again != d || s.m[d].refs != 2 || s.Put([]byte(c.text)) != d || s.m[d].refs != 3 {
				t.Errorf("again: %s, %v, %d references", again, err, s.m[d].refs)
			}
			if files := filesIn(t, dir); len(files) != c.files {
				t.Errorf("files %q, want %d", files, c.files)
			}
			s.Release(d, d, d)
			if len(s.m) != 0 || s.used != 0 || len(filesIn(t, dir)) != 0 {
				t.Errorf("left: %d blobs, %d bytes, %q", len(s.m), s.used, filesIn(t, dir))
			}
		})
	}
}

func TestNothingIsKeptOfAFailedWrite(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, there, 1<<30)
	broken := errors.New("broken")
	_, err := s.Write(func(w io.Writer) error {
		_, _ = w.Write(make([]byte, 3*pieceBytes))
		return broken
	})
	if !errors.Is(err, broken) || len(s.m) != 0 || len(filesIn(t, dir)) != 0 {
		t.Errorf("%v; left: %d blobs, %q", err, len(s.m), filesIn(t, dir))
	}
}

// TestWriteWithoutDisk costs memory only, from whichever piece on.
func TestWriteWithoutDisk(t *testing.T) {
	text := strings.Repeat("abcdefgh", pieceBytes/2)
	t.Run("from the first", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := New(file, there, 0)
		d, err := s.Write(pieces(text, 1<<20))
		if b, err2 := s.Get(d); err != nil || err2 != nil || string(b) != text {
			t.Errorf("%d bytes, %v, %v", len(b), err, err2)
		}
	})
	t.Run("from a later one", func(t *testing.T) {
		s := New(t.TempDir(), there, 0)
		w := &writer{s: s, hash: plan.NewHash()}
		defer w.discard()
		if _, err := io.WriteString(w, text[:pieceBytes]); err != nil || w.filed != pieceBytes {
			t.Fatalf("%v, %d bytes in the file", err, w.filed)
		}
		name := w.file.Name()
		if err := w.file.Close(); err != nil { // a file that takes no more
			t.Fatal(err)
		}
		var err error
		if w.file, err = os.Open(name); err != nil {
			t.Fatal(err)
		}
		if err := pieces(text[pieceBytes:], 1<<20)(w); err != nil || !w.full {
			t.Fatalf("%v, full %v", err, w.full)
		}
		d, err := w.keep()
		if b, err2 := s.Get(d); err != nil || err2 != nil || string(b) != text {
			t.Errorf("%d bytes, %v, %v", len(b), err, err2)
		}
	})
}
