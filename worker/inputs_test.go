package worker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/shuffle"
)

func TestReadable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "output")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		part shuffle.Part
		want bool
	}{
		"whole":       {shuffle.Part{Path: path, Ranges: [][2]int64{{0, 4}, {4, 10}}}, true},
		"too short":   {shuffle.Part{Path: path, Ranges: [][2]int64{{4, 11}, {0, 0}}}, false},
		"not there":   {shuffle.Part{Path: path + "x", Ranges: [][2]int64{{0, 1}}}, false},
		"a directory": {shuffle.Part{Path: dir, Ranges: [][2]int64{{0, 1}}}, false},
		"a device":    {shuffle.Part{Path: os.DevNull, Ranges: [][2]int64{{0, 0}}}, false},
	} {
		if got := readable(c.part); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
