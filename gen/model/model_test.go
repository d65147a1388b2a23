package model

import "testing"

func TestRef(t *testing.T) {
	p := &Package{Ops: []Op{{ID: "a"}, {ID: "b"}}}
	for part, want := range map[Part]string{{Op: 0}: "a", {Op: 1, Name: "map"}: "b/map"} {
		if got := p.Ref(part); got != want {
			t.Errorf("%v: got %s, want %s", part, got, want)
		}
	}
}

func TestEmpty(t *testing.T) {
	tests := []struct {
		name string
		p    Package
		want bool
	}{
		{"nothing", Package{}, true},
		{"operators of another file", Package{Ops: make([]Op, 2), First: 2}, true},
		{"one of its own", Package{Ops: make([]Op, 2), First: 1}, false},
		{"a loop over those of others", Package{Ops: make([]Op, 2), First: 2, Kernels: make([]Kernel, 1)}, false},
		{"a generic function", Package{Generics: []*Generic{{}}}, false},
		{"an instance of another package's", Package{Calls: []string{"lib.RddRegisterF[int]"}}, false},
		{"what is only said", Package{Cuts: make([]Cut, 1), Notes: make([]Note, 1)}, true},
	}
	for _, test := range tests {
		if got := test.p.Empty(); got != test.want {
			t.Errorf("%s: got %t", test.name, got)
		}
	}
}

func TestPos(t *testing.T) {
	if got := (Pos{"p.go", 3, 14}).String(); got != "p.go:3" {
		t.Errorf("got %s", got)
	}
}
