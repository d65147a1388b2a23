package shuffle

import (
	"io"
	"os"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// Kept are the rows of a stream, kept to be read any number of times.
type Kept struct {
	mem  share
	kept kept
}

// Keep reads a stream of rows of type typ and keeps them, in memory and, when that is used up, in a file. Close lets go
// of them.
func Keep(cfg Config, typ *codec.Type, in RawStream) (*Kept, error) {
	cfg = cfg.withDefaults()
	k := &Kept{mem: cfg.share()}
	k.kept = newKept(cfg, &k.mem, typ)
	err := in(k.kept.add)
	if err == nil {
		err = k.kept.err
	}
	if err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// Len is the number of rows.
func (k *Kept) Len() int64 { return k.kept.n }

// Rows pushes the rows to yield as they came, until it returns false.
func (k *Kept) Rows(yield func(codec.Rows) bool) error {
	k.kept.all(yield)
	return k.kept.err
}

// Close lets go of the rows.
func (k *Kept) Close() { k.kept.close() }

// kept keeps rows to be read again: in memory and, when that is used up, in a file before.
type kept struct {
	cfg    Config
	typ    *codec.Type
	store  *rowStore
	n      int64 // rows
	file   *os.File
	blocks *block.Writer
	err    error
}

func newKept(cfg Config, mem *share, typ *codec.Type) kept {
	return kept{cfg: cfg, typ: typ, store: newRowStore(mem, cfg, typ, 0)}
}

func (k *kept) add(rows codec.Rows) bool {
	k.n += int64(rows.Len)
	for k.err == nil {
		n := k.store.add(rows)
		if rows = k.typ.Part(rows, n, rows.Len); rows.Len == 0 {
			return true
		}
		k.err = k.spill()
	}
	return false
}

func (k *kept) spill() error {
	if k.file == nil {
		f, err := k.cfg.tempFile("group")
		if err != nil {
			return err
		}
		k.file = f
	}
	if k.blocks == nil {
		k.blocks = block.NewWriter(k.file, block.ID{}, k.typ, k.cfg.Compress, minRunBlock*4)
	}
	before := k.blocks.Bytes()
	for c := range k.store.parts() {
		if err := k.blocks.Write(k.store.part(c)); err != nil {
			return err
		}
	}
	k.store.clear()
	err := k.blocks.Flush()
	k.cfg.spilled(k.blocks.Bytes() - before)
	return err
}

func (k *kept) all(visit func(codec.Rows) bool) {
	if k.err != nil || k.blocks != nil && !k.stored(visit) {
		return
	}
	for c := range k.store.parts() {
		if !visit(k.store.part(c)) {
			return
		}
	}
}

// stored visits the rows in the file.
func (k *kept) stored(visit func(codec.Rows) bool) bool {
	size := k.blocks.Bytes()
	run := runRows{
		blocks: block.NewReader(io.NewSectionReader(k.file, 0, size), block.ID{}, k.typ, size),
		rows:   k.typ.NewBuffer(0),
	}
	for {
		rows, _, err := run.next()
		if err != nil {
			k.err = err
			return false
		}
		if rows.Len == 0 {
			return true
		}
		if !visit(rows) {
			return false
		}
	}
}

// reset forgets the rows.
func (k *kept) reset() {
	k.store.clear()
	k.n = 0
	if k.blocks == nil {
		return
	}
	k.blocks = nil
	if _, err := k.file.Seek(0, io.SeekStart); err != nil {
		k.err = err
	}
}

func (k *kept) close() {
	k.store.free()
	if k.file != nil {
		removeFile(k.file)
	}
}
