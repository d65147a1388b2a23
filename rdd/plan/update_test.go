package plan

import (
	"bytes"
	"testing"
)

func TestUpdates(t *testing.T) {
	want := []Update{{1, []byte("one")}, {1 << 40, nil}, {3, make([]byte, 300)}}
	var u Updates
	for _, w := range want {
		u = u.With(w.Accumulator, w.Value)
	}
	i := 0
	for got, err := range u.All() {
		if err != nil || got.Accumulator != want[i].Accumulator || !bytes.Equal(got.Value, want[i].Value) {
			t.Errorf("update %d: %v, %v", i, got, err)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d updates, want %d", i, len(want))
	}
	if err := CheckUpdates(make(Updates, MaxUpdates)); err != nil {
		t.Error(err)
	}
	if CheckUpdates(make(Updates, MaxUpdates+1)) == nil {
		t.Error("too many bytes are let pass")
	}
}

func FuzzUpdates(f *testing.F) {
	f.Add([]byte(Updates(nil).With(7, []byte("x"))))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 0
		for u, err := range Updates(b).All() {
			if err != nil {
				return
			}
			if size += len(u.Value); size > len(b) {
				t.Fatal("more than there is")
			}
		}
	})
}
