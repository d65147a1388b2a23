//go:build unix

package hdfslab_test

import (
	"context"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/hdfslab"
)

var lab = hdfslab.Once{Options: hdfslab.Options{Datanodes: 2}}

func TestMain(m *testing.M) { lab.Main(m) }

func TestDaemonsDieAndComeBack(t *testing.T) {
	l := lab.Get(t)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	if err := l.Data[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(ctx, 1); err != nil {
		t.Fatalf("the name node did not see the death: %v", err)
	}
	if err := l.Data[1].Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(ctx, 2); err != nil {
		t.Fatalf("the data node did not come back: %v", err)
	}
	if err := l.Name.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := l.Name.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(ctx, 2); err != nil {
		t.Fatalf("the name node did not come back: %v", err)
	}
}
