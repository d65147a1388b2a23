package rdd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gordd-project/gordd/rdd/keptfile"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle/block"
)

// Keep keeps a copy of a block that another executor has given as a file, as far as there
// is room, and says how many bytes it takes. It is kept encoded, since nothing here knows
// of which type its rows are before they are read.
func (r *Runner) Keep(key plan.Block, path string) (bytes int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	head, at, err := keptfile.Read(f, info.Size(), key)
	if err != nil {
		return 0, err
	}
	k := &kept{key: key, level: head.Level.Single(), of: head.Of, id: keptfile.First(key), rows: head.Rows, grown: head.Grown}
	for _, a := range head.Added {
		k.added = append(k.added, blockAdded{a.Block, a.Updates})
	}
	return r.blocks.copy(k, io.NewSectionReader(f, at, info.Size()-at))
}

var errNoRoom = errors.New("there is no room for it")

// copy keeps a block of which the rows come encoded.
func (b *blocks) copy(k *kept, from io.Reader) (bytes int64, err error) {
	mk := b.begin(k.key, k.of, nil)
	if mk == nil {
		return b.sizeOf(k)
	}
	m := &maker{blocks: b, kept: k, making: mk, packed: &packer{}}
	if err = m.takeIn(from); err != nil {
		m.giveUp()
	}
	if m.end(); err != nil {
		return 0, err
	}
	return b.sizeOf(k)
}

// takeIn takes blocks as they come until there are no more.
func (m *maker) takeIn(from io.Reader) error {
	if !m.kept.level.Memory() && !m.toFile() {
		return errNoRoom
	}
	for {
		one, err := encodedBlock(from)
		if errors.Is(err, io.EOF) {
			m.whole = true
			return nil
		}
		if err != nil {
			return err
		}
		if _, err = m.packed.Write(one); !m.room(err) {
			return errNoRoom
		}
	}
}

// encodedBlock reads a block with its header. It gives io.EOF where there is none.
func encodedBlock(from io.Reader) ([]byte, error) {
	var header [block.HeaderSize]byte
	n, err := io.ReadFull(from, header[:])
	if n == 0 || err != nil {
		return nil, err
	}
	h, err := block.Parse(header[:])
	if err != nil {
		return nil, err
	}
	one := make([]byte, len(header)+int(h.Stored))
	if _, err := io.ReadFull(from, one[copy(one, header[:]):]); err != nil {
		return nil, fmt.Errorf("%w: a block is cut short: %v", block.ErrCorrupt, err) //nolint:errorlint // io.EOF is for the end of all
	}
	return one, nil
}

// sizeOf gives the bytes of a block that is kept.
func (b *blocks) sizeOf(k *kept) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.kept[k.key]
	if at == nil || at.of != k.of {
		return 0, errNotKept
	}
	return max(at.size, at.bytes), nil
}
