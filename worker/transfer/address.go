package transfer

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	shufflePath = "/v1/shuffle/"
	blobPath    = "/v1/blob/"
	blockPath   = "/v1/block/"

	codeHeader = "Gordd-Code"
	maxJob     = 128 // bytes of a job's name
	maxRDD     = 256 // bytes of a cached RDD's key
)

// address is what a path names.
type address struct {
	job    plan.JobID
	one    bool // an output, not many
	id     outputID
	span   span
	digest plan.Digest // of a blob
	block  plan.Block  // of a cached RDD
}

func (a address) path() string {
	job := hex.EncodeToString([]byte(a.job))
	switch {
	case a.digest != "":
		return blobPath + job + "/" + string(a.digest)
	case a.block.RDD != "":
		return fmt.Sprintf("%s%s/%x/%d", blockPath, job, string(a.block.RDD), a.block.Partition)
	case a.one:
		return fmt.Sprintf("%s%s/%v/%d-%d", shufflePath, job, a.id, a.span.from, a.span.to)
	}
	return shufflePath + job
}

// parsePath accepts exactly what path makes.
func parsePath(path string) (a address, ok bool) {
	if rest, blob := strings.CutPrefix(path, blobPath); blob {
		job, digest, _ := strings.Cut(rest, "/")
		a.digest = plan.Digest(digest)
		return a, parseJob(job, &a.job) && isDigest(digest)
	}
	if rest, kept := strings.CutPrefix(path, blockPath); kept {
		job, rest, _ := strings.Cut(rest, "/")
		rdd, partition, _ := strings.Cut(rest, "/")
		name, ok := parseName(rdd, maxRDD)
		var n uint64
		ok = ok && parseJob(job, &a.job) && parseNumber(partition, 10, 31, &n)
		a.block = plan.Block{RDD: plan.StageKey(name), Partition: int(n)}
		return a, ok
	}
	rest, found := strings.CutPrefix(path, shufflePath)
	if !found {
		return a, false
	}
	job, rest, one := strings.Cut(rest, "/")
	if !parseJob(job, &a.job) {
		return a, false
	}
	if !one {
		return a, true
	}
	a.one = true
	output, parts, _ := strings.Cut(rest, "/")
	term, seq, _ := strings.Cut(output, "-")
	from, to, _ := strings.Cut(parts, "-")
	var t, f, e uint64
	ok = parseNumber(term, 16, 64, &t) && parseNumber(seq, 16, 64, &a.id.seq) &&
		parseNumber(from, 10, 32, &f) && parseNumber(to, 10, 32, &e)
	a.id.term, a.span = model.Term(t), span{uint32(f), uint32(e)}
	return a, ok && a.span.check() == nil
}

func parseJob(s string, job *plan.JobID) bool {
	name, ok := parseName(s, maxJob)
	*job = plan.JobID(name)
	return ok
}

// parseName reads a name of so many bytes at most, in hex.
func parseName(s string, most int) (string, bool) {
	b, err := hex.DecodeString(s)
	return string(b), err == nil && len(b) > 0 && len(b) <= most && s == strings.ToLower(s)
}

// parseNumber refuses signs, prefixes and leading zeros, so that a number has
// one form.
func parseNumber(s string, base, bits int, to *uint64) bool {
	v, err := strconv.ParseUint(s, base, bits)
	*to = v
	return err == nil && strconv.FormatUint(v, base) == s
}

func isDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }) < 0
}

// parseRange reads a Range header of one range of what has size bytes: the
// first byte and the end.
func parseRange(s string, size int64) (from, to int64, ok bool) {
	first, last, _ := strings.Cut(strings.TrimPrefix(s, "bytes="), "-")
	var f, l uint64
	if !strings.HasPrefix(s, "bytes=") || !parseNumber(first, 10, 63, &f) || int64(f) >= size {
		return 0, 0, false
	}
	if last == "" {
		return int64(f), size, strings.HasSuffix(s, "-")
	}
	if !parseNumber(last, 10, 63, &l) || l < f {
		return 0, 0, false
	}
	return int64(f), min(int64(l), size-1) + 1, true
}
