package storage

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Names in an output directory and in its staging directory.
const (
	stagingName  = "_temporary"
	readyName    = "ready"
	oldName      = "old"
	nonceName    = "nonce"
	ManifestName = "_manifest.json" // what is in an output directory, by part
	SuccessName  = "_SUCCESS"       // empty; there when the output is whole
)

// Output is one output directory of one action. It is plain data: whoever has an equal value can
// take part in the commit, in any process.
type Output struct {
	// Dir is the directory to make.
	Dir string
	// ID names the action in the staging directory: "<job>.<action>", unique among all that
	// write beside Dir.
	ID string
	// Overwrite replaces a directory that is there already.
	Overwrite bool
	// Compression of the parts, "", "gzip" or "zstd", gives their names an extension.
	Compression string
	// Sync forces everything to stable storage before the output appears, for stores that can
	// (see [Syncer]). Without it a complete output survives the end of any program, but not a
	// power cut in the seconds after.
	Sync bool
	// Nonce, when not empty, is written into the staging directory by Prepare and looked for by
	// Create: in another process it proves that both see the same directory.
	Nonce string
}

// NewNonce returns a value for Output.Nonce.
func NewNonce() string { return rand.Text() }

// Attempt names one attempt at one partition.
type Attempt struct {
	Gen       uint64 // generation of the stage
	Partition int
	Term      uint64 // of the master that launched it
	Seq       uint64 // of the attempt within the term
}

// Committer makes an output directory appear once and whole. What happens, in order:
//
//  1. Prepare refuses an output that is there and makes <parent>/_temporary/<ID>, the staging
//     directory, beside the output and so on the same file system.
//  2. Create gives each attempt a file of its own there, <gen>/<partition>.<term>.<seq>, which
//     never changes after Close. Discard removes that of a loser.
//  3. Publish, once the winners are decided for good, renames them into <staging>/ready, adds
//     manifest and _SUCCESS, and renames ready to the output: readers see nothing or all.
//  4. Collect removes the staging directory, however things ended.
//
// Every step may be repeated after a crash at any point, also by another process and at the same
// time as a first try that is still going on, with the same result. Methods may be called from
// several goroutines.
type Committer struct {
	out     Output
	fs      FileSystem
	dir     string
	staging string
}

