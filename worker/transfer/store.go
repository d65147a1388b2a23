package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// Errors of a [Store].
var (
	ErrMissing = errors.New("not in this store")
	ErrStale   = errors.New("of an epoch that is over")
	ErrBusy    = errors.New("too much is under way")
)

// Store finds what a worker serves. Its methods are called by many goroutines at once and must not wait for the disk.
type Store interface {
	// Output returns the output of the job's attempt of that term and number. The error is [ErrMissing], or [ErrStale]
	// when the output is there and must no longer be read by those who learnt of it in that epoch.
	Output(job plan.JobID, term model.Term, seq, epoch uint64) (*Output, error)
	// Blob returns a blob or result of the job, or [ErrMissing].
	Blob(job plan.JobID, d plan.Digest) (*Content, error)
	// Block returns a file with a block of a cached RDD that an executor of the job keeps, or [ErrMissing]. The file is
	// the caller's, who closes it. This is the one method that may wait: the executor writes the file. It does not wait
	// for others to be done, but returns [ErrBusy], so that who asks holds nothing until it asks again.
	Block(ctx context.Context, job plan.JobID, b plan.Block) (*os.File, error)
}

// Content is bytes in memory or in a file.
type Content struct {
	Bytes []byte
	// Open opens the file for this caller alone, who will close it; nil when the content is in Bytes.
	Open func() (*os.File, error)
	Size int64 // of the file
}

// Output is the output of one map attempt.
type Output struct {
	Content
	Attempt  model.AttemptID
	Segments [][]int64 // as in [shuffle.Output]
}

// NewOutput returns the output that an attempt left in a file of this worker.
func NewOutput(a model.AttemptID, out *shuffle.Output) *Output {
	path := out.Path
	return &Output{Attempt: a, Segments: out.Segments,
		Content: Content{Size: out.Bytes, Open: func() (*os.File, error) { return os.Open(path) }}}
}

// size is the number of bytes there should be.
func (c *Content) size() int64 {
	if c.Open == nil {
		return int64(len(c.Bytes))
	}
	return c.Size
}

// piece is a range of a content.
type piece struct{ off, n int64 }

// lay finds the partitions of a span: the length of each in each segment, and
// the bytes to send, for within a segment they lie one after the other.
func (o *Output) lay(s span) (lens [][]int64, pieces []piece, err error) {
	size, from, to := o.size(), int(s.from), int(s.to)
	if len(o.Segments)*s.len() > maxLengths {
		return nil, nil, fmt.Errorf("%w: %d segments of %d partitions", errFormat, len(o.Segments), s.len())
	}
	for _, seg := range o.Segments {
		if to >= len(seg) {
			return nil, nil, fmt.Errorf("%w: partitions %d-%d of %d", errFormat, from, to, len(seg)-1)
		}
		ls := make([]int64, s.len())
		for i := range ls {
			a, b := seg[from+i], seg[from+i+1]
			if a < 0 || b < a || b > size {
				return nil, nil, fmt.Errorf("index: partition %d is %d-%d of %d bytes", from+i, a, b, size)
			}
			ls[i] = b - a
		}
		lens = append(lens, ls)
		if n := seg[to] - seg[from]; n > 0 {
			pieces = append(pieces, piece{seg[from], n})
		}
	}
	return lens, pieces, nil
}

// opened is a content that is ready to be sent.
type opened struct {
	*Content
	file *os.File
}

// open opens a content and finds out whether it is all there.
func (c *Content) open() (opened, error) {
	if c.Open == nil {
		return opened{Content: c}, nil
	}
	f, err := c.Open()
	if err != nil {
		return opened{}, err
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() < c.Size {
		err = fmt.Errorf("%s has %d bytes of %d", f.Name(), fi.Size(), c.Size)
	}
	if err != nil {
		_ = f.Close()
		return opened{}, err
	}
	return opened{c, f}, nil
}

func (o opened) close() {
	if o.file != nil {
		_ = o.file.Close()
	}
}

// statusFor says what an error of a store, of opening, or of tickets means to
// who asked.
func statusFor(err error) status {
	switch {
	case err == nil:
		return statusOK
	case errors.Is(err, ErrStale):
		return statusStale
	case errors.Is(err, ErrMissing), errors.Is(err, fs.ErrNotExist):
		return statusMissing
	case errors.Is(err, errForbidden):
		return statusForbidden
	case errors.Is(err, errFormat):
		return statusBad
	case errors.Is(err, ErrBusy), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		return statusBusy
	}
	return statusBroken
}
