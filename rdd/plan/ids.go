// Package plan is the data of gordd: what an action is turned into before it
// runs, as values that can be encoded, kept, shown and replayed.
//
// A plan is a list of stages. A stage is one pipe (a source followed by
// operators) that every one of its tasks runs over its own partition, and a
// sink that takes the rows: a shuffle, the driver, or files. Operators are
// named by the IDs under which generated code registered them, and values that
// travel with them by the digest of their bytes. So a plan needs no user code:
// the scheduler, the engine and a master handle it without being able to run it.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"runtime"
	"strconv"
	"strings"
)

// JobID names one submission: a driver and everything it runs.
type JobID string

// ActionID names one run of one plan: the Nth action of its job, from 1.
type ActionID struct {
	Job JobID
	N   int
}

// String returns the job and the number, as in "job-7/3".
func (a ActionID) String() string { return string(a.Job) + "/" + strconv.Itoa(a.N) }

// StageKey is a stage's lineage key. Within a job the same key is the same
// data, so a later action finds what an earlier one left.
type StageKey string

// OpID names an operator in the registry of stage code: a hash over what the
// operator is and does, without line numbers.
type OpID string

// Digest is the SHA-256 of a blob (an environment, a parallelized slice, a
// plan), in hex. The empty digest means that there is no blob.
type Digest string

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest {
	h := NewHash()
	_, _ = h.Write(b)
	return HashDigest(h)
}

// Valid says whether d can be a digest: what comes from elsewhere must be, before
// it names a file.
func (d Digest) Valid() bool {
	if len(d) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(d) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// NewHash returns a hash for HashDigest.
func NewHash() hash.Hash { return sha256.New() }

// HashDigest returns the digest of what was written to a hash of NewHash's.
func HashDigest(h hash.Hash) Digest { return Digest(hex.EncodeToString(h.Sum(nil))) }

// WorkerID names a worker for its whole life in a cluster; the embedded
// engine's only worker is "local".
type WorkerID string

// Platform is what a binary runs on, as in "linux/amd64": Go's names of the
// operating system and the processor.
type Platform string

// Here is the platform of this process.
const Here = Platform(runtime.GOOS + "/" + runtime.GOARCH)

// Valid says whether p can be a platform: two words of lower case and digits.
func (p Platform) Valid() bool {
	goos, goarch := p.Of()
	word := func(s string) bool {
		return s != "" && len(s) <= 16 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	}
	return word(goos) && word(goarch)
}

// Of gives the two parts of a platform.
func (p Platform) Of() (goos, goarch string) {
	goos, goarch, _ = strings.Cut(string(p), "/")
	return goos, goarch
}