// NewCommitter checks the output's path and names without touching the store. Errors are of kind
// Invalid.
func NewCommitter(out Output) (*Committer, error) {
	fs, dir, err := Lookup(out.Dir)
	if err != nil {
		return nil, err
	}
	dir = Join(dir) // cleaned
	switch {
	case dirOf(dir) == dir:
		return nil, newError("save to", dir, Invalid, "output cannot be the top of a store")
	case strings.ContainsAny(baseOf(dir), patternChars):
		return nil, newError("save to", dir, Invalid, "output is one directory: no commas or wildcards")
	case isHidden(baseOf(dir)):
		return nil, newError("save to", dir, Invalid, "names that begin with _ or . are skipped when read")
	case out.ID == "" || strings.ContainsAny(out.ID, `/\`) || out.ID == "." || out.ID == "..":
		return nil, newError("save to", dir, Invalid, "bad action id %q", out.ID)
	}
	if c, ok := compressionNamed(out.Compression); out.Compression != "" && (!ok || c.writer == nil) {
		return nil, newError("save to", dir, Invalid, "cannot write compression %q (have gzip, zstd)", out.Compression)
	}
	staging := Join(dirOf(dir), stagingName, out.ID)
	return &Committer{out: out, fs: fs, dir: dir, staging: staging}, nil
}

// Dir returns the output directory's absolute path.
func (c *Committer) Dir() string { return c.dir }

// Staging returns the directory in which attempts write.
func (c *Committer) Staging() string { return c.staging }

// PartName returns the name that a partition's file has in the output.
func (c *Committer) PartName(partition int) string {
	return fmt.Sprintf("part-%05d", partition) + CompressionExt(c.out.Compression)
}

// AttemptPath returns the file that an attempt writes.
func (c *Committer) AttemptPath(a Attempt) string {
	return Join(c.staging, strconv.FormatUint(a.Gen, 10), fmt.Sprintf("%d.%d.%d", a.Partition, a.Term, a.Seq))
}

// Prepare refuses what could not be published and makes the staging directory, before any work
// is done. Errors are of kind Exists (without Overwrite, or when a file is in the way),
// Permission or Invalid.
func (c *Committer) Prepare(ctx context.Context) error {
	info, err := c.fs.Stat(ctx, c.dir)
	switch {
	case err == nil && !info.Dir:
		return newError("save to", c.dir, Exists, "a file is in the way")
	case err == nil && !c.out.Overwrite:
		return newError("save to", c.dir, Exists, "output directory exists already; choose another or Overwrite it")
	case err != nil && KindOf(err) != NotFound:
		return asSave(c.dir, err)
	}
	// Directories may have such names, but nobody means to make one.
	_, names := cutURL(c.dir)
	if there, err := c.exists(ctx, dirOf(c.dir)); err == nil && !there && strings.ContainsAny(names, patternChars) {
		return newError("save to", c.dir, Invalid, "output is one directory: no commas or wildcards")
	}
	if err := c.makeStaging(ctx); err != nil {
		return asSave(c.dir, err)
	}
	if c.out.Nonce == "" {
		return nil
	}
	return asSave(c.dir, c.put(ctx, Join(c.staging, nonceName), []byte(c.out.Nonce)))
}

// makeStaging tries more than once: another action's Collect may take an empty _temporary away
// between its making and ours, which shows as NotFound, or as Exists of what is gone.
func (c *Committer) makeStaging(ctx context.Context) error {
	var err error
	for range 100 {
		err = c.fs.MkdirAll(ctx, c.staging)
		if k := KindOf(err); k != NotFound && k != Exists {
			break
		}
	}
	return err
}

// asSave says of an error that it is about the output.
func asSave(dir string, err error) error {
	var pe *PathError
	if !errors.As(err, &pe) {
		return err
	}
	cause := pe.Err
	if pe.Path != dir {
		cause = pe
	}
	return &PathError{Op: "save to", Path: dir, Kind: pe.Kind, Offset: -1, Err: cause}
}

// MakeRoom makes the directory for the file of an attempt. One that is late, so that staging was
// collected meanwhile, gets an error of kind NotFound and leaves nothing behind.
func (c *Committer) MakeRoom(ctx context.Context, a Attempt) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	return c.fs.MkdirAll(ctx, dirOf(c.AttemptPath(a)))
}

// Create makes the file of an attempt, compressing if the output is, in the room that it makes.
func (c *Committer) Create(ctx context.Context, a Attempt) (Writer, error) {
	if err := c.MakeRoom(ctx, a); err != nil {
		return nil, err
	}
	w, err := c.fs.Create(ctx, c.AttemptPath(a))
	if err != nil {
		return nil, err
	}
	return Compress(w, c.out.Compression)
}

// check looks for the staging directory, and for the nonce in it.
func (c *Committer) check(ctx context.Context) error {
	var got []byte
	var err error
	if c.out.Nonce == "" {
		_, err = c.fs.Stat(ctx, c.staging)
	} else {
		got, err = c.get(ctx, Join(c.staging, nonceName))
	}
	if err == nil && string(got) == c.out.Nonce {
		return nil
	}
	if err != nil && KindOf(err) != NotFound {
		return err
	}
	return newError("save to", c.dir, NotFound,
		"staging directory %s is not the one that was prepared: gone, or not a directory shared by all workers", c.staging)
}

// Discard removes the file of an attempt that did not win. Nothing there is no error.
func (c *Committer) Discard(ctx context.Context, a Attempt) error {
	err := c.fs.Remove(ctx, c.AttemptPath(a))
	if KindOf(err) == NotFound {
		return nil
	}
	return err
}

// Collect removes the staging directory, and _temporary when no other action uses it. Call it
// when the action has ended for good, not while a Publish may still be repeated. If a Publish
// stopped after it had put the old directory aside, the old one goes back first.
func (c *Committer) Collect(ctx context.Context) error {
	if err := c.restoreOld(ctx); err != nil {
		return err
	}
	err := c.fs.RemoveAll(ctx, c.staging)
	top := c.fs.Remove(ctx, dirOf(c.staging))
	if k := KindOf(top); k == Exists || k == NotFound { // others are at work there, or nobody was
		top = nil
	}
	return cmp.Or(err, top)
}

func (c *Committer) restoreOld(ctx context.Context) error {
	if there, err := c.exists(ctx, c.dir); there || err != nil {
		return err
	}
	err := c.fs.Rename(ctx, Join(c.staging, oldName), c.dir)
	if KindOf(err) == NotFound {
		return nil
	}
	return err
}

func (c *Committer) exists(ctx context.Context, path string) (bool, error) {
	_, err := c.fs.Stat(ctx, path)
	if KindOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}
