package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// blockWait is how long the holder of a block may take before its answer begins: an executor writes all of the block
// first, gigabytes perhaps, to a disk that others use too.
const blockWait = 5 * time.Minute

// block answers with a block of a cached RDD. It is written for each request anew, so that a reader whose transfer broke
// begins again.
func (s *Server) block(w http.ResponseWriter, r *http.Request, a address) {
	err := checkTicket(s.o.Tickets, ticketFrom(r.Header.Get("Authorization")), Claim{Job: a.job, Block: a.block})
	var f *os.File
	if err == nil && r.Header.Get("Range") != "" {
		err = fmt.Errorf("%w: a part of a block", errFormat)
	}
	if err == nil {
		f, err = s.o.Store.Block(r.Context(), a.job, a.block)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.Stall)) // the reader's time begins now
	}
	if err != nil {
		refuse(w, s.fail(a.path(), err))
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		refuse(w, s.fail(a.path(), err))
		return
	}
	c := &Content{Open: func() (*os.File, error) { return f, nil }, Size: info.Size()}
	s.send(w, r, a.path(), c, nil, []piece{{0, info.Size()}})
}

// BlockRequest says which block of a cached RDD is wanted.
type BlockRequest struct {
	Job   plan.JobID
	Block plan.Block
	Owner Source // worker and address
	// Got is called now and then while bytes come; nil: nobody wants to know.
	Got func()
	// Check looks at what has come, so many bytes; what it refuses is fetched once more.
	Check func(f *os.File, size int64) error
}

// Block fetches a block into a file, which is truncated. The error is an *[Error], or one of our own disk.
func (f *Fetcher) Block(ctx context.Context, r BlockRequest, to *os.File) error {
	var t tries
	for {
		err := f.blockOnce(ctx, &r, to)
		if err == nil {
			return nil
		}
		var own *storeError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &own):
			return err
		}
		wait, again := t.next(&f.o, err, false)
		if !again {
			return &Error{Source: r.Owner, Block: r.Block, Cause: causeOf(err), Tries: t.n, Err: err}
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (f *Fetcher) blockOnce(ctx context.Context, r *BlockRequest, to *os.File) error {
	ticket, err := sign(f.o.Tickets, Claim{Job: r.Job, Block: r.Block})
	if err != nil {
		return err
	}
	if err := to.Truncate(0); err != nil {
		return &storeError{err}
	}
	c := &call{addr: r.Owner.Addr, path: address{job: r.Job, block: r.Block}.path(), ticket: ticket, cost: sendStep, wait: blockWait}
	return f.exchange(ctx, c, func(a *answer) error {
		if a.total < 0 || a.total > maxSize {
			return fmt.Errorf("%w: a block of %d bytes", errFormat, a.total)
		}
		if err := r.take(a, to); err != nil {
			return err
		}
		return r.Check(to, a.total)
	})
}

// take stores what comes.
func (r *BlockRequest) take(a *answer, to *os.File) error {
	buf := downloads.Get().(*[]byte)
	defer downloads.Put(buf)
	for at := int64(0); at < a.total; {
		n, rerr := io.ReadFull(a, (*buf)[:min(int64(len(*buf)), a.total-at)])
		if _, err := to.WriteAt((*buf)[:n], at); err != nil {
			return &storeError{fmt.Errorf("%d bytes of a block: %w", n, err)}
		}
		if at += int64(n); rerr != nil && at < a.total {
			return fmt.Errorf("%d bytes of %d: %w", at, a.total, rerr)
		}
		if r.Got != nil {
			r.Got()
		}
	}
	_, _ = a.Read((*buf)[:1]) // the end, which frees the connection for the next request
	return nil
}
