package rdd

import (
	"container/list"
	"errors"

	"github.com/gordd-project/gordd/rdd/plan"
)

// fileOrder is the files of kept blocks, guarded by the mutex of blocks.
type fileOrder struct {
	disk  func(dir string) (free, size int64, err error)
	dir   string     // "": none was ever made
	made  int        // ever
	order *list.List // *kept, the one read last in front
}

func (f *fileOrder) add(k *kept) { k.on = f.order.PushFront(k) }

func (f *fileOrder) remove(k *kept) {
	if k.on != nil {
		f.order.Remove(k.on)
		k.on = nil
	}
}

// reserve is how much of a disk is left to shuffles and others: a tenth, but no more
// than 10 GiB.
func reserve(size int64) int64 { return min(size/10, 10<<30) }

var errDiskShort = errors.New("the disk is nearly full, and what is left is for shuffles")

// spare removes files until the reserve of the disk is free, of the blocks first that
// were not read for the longest time, but of no block of one RDD. The error says that
// these are not enough.
func (b *blocks) spare(but plan.StageKey) error {
	b.mu.Lock()
	disk, dir := b.files.disk, b.files.dir
	b.mu.Unlock()
	if disk == nil || dir == "" {
		return nil
	}
	free, size, err := disk(dir)
	if err != nil { // a disk of which nothing is known has what it has
		return nil
	}
	for short := reserve(size) - free; short > 0; {
		file, bytes := b.oldestFile(but)
		if file == "" {
			return errDiskShort
		}
		removeAll(file)
		short -= bytes
	}
	return nil
}

// relieve is for a task that begins, which may need the disk too.
func (b *blocks) relieve() {
	b.mu.Lock()
	n := b.files.order.Len()
	b.mu.Unlock()
	if n > 0 {
		_ = b.spare("") // it gets what there is
	}
}

// oldestFile takes the file of the block that was not read for the longest time, but of
// no block of one RDD; "": there is none.
func (b *blocks) oldestFile(but plan.StageKey) (file string, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := b.files.order.Back(); e != nil; e = e.Prev() {
		k := e.Value.(*kept)
		if k.busy || k.key.RDD == but {
			continue
		}
		file, bytes = k.file, k.bytes
		b.files.remove(k)
		k.file, k.bytes = "", 0
		if k.at == nil { // it is nowhere else
			b.gone[k.key] = true
			delete(b.kept, k.key)
		}
		return file, bytes
	}
	return "", 0
}
