package keptfile

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle/block"
)

var this = plan.Block{RDD: "c1", Partition: 7}

// file gives a file of a few blocks, written as executors do: the head again when the
// bytes are known.
func file(t testing.TB, h Head) []byte {
	t.Helper()
	typ, err := codec.TypeOf[string]()
	if err != nil {
		t.Fatal(err)
	}
	enc := block.Encoder{Type: typ}
	id := First(h.Block)
	var blocks []byte
	for i := range 3 {
		rows := []string{"some", "rows", fmt.Sprint(i)}
		if blocks, _, err = enc.Append(blocks, id, codec.RowsOf(rows)); err != nil {
			t.Fatal(err)
		}
		id.Seq++
	}
	var out, again bytes.Buffer
	if err := errors.Join(h.Write(&out, 0), h.Write(&again, int64(len(blocks)))); err != nil {
		t.Fatal(err)
	}
	if out.Len() != again.Len() {
		t.Fatalf("a head of %d bytes, and then of %d", out.Len(), again.Len())
	}
	return append(again.Bytes(), blocks...)
}

func sample() Head {
	return Head{Block: this, Level: plan.MemoryAndDisk, Of: "s1:2 ", Rows: 9, Grown: 1 << 20,
		Added: []Added{{this, plan.Updates("u")}, {plan.Block{RDD: "c0", Partition: 3}, plan.Updates("vw")}}}
}

func TestHeadsTravel(t *testing.T) {
	want := sample()
	b := file(t, want)
	got, at, err := Read(bytes.NewReader(b), int64(len(b)), this)
	if err != nil || !reflect.DeepEqual(got, &want) {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := block.Parse(b[at : at+block.HeaderSize]); err != nil {
		t.Errorf("no block at byte %d: %v", at, err)
	}
	if err := Verify(bytes.NewReader(b), int64(len(b)), this); err != nil {
		t.Error(err)
	}
}

// Every byte counts, and every end.
func TestDamageIsFound(t *testing.T) {
	b := file(t, sample())
	check := func(b []byte) error { return Verify(bytes.NewReader(b), int64(len(b)), this) }
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 0x10
		if err := check(bad); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("byte %d is another: %v", i, err)
		}
		if err := check(b[:i]); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("cut at byte %d: %v", i, err)
		}
	}
	if err := check(append(bytes.Clone(b), 0)); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	for _, other := range []plan.Block{{RDD: "c1", Partition: 8}, {RDD: "c2", Partition: 7}} {
		if err := Verify(bytes.NewReader(b), int64(len(b)), other); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("it is taken for %+v: %v", other, err)
		}
	}
}

func TestHeadsThatNobodyWrites(t *testing.T) {
	for name, spoil := range map[string]func(*Head){
		"no such level":       func(h *Head) { h.Level = 200 },
		"less than no rows":   func(h *Head) { h.Rows = -1 },
		"less than no bytes":  func(h *Head) { h.Grown = -1 },
		"updates of no RDD":   func(h *Head) { h.Added[0].Block.RDD = "" },
		"updates of nobody":   func(h *Head) { h.Added[0].Block.Partition = -1 },
		"updates of too many": func(h *Head) { h.Added[0].Updates = make(plan.Updates, plan.MaxUpdates+1) },
	} {
		h := sample()
		spoil(&h)
		b := file(t, h)
		if _, _, err := Read(bytes.NewReader(b), int64(len(b)), this); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	b := file(f, sample())
	f.Add(b)
	f.Add(b[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, at, err := Read(bytes.NewReader(b), int64(len(b)), this)
		if err == nil && (h.Block != this || at < fixed || at > int64(len(b))) {
			t.Errorf("%+v, blocks from %d on of %d", h, at, len(b))
		}
		_ = Verify(bytes.NewReader(b), int64(len(b)), this)
	})
}
