package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// PartOf returns the whole of a file as a part, for [ReadWhole].
func PartOf(f Info) Part {
	return Part{
		Path:        f.Path,
		Length:      f.Size,
		FileSize:    f.Size,
		ModTime:     f.ModTime.UnixNano(),
		FileID:      f.ID,
		Compression: CompressionOf(f.Path),
	}
}

// valid checks a part that came from elsewhere before anything is computed with it.
func (p Part) valid() error {
	_, known := compressionNamed(p.Compression)
	switch {
	case p.Offset < 0 || p.Length < 0 || p.Offset > p.FileSize || p.Length > p.FileSize-p.Offset:
		return newError("read", p.Path, Invalid, "split %d+%d is outside of the file's %d bytes",
			p.Offset, p.Length, p.FileSize)
	case p.Compression != "" && !known:
		return newError("read", p.Path, Invalid, "unknown compression %q", p.Compression)
	case p.Compression != "" && (p.Offset != 0 || p.Length != p.FileSize):
		return newError("read", p.Path, Invalid, "a file compressed with %s cannot be cut", p.Compression)
	}
	return nil
}

// unchanged compares the file with what planning saw.
func (p Part) unchanged(f File) error {
	now, err := f.Stat()
	if KindOf(err) == NotFound {
		return newError("read", p.Path, Changed, "input changed since planning: it is not there any more")
	}
	if err != nil {
		return err
	}
	switch {
	case now.ID != p.FileID:
		return newError("read", p.Path, Changed, "input changed since planning: another file has its name")
	case now.Size != p.FileSize:
		return newError("read", p.Path, Changed, "input changed since planning: %d bytes, was %d", now.Size, p.FileSize)
	case now.ModTime.UnixNano() != p.ModTime:
		return newError("read", p.Path, Changed, "input changed since planning: written again meanwhile")
	}
	return nil
}

// source is an open part: its file, and the bytes in it after decompression.
type source struct {
	part Part
	file File
	raw  rawReader
	data io.Reader
	zip  io.Closer // nil: not compressed
	pos  int64     // of the next byte of data in the uncompressed file
	size int64     // of the uncompressed file; math.MaxInt64 until its end is seen
}

// rawReader remembers an error of the store, which a decompressor above may disguise.
type rawReader struct {
	f   io.Reader
	err error
}

func (r *rawReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// openSource opens a part for reading from the given offset, which is 0 if it is compressed.
func openSource(ctx context.Context, p Part, from int64) (*source, error) {
	if err := p.valid(); err != nil {
		return nil, err
	}
	fs, path, err := Lookup(p.Path)
	if err != nil {
		return nil, err
	}
	f, err := fs.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	s := &source{part: p, file: f, raw: rawReader{f: f}, pos: from, size: p.FileSize}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *source) start() error {
	if err := s.part.unchanged(s.file); err != nil {
		return err
	}
	s.data = &s.raw
	if c, ok := compressionNamed(s.part.Compression); ok {
		z, err := c.reader(&s.raw)
		if err != nil {
			return s.fail(err)
		}
		s.data, s.zip, s.size = z, z, math.MaxInt64
		return nil
	}
	if s.pos == 0 {
		return nil
	}
	_, err := s.file.Seek(s.pos, io.SeekStart)
	return wrapError("read", s.part.Path, err)
}

// read fills p unless the file ends first; then the file's size is known and less comes back.
func (s *source) read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m, err := s.data.Read(p[n:])
		n += m
		s.pos += int64(m)
		if err == io.EOF { // nothing that wraps it: that may be a lost connection
			return n, s.ended()
		}
		if err != nil {
			return n, s.fail(err)
		}
	}
	return n, nil
}

// ended notes the end of the file, which only a compressed one may have at any place.
func (s *source) ended() error {
	if s.zip == nil && s.pos < s.size {
		return atOffset("read", s.part.Path, s.pos, Changed,
			fmt.Errorf("input changed since planning: it ends here, not at %d", s.size))
	}
	s.size = s.pos
	return nil
}

// fail says where reading went wrong, and whether the store or what is stored is to blame.
func (s *source) fail(err error) error {
	switch {
	case s.raw.err != nil:
		return atOffset("read", s.part.Path, s.pos, kindOfSystem(s.raw.err), s.raw.err)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		err = fmt.Errorf("%s data is truncated: %w", s.part.Compression, io.ErrUnexpectedEOF)
	case s.zip != nil || s.part.Compression != "":
		err = fmt.Errorf("%s data is corrupt: %w", s.part.Compression, err)
	default:
		return atOffset("read", s.part.Path, s.pos, kindOfSystem(err), err)
	}
	return atOffset("read", s.part.Path, s.pos, Corrupt, err)
}

// finish closes the part after its last byte was read and looks once more whether it changed.
func (s *source) finish() error {
	return errors.Join(s.part.unchanged(s.file), s.close())
}

func (s *source) close() error {
	var err error
	if s.zip != nil {
		err = s.zip.Close()
	}
	return wrapError("close", s.part.Path, errors.Join(err, s.file.Close()))
}

// PartReader reads the file of a part as bytes, decompressed, for formats that find by themselves
// where rows begin. It is for one goroutine.
type PartReader struct{ s *source }

// OpenPart opens the file of a part at its beginning, whatever the part's range is. Close the
// reader. Errors are those of [TextReader.Next].
func OpenPart(ctx context.Context, p Part) (*PartReader, error) {
	p.Offset, p.Length = 0, p.FileSize
	s, err := openSource(ctx, p, 0)
	if err != nil {
		return nil, err
	}
	return &PartReader{s}, nil
}

// Read reads on from where the last Read or Seek ended. Errors have the path and the offset.
func (r *PartReader) Read(p []byte) (int, error) {
	n, err := r.s.data.Read(p)
	r.s.pos += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped one may be a lost connection
		err = r.s.fail(err)
	}
	return n, err
}

// Seek moves the place of the next Read. In a file that is compressed as a whole that is an error
// of kind Invalid.
func (r *PartReader) Seek(offset int64, whence int) (int64, error) {
	if r.s.zip != nil {
		return 0, newError("read", r.s.part.Path, Invalid, "a file compressed with %s can only be read from its beginning: decompress it", r.s.part.Compression)
	}
	at, err := r.s.file.Seek(offset, whence)
	if err == nil {
		r.s.pos = at
	}
	return at, wrapError("read", r.s.part.Path, err)
}

// Close closes the file. It looks once more whether the file changed.
func (r *PartReader) Close() error { return r.s.finish() }

// ReadWhole returns the whole file of a part, uncompressed. More than limit bytes are an error of
// kind TooLarge; the others are those of [TextReader.Next].
func ReadWhole(ctx context.Context, p Part, limit int64) (data []byte, err error) {
	if p.Compression == "" && p.FileSize > limit {
		return nil, newError("read", p.Path, TooLarge, "%d bytes are more than the limit of %d", p.FileSize, limit)
	}
	s, err := openSource(ctx, p, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			data = nil
			_ = s.close()
		}
	}()
	// A byte more than a file of known size, so that its end is seen in one turn.
	data = make([]byte, 0, min(p.FileSize, limit)+1)
	for s.pos < s.size {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := s.read(data[len(data):min(cap(data), len(data)+1<<20)])
		data = data[:len(data)+n]
		if err != nil {
			return nil, err
		}
		if int64(len(data)) > limit {
			return nil, newError("read", p.Path, TooLarge, "more than the limit of %d bytes", limit)
		}
	}
	return data, s.finish()
}
