package storage

import (
	"bytes"
	"context"
	"io"
)

// lookahead is how much is read beyond a split at first, for the rest of its last line.
const lookahead = 4 << 10

// lineSource cuts the bytes of a part into pieces of whole lines.
type lineSource struct {
	*source
	end   int64  // lines that begin before it are ours
	skip  bool   // the line at the beginning belongs to the part before
	carry []byte // the begun line after the last piece; it has no \n
	done  bool
}

func openLines(ctx context.Context, p Part) (*lineSource, error) {
	// The byte before the part says whether a line begins at the part's first byte.
	s, err := openSource(ctx, p, max(p.Offset-1, 0))
	if err != nil {
		return nil, err
	}
	l := &lineSource{source: s, end: p.Offset + p.Length, skip: p.Offset > 0, done: p.Length == 0}
	if s.zip != nil {
		l.end = s.size
	}
	return l, nil
}

// lines returns the next whole lines and their offset, or io.EOF. Every turn reads a buffer
// full; one that holds no end of line is carried whole into a buffer of twice the size.
func (l *lineSource) lines(r *TextReader) ([]byte, int64, error) {
	for !l.done {
		old, base := len(l.carry), l.pos-int64(len(l.carry))
		if old > r.opt.MaxLine+1 { // one more: it may end with \r
			return nil, 0, r.tooLong(base)
		}
		buf, err := r.buffer(l.want(r.opt), l.carry)
		if err != nil {
			return nil, 0, err
		}
		n, err := l.read(buf[old:])
		if err != nil {
			return nil, 0, err
		}
		l.end = min(l.end, l.size)
		text := buf[:old+n]
		if l.skip {
			skipped := l.skipLine(text)
			text, base = text[skipped:], base+int64(skipped)
		}
		if text = l.whole(text, base, old); len(text) > 0 {
			return text, base, nil
		}
	}
	return nil, 0, io.EOF
}

// want returns the size of the next buffer: what is carried, and what is left to read, within
// the size of a chunk or, for a long line, twice what there is of it.
func (l *lineSource) want(opt TextOptions) int {
	old := len(l.carry)
	limit := l.size
	if l.end < l.size {
		limit = min(l.size, max(l.end, l.pos)+int64(max(lookahead, old)))
	}
	chunk := int64(opt.ChunkBytes)
	if l.zip != nil {
		chunk = min(chunk, max(64<<10, 8*l.part.FileSize))
	}
	most := min(max(chunk, 2*int64(old)), int64(opt.MaxLine)+int64(opt.ChunkBytes))
	return old + int(min(limit-l.pos, most-int64(old)))
}

// skipLine returns how many bytes of text belong to the part before. While the end of that line
// is not seen it is all of them.
func (l *lineSource) skipLine(text []byte) int {
	i := bytes.IndexByte(text, '\n')
	if i < 0 {
		l.done = l.pos >= l.end
		return len(text)
	}
	l.skip = false
	l.done = l.pos-int64(len(text)-i-1) >= l.end
	if l.done {
		return len(text)
	}
	return i + 1
}

// whole returns the lines of text that are whole and begin in the part, and carries the rest.
// Text begins at base with a line of the part, whose first old bytes hold no end of line.
func (l *lineSource) whole(text []byte, base int64, old int) []byte {
	l.carry = nil
	if l.done || len(text) == 0 {
		l.done = l.done || l.pos == l.size
		return nil
	}
	if l.pos >= l.end {
		// The last line that begins before end ends with the first \n from end-1 on.
		from := max(int(l.end-1-base), old)
		if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
			l.done = true
			return text[:from+i+1]
		}
		if l.pos == l.size {
			l.done = true
			return text
		}
	}
	last := -1
	if bytes.IndexByte(text[old:], '\n') >= 0 { // else searching backwards is slow on a long line
		last = bytes.LastIndexByte(text, '\n')
	}
	l.carry = text[last+1:]
	return text[:last+1]
}
