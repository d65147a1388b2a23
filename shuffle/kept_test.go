package shuffle

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
)

// TestKeep keeps rows in little memory and in much, and reads them twice, in whole and
// in part.
func TestKeep(t *testing.T) {
	typ, err := codec.TypeOf[string]()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]string, 5000)
	for i := range rows {
		rows[i] = fmt.Sprint("row ", i*i)
	}
	for _, limit := range []int64{1, 100 << 10, 0} {
		dir := t.TempDir()
		mem := NewMemory(1 << 30).Open("kept")
		var spilled int64
		k, err := Keep(Config{Dir: dir, Limit: limit, Mem: mem, Spilled: &spilled}, typ, stream(rows, 128))
		if err != nil {
			t.Fatal(err)
		}
		if (spilled > 0) != (limit > 0) || k.Len() != int64(len(rows)) {
			t.Errorf("limit %d: %d bytes spilled, %d rows", limit, spilled, k.Len())
		}
		for _, n := range []int{len(rows), 3, 0, len(rows)} {
			var got []string
			if err := k.Rows(func(batch codec.Rows) bool {
				got = append(got, codec.Slice[string](batch)...)
				return len(got) < n
			}); err != nil {
				t.Fatal(err)
			}
			if len(got) < n || !slices.Equal(got, rows[:len(got)]) {
				t.Errorf("limit %d: got %d rows, want the first %d", limit, len(got), n)
			}
		}
		k.Close()
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 || mem.Used() != 0 {
			t.Errorf("limit %d: %d files and %d bytes are left, %v", limit, len(left), mem.Used(), err)
		}
		mem.Close()
	}
}

func TestKeepFails(t *testing.T) {
	typ, err := codec.TypeOf[string]()
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if _, err := Keep(Config{}, typ, func(yield func(codec.Rows) bool) error {
		yield(codec.RowsOf([]string{"one"}))
		return broken
	}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := Keep(Config{Dir: t.TempDir() + "/none", Limit: 1}, typ, stream(make([]string, 9000), 9000)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
