package proxy

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// serve answers every connection, and gives the address. It closes them, unless they
// are to stay.
func serve(t *testing.T, answer []byte, stay bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.CopyN(io.Discard, c, 3)
				_, _ = c.Write(answer)
				if stay {
					_, _ = io.Copy(io.Discard, c)
				}
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// ask gives what comes over a proxy, and how it ended.
func ask(t *testing.T, addr string) ([]byte, error) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "ask"); err != nil {
		return nil, err
	}
	return io.ReadAll(c)
}

func TestFaults(t *testing.T) {
	answer := bytes.Repeat([]byte("0123456789"), 100)
	server := serve(t, answer, false)
	differs := func(got []byte, err error) bool {
		return err == nil && len(got) == len(answer) && !bytes.Equal(got, answer)
	}
	for name, tt := range map[string]struct {
		f    Faults
		good func([]byte, error) bool
		hurt bool
	}{
		"nothing": {Faults{}, func(b []byte, err error) bool { return err == nil && bytes.Equal(b, answer) }, false},
		"late":    {Faults{Late: 1, Delay: time.Millisecond}, func(b []byte, err error) bool { return err == nil && bytes.Equal(b, answer) }, true},
		"after":   {Faults{After: 321}, func(b []byte, err error) bool { return err == nil && bytes.Equal(b, answer[:321]) }, false},
		"reset":   {Faults{Reset: 1}, func(_ []byte, err error) bool { return err != nil }, true},
		"cut":     {Faults{Cut: 1}, func(b []byte, err error) bool { return err == nil && len(b) < 1000 && bytes.HasPrefix(answer, b) }, true},
		"flip":    {Faults{Flip: 1}, differs, true},
		"drop":    {Faults{Drop: 1}, func(b []byte, err error) bool { return err == nil && len(b) == 0 }, true},
		"twice":   {Faults{Twice: 1}, func(b []byte, err error) bool { return err == nil && len(b) == 2000 }, true},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := New(l, server, tt.f)
		got, err := ask(t, l.Addr().String())
		if !tt.good(got, err) || (p.Hurt() > 0) != tt.hurt {
			t.Errorf("%s: %d bytes, %v, %d faults", name, len(got), err, p.Hurt())
		}
		p.Close()
	}
}

// A connection that stalls stays open until somebody closes it.
func TestStall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := New(l, serve(t, []byte("x"), true), Faults{Stall: 1})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(c)
		ended <- b
	}()
	if _, err := io.WriteString(c, "ask"); err != nil {
		t.Fatal(err)
	}
	for p.Hurt() == 0 {
		select {
		case <-ended:
			t.Fatal("it has ended")
		case <-time.After(time.Millisecond):
		}
	}
	p.Close()
	if b := <-ended; len(b) != 0 {
		t.Errorf("got %q", b)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("a closed proxy takes connections")
	}
}

// The same seed draws the same lots.
func TestSeed(t *testing.T) {
	draw := func(seed uint64) (all []bool) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := New(l, "", Faults{Seed: seed})
		defer p.Close()
		for range 100 {
			all = append(all, p.chance(0.5))
		}
		return all
	}
	if !slices.Equal(draw(1), draw(1)) || slices.Equal(draw(1), draw(2)) {
		t.Error("lots do not come from the seed")
	}
}
