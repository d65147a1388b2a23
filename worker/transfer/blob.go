package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"

	"github.com/gordd-project/gordd/rdd/plan"
)

// BlobRequest says which blob is wanted.
type BlobRequest struct {
	Job    plan.JobID
	Digest plan.Digest
	Limit  int64    // a larger one is refused
	Owners []Source // those that have it: worker, store and address
}

// ErrBlobTooLarge is in the chain of the error for a blob above the limit.
var ErrBlobTooLarge = errors.New("larger than the limit")

// Blob fetches a blob or result, from one owner after the other until all of it is here and has the digest. The caller
// closes the part. The error is that of the last owner, an *[Error], or one of our own disk.
func (f *Fetcher) Blob(ctx context.Context, r BlobRequest) (*Part, error) {
	if !isDigest(string(r.Digest)) || len(r.Owners) == 0 {
		return nil, fmt.Errorf("fetch blob %q: it needs a digest and an owner", r.Digest)
	}
	b := &blobLoad{f: f, r: r, hash: sha256.New(), spool: &spool{dir: f.o.Scratch, room: f.spool}, size: -1}
	owners := slices.Clone(r.Owners)
	rand.Shuffle(len(owners), func(i, j int) { owners[i], owners[j] = owners[j], owners[i] })
	var err error
	for _, o := range owners {
		var own *storeError
		if err = b.from(ctx, o); err == nil {
			return b.part(o), nil
		}
		if ctx.Err() != nil || errors.As(err, &own) {
			break
		}
	}
	b.drop()
	return nil, err
}

// blobLoad is a blob on its way. What is here of it goes on with the next owner,
// for the digest says that all have the same.
type blobLoad struct {
	f     *Fetcher
	r     BlobRequest
	hash  hash.Hash
	spool *spool
	place *Part // once the size is known
	size  int64
	at    int64
}

func (b *blobLoad) from(ctx context.Context, o Source) error {
	var t tries
	for {
		before := b.at
		err := b.once(ctx, o)
		if err == nil {
			return nil
		}
		var own *storeError
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.As(err, &own) {
			return err
		}
		wait, again := t.next(&b.f.o, err, b.at > before)
		if !again || errors.Is(err, ErrBlobTooLarge) {
			return &Error{Source: o, Blob: b.r.Digest, Cause: causeOf(err), Tries: t.n, Err: err}
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (b *blobLoad) once(ctx context.Context, o Source) error {
	ticket, err := sign(b.f.o.Tickets, Claim{Job: b.r.Job, Blob: b.r.Digest})
	if err != nil {
		return err
	}
	c := &call{addr: o.Addr, path: address{job: b.r.Job, digest: b.r.Digest}.path(), ticket: ticket, cost: sendStep}
	if b.at > 0 {
		c.ranged, c.from, c.to = true, b.at, -1
	}
	err = b.f.exchange(ctx, c, b.take)
	if err == nil && b.at == b.size && plan.HashDigest(b.hash) != b.r.Digest {
		err = errHash
	}
	if err != nil && causeOf(err) == Corrupt {
		b.at = 0
		b.hash.Reset()
	}
	return err
}

func (b *blobLoad) take(a *answer) error {
	if b.place == nil || a.total != b.size {
		if err := b.begin(a.total); err != nil {
			return err
		}
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for b.at < b.size {
		n, rerr := a.Read((*buf)[:min(int64(len(*buf)), b.size-b.at)])
		_, _ = b.hash.Write((*buf)[:n])
		if b.place.file == nil {
			copy(b.place.data[b.at:], (*buf)[:n])
		} else if _, err := b.place.file.WriteAt((*buf)[:n], b.at); err != nil {
			return &storeError{fmt.Errorf("spool: %d bytes: %w", n, err)}
		}
		b.at += int64(n)
		if rerr != nil && b.at < b.size {
			return fmt.Errorf("%d bytes of %d: %w", b.at, b.size, rerr)
		}
	}
	_, _ = a.Read((*buf)[:1])
	return nil
}

// begin makes room for a blob of a size that an owner says.
func (b *blobLoad) begin(size int64) error {
	if b.at > 0 || size < 0 {
		return fmt.Errorf("%w: %d bytes where another owner has %d", errHash, size, b.size)
	}
	if size > b.r.Limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrBlobTooLarge, size, b.r.Limit)
	}
	b.drop()
	b.size = size
	if size <= b.f.o.Small && b.f.held.try(size) {
		b.place = &Part{f: b.f, size: size, data: make([]byte, size)}
		return nil
	}
	file, _, err := b.spool.reserve(size)
	if err != nil {
		return &storeError{err}
	}
	b.place = &Part{f: b.f, size: size, file: file, own: b.spool}
	return nil
}

func (b *blobLoad) drop() {
	if b.place != nil {
		_ = b.place.Close()
		b.place = nil
	}
}

func (b *blobLoad) part(o Source) *Part {
	b.place.Source = o
	return b.place
}
