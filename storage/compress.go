package storage

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest look-back a zstd file may ask memory for: what zstd --long needs.
const maxWindow = 128 << 20

// compression is one way to compress a whole file.
type compression struct {
	name, ext string
	reader    func(io.Reader) (io.ReadCloser, error)
	writer    func(io.Writer) (io.WriteCloser, error) // nil: read only
}

var compressions = []compression{
	{"gzip", ".gz", gunzip, gzipWriter},
	{"zstd", ".zst", unzstd, zstdWriter},
	{"bzip2", ".bz2", bunzip2, nil},
}

// CompressionOf returns the name of the compression that a path's extension means, or "".
func CompressionOf(path string) string {
	for _, c := range compressions {
		if strings.HasSuffix(path, c.ext) {
			return c.name
		}
	}
	return ""
}

func compressionNamed(name string) (compression, bool) {
	for _, c := range compressions {
		if c.name == name {
			return c, true
		}
	}
	return compression{}, false
}

// gunzip reads all members of a gzip file one after the other.
func gunzip(r io.Reader) (io.ReadCloser, error) {
	return gzip.NewReader(bufio.NewReaderSize(r, 256<<10))
}

// unzstd decodes in the caller's goroutine: tasks are the parallelism.
func unzstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

func bunzip2(r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(bzip2.NewReader(bufio.NewReaderSize(r, 256<<10))), nil
}

func gzipWriter(w io.Writer) (io.WriteCloser, error) {
	return gzip.NewWriterLevel(w, gzip.BestSpeed)
}

func zstdWriter(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
}

// Compress makes a Writer that compresses into w: "gzip", "zstd", or "" for w itself. The result
// owns w, and w is aborted on error. The same bytes in give the same bytes out.
func Compress(w Writer, name string) (Writer, error) {
	if name == "" {
		return w, nil
	}
	c, ok := compressionNamed(name)
	if !ok || c.writer == nil {
		return nil, errors.Join(fmt.Errorf("cannot write compression %q (have gzip, zstd)", name), w.Abort())
	}
	z, err := c.writer(w)
	if err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return &compressor{z: z, w: w}, nil
}

// CompressionExt returns the extension of files with the named compression, "" for none.
func CompressionExt(name string) string {
	c, _ := compressionNamed(name)
	return c.ext
}

type compressor struct {
	z    io.WriteCloser
	w    Writer
	done bool
}

func (c *compressor) Size() int64 { return c.w.Size() }

func (c *compressor) Write(p []byte) (int, error) { return c.z.Write(p) }

func (c *compressor) Close() error {
	if c.done {
		return nil
	}
	c.done = true
	if err := c.z.Close(); err != nil {
		return errors.Join(err, c.w.Abort())
	}
	return c.w.Close()
}

func (c *compressor) Abort() error {
	if c.done {
		return nil
	}
	c.done = true
	err := c.w.Abort()
	// Closing frees the encoder; what it still writes meets an aborted file.
	_ = c.z.Close()
	return err
}
