//go:build unix

package hdfslab

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// Once is the lab that the tests of one package share. It starts when the first of them asks.
type Once struct {
	// Options are those of the lab.
	Options Options

	once sync.Once
	lab  *Lab
	err  error
}

// Get returns the lab. On a machine that cannot have one the test is skipped, or fails where the
// environment says CI=true.
func (o *Once) Get(t testing.TB) *Lab {
	t.Helper()
	o.once.Do(func() { o.lab, o.err = Start(o.Options) })
	switch {
	case o.err == nil:
	case errors.Is(o.err, ErrMissing) && os.Getenv("CI") != "true":
		t.Skipf("no HDFS to test with: %v", o.err)
	default:
		t.Fatal(o.err)
	}
	return o.lab
}

// Close ends the lab if it was started. TestMain calls it after the last test.
func (o *Once) Close() error {
	o.once.Do(func() {})
	if o.lab == nil {
		return nil
	}
	return o.lab.Close()
}
