//go:build unix

package hdfslab

import (
	"errors"
	"fmt"
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

// Main runs the tests of a package, ends the lab if it was started, and exits: all that TestMain does.
func (o *Once) Main(m *testing.M) {
	code := m.Run()
	if err := o.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func (o *Once) close() error {
	o.once.Do(func() {})
	if o.lab == nil {
		return nil
	}
	return o.lab.Close()
}
