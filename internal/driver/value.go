package driver

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// Value is what one partition gave the driver. It is valid until the function
// that got it returns.
type Value struct {
	bytes []byte
	path  string
	size  int64
}

// Inline is a value that is in memory.
func Inline(b []byte) Value { return Value{bytes: b, size: int64(len(b))} }

// InFile is a value in a file, which goes when it was used.
func InFile(path string) Value {
	v := Value{path: path}
	if fi, err := os.Stat(path); err == nil {
		v.size = fi.Size()
	}
	return v
}

// Len returns the number of bytes.
func (v Value) Len() int64 { return v.size }

// Bytes returns the value whole. It must not be changed.
func (v Value) Bytes() ([]byte, error) {
	if v.path == "" {
		return v.bytes, nil
	}
	b, err := os.ReadFile(v.path)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return b, nil
}

// Open returns a reader of the value, for one that is better not held in memory
// at once.
func (v Value) Open() (io.ReadCloser, error) {
	if v.path == "" {
		return io.NopCloser(bytes.NewReader(v.bytes)), nil
	}
	f, err := os.Open(v.path)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return f, nil
}

// drop removes the file of a value that has been used.
func (v Value) drop() {
	if v.path != "" {
		_ = os.Remove(v.path)
	}
}
