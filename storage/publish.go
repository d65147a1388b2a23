package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
)

// publishers is how many files Publish renames at a time: enough to hide a remote store's answers.
const publishers = 16

// Winner is the attempt that won its partition, and what it wrote.
type Winner struct {
	Attempt
	Rows  int64
	Bytes int64 // of the file as stored
	Sum   string
}

// Manifest says what is in an output directory. It is plain data, kept there as JSON.
type Manifest struct {
	ID    string         `json:"id"`
	Parts []ManifestPart `json:"parts"`
}

// ManifestPart is one file of an output directory.
type ManifestPart struct {
	Partition int    `json:"partition"`
	File      string `json:"file"`
	Rows      int64  `json:"rows"`
	Bytes     int64  `json:"bytes"`
	Sum       string `json:"sum,omitempty"`
}

// ReadManifest returns the manifest of a complete output directory.
func ReadManifest(ctx context.Context, dir string) (Manifest, error) {
	fs, dir, err := Lookup(dir)
	if err != nil {
		return Manifest{}, err
	}
	path := Join(dir, ManifestName)
	data, err := (&Committer{fs: fs}).get(ctx, path)
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, newError("read", path, Corrupt, "%w", err)
	}
	return m, nil
}

// Publish makes the output from the winners, one for each partition. The winners must be decided
// for good before the first call (logged, if a log exists), and be the same in every call. It
// does what is not done yet. Errors are of kind Exists when somebody else made the output in the
// meantime, Corrupt when a winner's file is missing or not of the length it reported.
func (c *Committer) Publish(ctx context.Context, winners []Winner) error {
	m, err := c.manifest(winners)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if done, err := c.published(ctx, data); done || err != nil {
		return err
	}
	if done, err := c.takeBack(ctx, data); done || err != nil {
		return err
	}
	err = c.publish(ctx, winners, m, data)
	if err != nil && ctx.Err() == nil {
		// Another publisher of the same intent may have been faster at any step.
		if done, _ := c.published(ctx, data); done {
			return nil
		}
	}
	return err
}

func (c *Committer) publish(ctx context.Context, winners []Winner, m Manifest, data []byte) error {
	ready := Join(c.staging, readyName)
	if err := c.fs.MkdirAll(ctx, ready); err != nil {
		return err
	}
	err := each(len(winners), func(i int) error {
		return c.take(ctx, c.AttemptPath(winners[i].Attempt), Join(ready, m.Parts[i].File), winners[i].Bytes)
	})
	if err != nil {
		return err
	}
	if err := c.seal(ctx, ready, m, data); err != nil {
		return err
	}
	return c.swap(ctx, ready, data)
}

// manifest names the winners' files, in the order of winners, and checks that they are whole.
func (c *Committer) manifest(winners []Winner) (Manifest, error) {
	m := Manifest{ID: c.out.ID, Parts: make([]ManifestPart, len(winners))}
	for i, w := range winners {
		m.Parts[i] = ManifestPart{
			Partition: w.Partition,
			File:      c.PartName(w.Partition),
			Rows:      w.Rows,
			Bytes:     w.Bytes,
			Sum:       w.Sum,
		}
		if w.Partition != i {
			return m, newError("save to", c.dir, Invalid, "winner %d is of partition %d: one for each, in order", i, w.Partition)
		}
	}
	return m, nil
}

// published says whether the output is there and is ours: its manifest has our action's ID.
func (c *Committer) published(ctx context.Context, manifest []byte) (bool, error) {
	return c.isOurs(ctx, c.dir, manifest)
}

func (c *Committer) isOurs(ctx context.Context, dir string, manifest []byte) (bool, error) {
	got, err := c.get(ctx, Join(dir, ManifestName))
	if err == nil {
		return bytes.Equal(got, manifest), nil
	}
	if k := KindOf(err); k == NotFound || k == Invalid {
		return false, nil
	}
	return false, err
}

// take moves a winner's file into ready, unless that was done before.
func (c *Committer) take(ctx context.Context, from, to string, size int64) error {
	done, err := c.taken(ctx, from, to, size)
	if done || err != nil {
		return err
	}
	info, err := c.fs.Stat(ctx, from)
	if err == nil && info.Size != size {
		return newError("save to", c.dir, Corrupt, "%s has %d bytes, its task reported %d", from, info.Size, size)
	}
	if err == nil && c.out.Sync {
		err = c.sync(ctx, from)
	}
	if err == nil {
		err = c.fs.Rename(ctx, from, to)
	}
	if err == nil {
		return nil
	}
	// Perhaps another publisher took it under our hands.
	if done, err := c.taken(ctx, from, to, size); done || err != nil {
		return err
	}
	if KindOf(err) == NotFound {
		return newError("save to", c.dir, Corrupt, "file of a finished task is gone: %w", err)
	}
	return err
}

