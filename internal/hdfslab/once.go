//go:build unix

package hdfslab

import (
	"context"
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
	need(t, o.err)
	return o.lab
}

// ClassPath returns Hadoop's classes, for java -cp, to a test that runs something of its own with them.
// Where there cannot be any it is as with [Once.Get].
func ClassPath(t testing.TB) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), startTime)
	defer stop()
	classes, err := classPath(ctx)
	need(t, err)
	return classes
}

func need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("CI") != "true":
		t.Skipf("no HDFS to test with: %v", err)
	default:
		t.Fatal(err)
	}
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
