package driver

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range []Value{Inline([]byte("abc")), InFile(path)} {
		r, err := v.Open()
		if err != nil {
			t.Fatal(err)
		}
		streamed, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Error(err)
		}
		whole, err := v.Bytes()
		if err != nil || string(whole) != "abc" || string(streamed) != "abc" || v.Len() != 3 {
			t.Errorf("got %q, %q, %d, %v", whole, streamed, v.Len(), err)
		}
		v.drop()
	}
	gone := InFile(path)
	if _, err := gone.Bytes(); err == nil {
		t.Error("a value without its file was read")
	}
	if _, err := gone.Open(); err == nil {
		t.Error("a value without its file was opened")
	}
}