// taken says whether to is the winner's file already. A store that renames in two steps may have
// stopped between them; then the old name goes now.
func (c *Committer) taken(ctx context.Context, from, to string, size int64) (bool, error) {
	info, err := c.fs.Stat(ctx, to)
	if KindOf(err) == NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.Size != size {
		return false, newError("save to", c.dir, Corrupt, "%s has %d bytes, its task reported %d", to, info.Size, size)
	}
	if err := c.fs.Remove(ctx, from); err != nil && KindOf(err) != NotFound {
		return false, err
	}
	return true, nil
}

// seal adds manifest and _SUCCESS to ready and checks that nothing else is in it.
func (c *Committer) seal(ctx context.Context, ready string, m Manifest, data []byte) error {
	if err := c.put(ctx, Join(ready, ManifestName), data); err != nil {
		return err
	}
	if err := c.put(ctx, Join(ready, SuccessName), nil); err != nil {
		return err
	}
	infos, err := c.fs.List(ctx, ready)
	if err != nil {
		return err
	}
	want := map[string]bool{ManifestName: true, SuccessName: true}
	for _, p := range m.Parts {
		want[p.File] = true
	}
	for _, info := range infos {
		if name := baseOf(info.Path); !want[name] {
			return newError("save to", c.dir, Corrupt, "%s is none of the job's files", info.Path)
		}
	}
	if len(infos) != len(want) {
		return newError("save to", c.dir, Corrupt, "%s has %d files, not %d", ready, len(infos), len(want))
	}
	return c.sync(ctx, ready)
}

// swap makes ready the output. With Overwrite there is a moment without either.
func (c *Committer) swap(ctx context.Context, ready string, manifest []byte) error {
	there, err := c.exists(ctx, c.dir)
	if err != nil {
		return err
	}
	if there && c.out.Overwrite {
		// A second thing in the way, after the old output was put aside, is nobody's to replace.
		if err := c.fs.Rename(ctx, c.dir, Join(c.staging, oldName)); err != nil {
			return asSave(c.dir, err)
		}
		if done, err := c.takeBack(ctx, manifest); done || err != nil {
			return err
		}
	}
	err = c.fs.Rename(ctx, ready, c.dir)
	if KindOf(err) == Exists {
		return newError("save to", c.dir, Exists, "somebody made the output directory while the job ran")
	}
	if err != nil {
		return asSave(c.dir, err)
	}
	return c.sync(ctx, dirOf(c.dir))
}

// takeBack undoes what a slower publisher of the same intent may have done: put aside as old
// what the faster one had published.
func (c *Committer) takeBack(ctx context.Context, manifest []byte) (bool, error) {
	old := Join(c.staging, oldName)
	ours, err := c.isOurs(ctx, old, manifest)
	if !ours || err != nil {
		return false, err
	}
	return true, c.fs.Rename(ctx, old, c.dir)
}

// sync forces a path to stable storage when that is wanted and the store needs to be told.
func (c *Committer) sync(ctx context.Context, path string) error {
	s, ok := c.fs.(Syncer)
	if !ok || !c.out.Sync {
		return nil
	}
	return s.Sync(ctx, path)
}

// put writes a small file in one step, so that it is there whole or not at all. One that is
// there with the same bytes is fine.
func (c *Committer) put(ctx context.Context, path string, data []byte) error {
	if got, err := c.get(ctx, path); err == nil && bytes.Equal(got, data) {
		return nil
	}
	tmp := Join(c.staging, "tmp."+rand.Text())
	w, err := c.fs.Create(ctx, tmp)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := c.sync(ctx, tmp); err != nil {
		return err
	}
	err = c.fs.Rename(ctx, tmp, path)
	if KindOf(err) != Exists {
		return err
	}
	if got, err := c.get(ctx, path); err != nil || !bytes.Equal(got, data) {
		return newError("save to", c.dir, Corrupt, "%s is not what this job would write", path)
	}
	return c.fs.Remove(ctx, tmp)
}

// get reads a small file.
func (c *Committer) get(ctx context.Context, path string) (data []byte, err error) {
	f, err := c.fs.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	data, err = io.ReadAll(f)
	return data, wrapError("read", path, errors.Join(err, f.Close()))
}

// each calls f for 0 to n-1, some at a time, and returns the error of the lowest index.
func each(n int, f func(int) error) error {
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, publishers) {
		wg.Go(func() {
			for i := range next {
				errs[i] = f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}
