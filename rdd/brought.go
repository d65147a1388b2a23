package rdd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/keptfile"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/shuffle/block"
)

// cached opens a source whose rows are kept: where its block is here it is read. Where
// another executor has it, it is brought when it is read, and made if that cannot be.
func (t *Task) cached(sp *SourcePart, src *plan.Source, partition, at int) (Run, error) {
	key := plan.Block{RDD: src.Cached.Key, Partition: partition}
	if sp.out == nil {
		return nil, fmt.Errorf("%s (%s) keeps no rows: driver and executor are of different builds", src.Op.Name, src.Op.Site)
	}
	typ, err := sp.out.typ()
	if err != nil {
		return nil, err
	}
	if rows, n, added := t.runner.blocks.read(key, t.madeOf(src), sp.out, typ); rows != nil {
		t.blocks = append(t.blocks, key)
		t.adding.note(added)
		return t.reading(rows, n), nil
	}
	anew := func() (Run, error) {
		if t.spec.Held && len(src.Wide[0].Pipe.ShuffleReads(partition)) > 0 {
			return nil, &blockError{key, errNotKept} // there is nothing to make it of
		}
		return t.made(sp, src, partition, at)
	}
	if !slices.Contains(t.spec.Blocks, key) || t.runner.o.Block == nil {
		return anew()
	}
	b := &bringing{t: t, key: key, of: t.madeOf(src), like: sp.out, typ: typ, adding: t.adding, anew: anew}
	return b.run, nil
}

// reading counts the rows of a block as they are read.
func (t *Task) reading(rows Run, n int64) Run {
	t.input = shuffle.Reading{All: n}
	return func(feed Feed) error {
		return rows(func(b any) bool {
			more := feed(b)
			t.input.Done += int64(len(b.(batch).raw().Rows))
			return more
		})
	}
}

// bringing is a block that another executor keeps, on its way into a task's pipe.
type bringing struct {
	t      *Task
	key    plan.Block
	of     string
	like   batch
	typ    *codec.Type
	adding *adding // the part of the pipe that reads it
	anew   func() (Run, error)
}

// brought is a block of another executor's as the task has it, which may read it again.
type brought struct {
	path  string
	head  *keptfile.Head
	at    int64 // where its blocks begin
	bytes int64 // of these
	added []blockAdded
	err   error // why it is not here
}

func (b *bringing) run(feed Feed) error {
	got := b.get()
	if got.err == nil {
		return b.t.reading(runOf(b.like, got.rows(b)), got.head.Rows)(feed)
	}
	if b.t.stopped() {
		return context.Cause(b.t)
	}
	end := b.t.into(b.adding)
	run, err := b.anew()
	end()
	var gone *blockError
	if errors.As(err, &gone) {
		return &blockError{gone.block, fmt.Errorf("%w: %w", gone.cause, got.err)}
	}
	if err != nil {
		return err
	}
	return run(feed)
}

// get brings the block, once for the task.
func (b *bringing) get() *brought {
	t := b.t
	if got := t.brought[b.key]; got != nil {
		if got.err == nil { // another part of the pipe has it as well
			b.adding.note(got.added)
		}
		return got
	}
	got := &brought{}
	if t.brought == nil {
		t.brought = map[plan.Block]*brought{}
	}
	t.brought[b.key] = got
	if got.path, got.err = t.runner.o.Block(t, t.spec.Attempt, b.key); got.err == nil {
		got.err = got.open(b)
	}
	if got.err != nil {
		return got
	}
	for _, a := range got.head.Added {
		got.added = append(got.added, blockAdded{a.Block, a.Updates})
	}
	b.adding.note(got.added)
	return got
}

var errOther = errors.New("it is kept of other rows")

// open looks at what came.
func (got *brought) open(b *bringing) error {
	f, err := os.Open(got.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if got.head, got.at, err = keptfile.Read(f, info.Size(), b.key); err != nil {
		return err
	}
	if got.bytes = info.Size() - got.at; got.head.Of != b.of {
		return errOther
	}
	return nil
}

// rows reads the rows, each block's when its checksum was right.
func (got *brought) rows(b *bringing) shuffle.RawStream {
	return func(yield func(codec.Rows) bool) error {
		f, err := os.Open(got.path)
		if err != nil {
			return &blockError{b.key, err}
		}
		defer func() { _ = f.Close() }()
		blocks := io.NewSectionReader(f, got.at, got.bytes)
		if err := unpack(blocks, got.bytes, got.head.Rows, b.typ, keptfile.First(b.key), yield); err != nil {
			return &blockError{b.key, err}
		}
		return nil
	}
}

// Give writes a block that is kept here to a file, for another executor.
func (r *Runner) Give(key plan.Block, path string) (err error) {
	k, from, err := r.blocks.lend(key)
	if err != nil {
		return err
	}
	if from != nil {
		defer func() { _ = from.Close() }()
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := &keptfile.Head{Block: key, Level: k.level, Of: k.of, Rows: k.rows, Grown: k.grown}
	for _, a := range k.added {
		head.Added = append(head.Added, keptfile.Added{Block: a.block, Updates: a.updates})
	}
	if err := head.Write(f, 0); err != nil {
		return err
	}
	bytes, err := k.writeBlocks(f, from)
	if err != nil {
		return err
	}
	return head.Write(io.NewOffsetWriter(f, 0), bytes)
}

// lend gives a block as it is, whatever becomes of it: in memory, or else in a file,
// which the caller closes.
func (b *blocks) lend(key plan.Block) (k *kept, from *os.File, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.kept[key]
	if at == nil {
		return nil, nil, errNotKept
	}
	copied := *at
	if at.at == nil {
		if from, err = os.Open(at.file); err != nil {
			return nil, nil, err
		}
	}
	return &copied, from, nil
}

// writeBlocks writes the rows of a block, in blocks, and says how many bytes these are.
func (k *kept) writeBlocks(w io.Writer, from *os.File) (bytes int64, err error) {
	switch {
	case from != nil:
		return io.Copy(w, from)
	case k.chunks != nil || k.full == nil:
		for _, chunk := range k.chunks {
			n, err := w.Write(chunk)
			if bytes += int64(n); err != nil {
				return bytes, err
			}
		}
		return bytes, nil
	}
	out := block.NewWriter(w, k.id, k.typ, true, 0)
	for _, rows := range k.full {
		if err := out.Write(rows); err != nil {
			return out.Bytes(), err
		}
	}
	err = out.Flush()
	return out.Bytes(), err
}
