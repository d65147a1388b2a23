package sequencefile

import "io"

// block is the records of a compressed block that are still to be read.
type block struct {
	at                          int64 // of its marker
	records                     int
	buf                         [4][]byte // decompressed: lengths of keys, keys, lengths of values, values
	keyLens, keys, lens, values []byte    // what is left of it
}

// ofBlock gives a record of the block in hand, or of the next one.
func (x *Reader) ofBlock() (key, value []byte, err error) {
	b := &x.block
	for b.records == 0 {
		if len(b.keyLens)+len(b.keys)+len(b.lens)+len(b.values) > 0 {
			return nil, nil, corrupt("a block has more than its records")
		}
		if err := x.nextBlock(); err != nil {
			return nil, nil, err
		}
	}
	b.records--
	if key, err = cutRecord(&b.keyLens, &b.keys); err != nil {
		return nil, nil, err
	}
	value, err = cutRecord(&b.lens, &b.values)
	return key, value, err
}

// cutRecord takes a length, and as many bytes, from the fronts of two lists.
func cutRecord(lengths, all *[]byte) ([]byte, error) {
	n, rest, ok := cutVInt(*lengths)
	if !ok || n < 0 || n > len(*all) {
		return nil, corrupt("a block has less than its records")
	}
	one := (*all)[:n]
	*lengths, *all = rest, (*all)[n:]
	return one, nil
}

// nextBlock reads and decompresses the next block of the part.
func (x *Reader) nextBlock() error {
	b := &x.block
	b.at = x.at
	if x.at == x.size || x.at >= x.to {
		return io.EOF
	}
	n, err := x.uint32()
	if err != nil {
		return err
	}
	if n != escape {
		return corrupt("no marker before a block")
	}
	if err := x.marker(); err != nil {
		return err
	}
	records, err := x.vint()
	if err != nil {
		return err
	}
	if records < 0 {
		return corrupt("a block of %d records", records)
	}
	for i := range b.buf {
		size, err := x.vint()
		if err != nil {
			return err
		}
		if size < 0 {
			return corrupt("a list of %d bytes in a block", size)
		}
		if x.zipped, err = x.bytes(x.zipped, size); err != nil {
			return err
		}
		if b.buf[i], err = x.unzip(b.buf[i], x.zipped); err != nil {
			return err
		}
	}
	b.records = records
	b.keyLens, b.keys, b.lens, b.values = b.buf[0], b.buf[1], b.buf[2], b.buf[3]
	return nil
}
