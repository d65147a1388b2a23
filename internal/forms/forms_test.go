package forms

import (
	"errors"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

type number struct{ N int }

type word struct{ W string }

func positive(n *number) bool { return n.N > 0 }

func TestTable(t *testing.T) {
	table := NewTable(plan.MaxEncoded, Of(1, positive), Value[word](2, nil))
	for _, m := range []any{&number{7}, word{"x"}} {
		kind, b, err := table.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := table.Decode(kind, b)
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := got.(*number); ok && *n != (number{7}) || !ok && got != m {
			t.Errorf("got %v, want %v", got, m)
		}
	}
	kind, b, err := table.Encode(&number{-1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Decode(kind, b); !errors.Is(err, ErrRange) {
		t.Errorf("got %v", err)
	}
	for _, m := range []any{nil, number{1}, &word{}, 3} {
		if _, _, err := table.Encode(m); err == nil {
			t.Errorf("%T was encoded", m)
		}
	}
	if _, err := table.Decode(3, nil); err == nil || table.Has(3) || !table.Has(2) || len(table.Types()) != 2 {
		t.Error("it knows what it does not have, or the other way round")
	}
	if _, err := table.Decode(2, []byte{0xdd, 0x7f, 0xff, 0xff, 0xff}); err == nil {
		t.Error("a body that announces more than it has")
	}
}

func TestTableRefusesDoubles(t *testing.T) {
	for name, fs := range map[string][]Form{
		"kind": {Of[number](1, nil), Of[word](1, nil)}, "type": {Of[word](1, nil), Of[word](2, nil)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("two forms of one %s", name)
				}
			}()
			NewTable(plan.MaxEncoded, fs...)
		}()
	}
}
