package sequencefile

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest look-back for which a file may ask memory, which is taken
// as soon as a header names it: more than any of zstd's usual levels.
const maxWindow = 8 << 20

// codec is one of Hadoop's ways to compress. What it makes is used again and again.
type codec struct {
	name, class string
	reader      func() inflater
	writer      func() (deflater, error)
}

// inflater decompresses what the last reset gave it.
type inflater interface {
	io.Reader
	reset(r io.Reader) error
	close()
}

// deflater compresses into what the last Reset gave it, until Close.
type deflater interface {
	io.WriteCloser
	Reset(w io.Writer)
}

var codecs = []codec{
	{"zlib", "org.apache.hadoop.io.compress.DefaultCodec", func() inflater { return &unzlib{} },
		func() (deflater, error) { return zlib.NewWriterLevel(io.Discard, zlib.BestSpeed) }},
	{"gzip", "org.apache.hadoop.io.compress.GzipCodec", func() inflater { return &unzip{} },
		func() (deflater, error) { return gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) }},
	{"zstd", "org.apache.hadoop.io.compress.ZStandardCodec", func() inflater { return &unzstd{} },
		func() (deflater, error) {
			return zstd.NewWriter(io.Discard, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		}},
}

// CodecOf gives the class of the codec with a name: zlib, gzip or zstd.
func CodecOf(name string) (class string, ok bool) {
	for _, c := range codecs {
		if c.name == name {
			return c.class, true
		}
	}
	return "", false
}

func codecOf(class string) (*codec, error) {
	for i := range codecs {
		if codecs[i].class == class {
			return &codecs[i], nil
		}
	}
	return nil, fmt.Errorf("%w: it is compressed with %s: write it with DefaultCodec, GzipCodec, ZStandardCodec or none", ErrUnsupported, class)
}

type unzlib struct{ io.ReadCloser }

func (z *unzlib) reset(r io.Reader) (err error) {
	if z.ReadCloser != nil {
		return z.ReadCloser.(zlib.Resetter).Reset(r, nil)
	}
	z.ReadCloser, err = zlib.NewReader(r)
	return err
}

func (*unzlib) close() {}

type unzip struct{ gzip.Reader }

func (z *unzip) reset(r io.Reader) error { return z.Reset(r) }
func (*unzip) close()                    {}

type unzstd struct{ *zstd.Decoder }

func (z *unzstd) reset(r io.Reader) (err error) {
	if z.Decoder != nil {
		return z.Reset(r)
	}
	// It decodes in the caller's goroutine: tasks are the parallelism.
	z.Decoder, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	return err
}

func (z *unzstd) close() {
	if z.Decoder != nil {
		z.Close()
	}
}
