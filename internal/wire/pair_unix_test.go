//go:build unix

package wire

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

const childVar = "WIRE_TEST_CHILD"

// TestChild is the program that the other tests start.
func TestChild(t *testing.T) {
	if os.Getenv(childVar) == "" {
		return
	}
	c, err := Inherited()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := os.LookupEnv(EnvVar); ok {
		t.Fatal("the variable is left for children")
	}
	m, err := c.Receive()
	o, ok := m.(*Options)
	if err != nil || !ok {
		t.Fatal(m, err)
	}
	if err := c.Send(&Started{Program: o.Scratch, PID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Receive(); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, %v, want the end", m, err)
	}
}

func startChild(t *testing.T) (*Conn, *exec.Cmd) {
	t.Helper()
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVar+"=1", EnvVar+"=3")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	return ours, cmd
}

func TestPair(t *testing.T) {
	c, cmd := startChild(t)
	if err := c.Send(&Options{Scratch: "ping"}); err != nil {
		t.Fatal(err)
	}
	m, err := c.Receive()
	if s, ok := m.(*Started); err != nil || !ok || s.Program != "ping" || s.PID != cmd.Process.Pid {
		t.Errorf("got %+v, %v", m, err)
	}
	// The child sees the end of the wire, and we then that of the child.
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestChildEndsTheWire(t *testing.T) {
	c, cmd := startChild(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if m, err := c.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, %v, want io.EOF", m, err)
	}
	err := c.Send(&Notice{Text: "hello?"})
	if err == nil {
		t.Error("a message was sent to nobody")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestSendHasADeadline(t *testing.T) {
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	f := ours.rw.(*os.File)
	if err := f.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Errorf("the socket knows no deadlines: %v", err)
	}
	done := make(chan error)
	go func() {
		for {
			if err := ours.Send(&Notice{Text: string(make([]byte, 1<<20))}); err != nil {
				done <- err
				return
			}
		}
	}()
	_ = ours.Close() // while it waits for room
	if err := <-done; err == nil {
		t.Error("sending to a closed wire worked")
	}
}

func TestInheritedRefuses(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, v := range []string{"", "x", "-1", "2", "99999", strconv.Itoa(int(file.Fd()))} {
		t.Setenv(EnvVar, v)
		if c, err := Inherited(); err == nil {
			t.Errorf("%q: got %v, want an error", v, c)
		}
	}
	if err := os.Unsetenv(EnvVar); err != nil {
		t.Fatal(err)
	}
	if c, err := Inherited(); c != nil || err != nil {
		t.Errorf("without the variable: %v, %v", c, err)
	}
}
