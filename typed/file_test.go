package typed

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/internal/wire"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0123")
	if err := os.WriteFile(path, []byte("some words"), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shipped.Store(nil) })
	shipped.Store(&[]wire.File{{Name: "other", Path: "nowhere"}, {Name: "words", Path: path}})
	for range 2 {
		f, err := File("words")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil || string(b) != "some words" {
			t.Errorf("got %q, %v", b, err)
		}
		if _, err := f.WriteString("x"); err == nil {
			t.Error("it can be written")
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{
		"wrods":      `file "wrods" was not shipped: there are other, words: file does not exist`,
		"../other":   `file "../other" was not shipped: there are other, words: file does not exist`,
		"other":      "open nowhere: no such file or directory",
		"words\x00x": `file "words\x00x" was not shipped: there are other, words: file does not exist`,
	} {
		if _, err := File(name); err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}
