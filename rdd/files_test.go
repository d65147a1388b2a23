package rdd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/keptfile"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// disk is a pretended one of a thousand bytes, of which files in a directory take all
// that they have.
type disk struct {
	dir   string
	other int64 // taken by others
}

func (d *disk) space(string) (free, size int64, err error) {
	files, err := os.ReadDir(d.dir)
	free = 1000 - d.other
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return 0, 0, err
		}
		free -= info.Size()
	}
	return free, 1000, err
}

// keepSized makes a block of an RDD that has one row of so many bytes, in a file.
func keepSized(t *testing.T, b *blocks, rdd plan.StageKey, partition, size int) (ok bool) {
	t.Helper()
	typ, err := codec.TypeOf[[]byte]()
	if err != nil {
		t.Fatal(err)
	}
	row := make([]byte, size)
	for i := range row { // which cannot be compressed
		row[i] = byte(i*i*i + i>>3 + partition)
	}
	key := plan.Block{RDD: rdd, Partition: partition}
	mk := b.begin(key, "", nil)
	if mk == nil {
		t.Fatalf("%v is there", key)
	}
	m := &maker{blocks: b, making: mk, kept: &kept{key: key, level: plan.DiskOnly, like: (*Rows[[]byte])(nil), typ: typ, id: keptfile.First(key)}}
	one := func(yield func(codec.Rows) bool) error { yield(codec.RowsOf([][]byte{row})); return nil }
	if err := m.through(one)(func(codec.Rows) bool { return true }); err != nil {
		t.Fatal(err)
	}
	m.end()
	rows, _, _ := b.read(key, "", m.kept.like, typ)
	return rows != nil
}

func TestFilesLeaveRoomOnDisk(t *testing.T) {
	d := &disk{dir: t.TempDir()}
	said := 0
	b := newBlocks(&RunnerOptions{Memory: shuffle.NewMemory(1 << 20), Disk: d.space, Notice: func(string) { said++ },
		CacheDir: func() (string, error) { return d.dir, nil }})
	has := func(rdd plan.StageKey, partition int) bool {
		rows, _, _ := b.read(plan.Block{RDD: rdd, Partition: partition}, "", nil, nil)
		return rows != nil
	}
	for i := range 2 {
		if !keepSized(t, b, "c1", i, 300) {
			t.Fatalf("partition %d is not kept", i)
		}
	}
	if !has("c1", 0) { // so the other was not read for longer
		t.Fatal("partition 0 went")
	}
	d.other = 250
	if keepSized(t, b, "c1", 2, 300) || said != 1 || !has("c1", 1) {
		t.Errorf("one that has no room: %d notices, partition 1 is there: %v", said, has("c1", 1))
	}
	if _ = has("c1", 0); !keepSized(t, b, "c2", 0, 50) || has("c1", 1) || !has("c1", 0) {
		t.Error("another RDD's block made not the oldest go")
	}
	d.other = 700
	b.relieve()
	if _, gone := b.tell(nil); len(gone) != 3 {
		t.Errorf("gone: %v", gone)
	}
	if left, err := filepath.Glob(filepath.Join(d.dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
