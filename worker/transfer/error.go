package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle/block"
)

// Cause is why an output or blob could not be had.
type Cause uint8

// The causes.
const (
	Refused   Cause = iota // nobody listens, or the connection breaks again and again
	TimedOut               // nothing comes, or the owner is busy for too long
	Missing                // the owner does not have it, or cannot read it
	Corrupt                // what comes is not what was written, twice
	Stale                  // the owner has it for readers of another epoch
	Forbidden              // the owner does not let us
)

// String returns the cause in lower case.
func (c Cause) String() string {
	names := [...]string{"refused", "timed out", "missing", "corrupt", "stale", "forbidden"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// model is the scheduler's word for a cause. What is stale is late news, which the scheduler finds out by itself; what
// is forbidden is a way that is closed, while the output may be all right.
func (c Cause) model() model.FetchCause {
	switch c {
	case TimedOut:
		return model.FetchTimeout
	case Missing, Stale:
		return model.FetchMissing
	case Corrupt:
		return model.FetchCorrupt
	}
	return model.FetchRefused
}

// Error says what could not be had, from whom, and why.
type Error struct {
	Source Source      // of an output
	Blob   plan.Digest // or the blob
	Block  plan.Block  // or the block of a cached RDD
	Cause  Cause
	Tries  int
	Err    error
}

// Error names output, worker, address, cause and the last attempt's error.
func (e *Error) Error() string {
	what := "output " + e.Source.Attempt.String()
	switch {
	case e.Blob != "":
		what = "blob " + string(e.Blob)
	case e.Block.RDD != "":
		what = fmt.Sprintf("partition %d of the cached RDD %s", e.Block.Partition, e.Block.RDD)
	}
	return fmt.Sprintf("fetch %s from %s at %s: %v after %d tries: %v", what, e.Source.Worker, e.Source.Addr, e.Cause, e.Tries, e.Err)
}

// Unwrap returns the last attempt's error.
func (e *Error) Unwrap() error { return e.Err }

// FetchSource is the error as a failed task reports it.
func (e *Error) FetchSource() *model.FetchSource {
	a := e.Source.Attempt
	return &model.FetchSource{Key: a.Stage.Key, Map: a.Partition, Attempt: a, Store: e.Source.Store, Cause: e.Cause.model()}
}

// Errors inside this package.
var (
	errStalled = errors.New("no byte came for too long")
	errLost    = errors.New("its worker is lost and it is nowhere else yet")
	errClosed  = errors.New("the fetch is closed")
	errHash    = errors.New("bytes do not have the digest they were asked by")
)

// refusal is a peer's answer that is not what was asked for.
type refusal struct {
	status status
	after  time.Duration // of statusBusy
}

func (r *refusal) Error() string { return "the owner says: " + r.status.String() }

// causeOf says what an error of a transfer means.
func causeOf(err error) Cause {
	var r *refusal
	var ne net.Error
	switch {
	case errors.As(err, &r):
		return r.cause()
	case errors.Is(err, block.ErrCorrupt), errors.Is(err, errFormat), errors.Is(err, errHash):
		return Corrupt
	case errors.Is(err, errLost):
		return Missing
	case errors.Is(err, errForbidden), isTrust(err):
		return Forbidden
	case errors.Is(err, errStalled), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &ne) && ne.Timeout():
		return TimedOut
	}
	return Refused
}

func (r *refusal) cause() Cause {
	switch r.status {
	case statusStale:
		return Stale
	case statusForbidden:
		return Forbidden
	case statusBusy:
		return TimedOut
	case statusBad:
		return Refused // another release, or no agent at all
	}
	return Missing
}

// isTrust reports whether one side did not accept the other's certificate.
func isTrust(err error) bool {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var op *net.OpError
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &name) ||
		errors.As(err, &op) && op.Op == "remote error" // an alert
}
