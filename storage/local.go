package storage

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Local is the FileSystem of the operating system.
//
// Rename is atomic on POSIX systems. On Windows it is one call of MoveFileEx, which NTFS makes
// atomic within a volume, but it fails while another process has the file, or one below the
// directory, open.
type Local struct{}

var (
	_ FileSystem = Local{}
	_ Syncer     = Local{}
)

type localFile struct{ *os.File }

// Stat describes the open file, also when its name is gone by now.
func (f localFile) Stat() (Info, error) {
	fi, err := f.File.Stat()
	if err != nil {
		return Info{}, wrapError("stat", f.Name(), err)
	}
	return infoOf(f.Name(), fi), nil
}

// Open opens a regular file. Others are refused: opening a pipe would wait for its writer.
func (Local) Open(ctx context.Context, path string) (File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, wrapError("open", path, err)
	}
	if !fi.Mode().IsRegular() {
		return nil, newError("open", path, Invalid, "%s", notRegular(infoOf(path, fi)))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, wrapError("open", path, err)
	}
	return localFile{f}, nil
}

func notRegular(i Info) string {
	if i.Dir {
		return "is a directory"
	}
	return "not a regular file (socket, pipe or device)"
}

// Create makes a new file. Its bytes are in the system's cache when Close returns, safe from
// this program's end but not from the machine's; see Sync.
func (Local) Create(ctx context.Context, path string) (Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, wrapError("create", path, err)
	}
	return &localWriter{f: f, path: path}, nil
}

type localWriter struct {
	f       *os.File // nil once closed or removed
	path    string
	written int64
	err     error
}

// Write appends p. An error removes the file and is repeated by all later calls.
func (w *localWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.f == nil {
		return 0, newError("write", w.path, Invalid, "file is closed")
	}
	n, err := w.f.Write(p)
	w.written += int64(n)
	if err != nil {
		w.fail(err)
	}
	return n, w.err
}

// fail records the error with the bytes that had been written and removes the file: half a
// file helps nobody, and on a full disk it is in the way.
func (w *localWriter) fail(err error) {
	w.err = atOffset("write", w.path, w.written, kindOfSystem(err), err)
	_ = w.drop()
}

func (w *localWriter) drop() error {
	f := w.f
	w.f = nil
	_ = f.Close()
	return wrapError("remove", w.path, os.Remove(w.path))
}

// Close completes the file.
func (w *localWriter) Close() error {
	if w.f == nil {
		return w.err
	}
	f := w.f
	w.f = nil
	if err := f.Close(); err != nil {
		w.err = atOffset("write", w.path, w.written, kindOfSystem(err), err)
		_ = os.Remove(w.path)
	}
	return w.err
}

// Abort removes the file unless Close has completed it.
func (w *localWriter) Abort() error {
	if w.f == nil {
		return nil
	}
	return w.drop()
}

// Size returns the bytes written.
func (w *localWriter) Size() int64 { return w.written }

// Stat describes what is at path.
func (Local) Stat(_ context.Context, path string) (Info, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Info{}, wrapError("stat", path, err)
	}
	return infoOf(path, fi), nil
}

// List describes the entries of a directory. One that vanishes meanwhile is left out, a
// symbolic link to nowhere is an entry that is neither file nor directory.
func (Local) List(ctx context.Context, dir string) ([]Info, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, wrapError("list", dir, err)
	}
	infos := make([]Info, 0, len(entries))
	for i, e := range entries {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		info, err := entryInfo(filepath.Join(dir, e.Name()), e)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, wrapError("stat", info.Path, err)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func entryInfo(path string, e os.DirEntry) (Info, error) {
	fi, err := e.Info()
	if err != nil {
		return Info{Path: path}, err
	}
	if fi.Mode()&os.ModeSymlink == 0 {
		return infoOf(path, fi), nil
	}
	info := Info{Path: path}
	if target, err := os.Stat(path); err == nil {
		info = infoOf(path, target)
	}
	info.Link = true
	return info, nil
}

func infoOf(path string, fi os.FileInfo) Info {
	return Info{
		Path:    path,
		Size:    fi.Size(),
		ModTime: fi.ModTime(),
		Dir:     fi.IsDir(),
		Regular: fi.Mode().IsRegular(),
	}
}

// MkdirAll makes a directory and its parents.
func (Local) MkdirAll(_ context.Context, dir string) error {
	return wrapError("make directory", dir, os.MkdirAll(dir, 0o777))
}

// Rename moves a file or directory. For a file "never overwrites" holds against any rival on
// file systems with hard links. For a directory it holds up to one case: a rival that makes an
// empty directory there at the same moment loses it.
func (Local) Rename(_ context.Context, from, to string) error {
	fi, err := os.Lstat(from)
	if err != nil {
		return wrapError("rename", from, err)
	}
	if fi.Mode().IsRegular() {
		err := os.Link(from, to)
		if err == nil {
			return wrapError("rename", from, os.Remove(from))
		}
		if errors.Is(err, os.ErrExist) {
			return wrapError("rename", to, err)
		}
		// No hard links here, or not for us: look first, then rename.
	}
	if _, err := os.Lstat(to); err == nil {
		return wrapError("rename", to, os.ErrExist)
	}
	if err := os.Rename(from, to); err != nil {
		return wrapError("rename", to, err)
	}
	return nil
}

// Remove removes a file or an empty directory.
func (Local) Remove(_ context.Context, path string) error {
	return wrapError("remove", path, os.Remove(path))
}

// RemoveAll removes path and all below it.
func (Local) RemoveAll(_ context.Context, path string) error {
	return wrapError("remove", path, os.RemoveAll(path))
}

// Sync forces a file or directory to the disk.
func (Local) Sync(_ context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return wrapError("sync", path, err)
	}
	err = syncFile(f)
	return wrapError("sync", path, errors.Join(err, f.Close()))
}

// readable says whether the file could be opened, so that an unreadable input is named before
// anything runs. A file of no size that has bytes, such as those that the system makes up when they are read, would
// give no rows: it is refused.
func (Local) readable(ctx context.Context, info Info) error {
	f, err := Local{}.Open(ctx, info.Path)
	if err != nil {
		return err
	}
	if info.Size == 0 {
		err = reallyEmpty(f)
	}
	return cmp.Or(err, wrapError("open", info.Path, f.Close()))
}

// reallyEmpty says that an open file of size 0 has no bytes.
func reallyEmpty(f File) error {
	n, err := f.Read(make([]byte, 1))
	now, statErr := f.Stat()
	switch {
	case n == 0 && (err == nil || errors.Is(err, io.EOF)):
		return nil
	case n == 0:
		return wrapError("read", now.Path, err)
	case statErr != nil:
		return statErr
	case now.Size > 0: // it is being written
		return newError("read", now.Path, Changed, "was empty and has %d bytes now: read it when it is written", now.Size)
	}
	return newError("read", now.Path, Invalid, "has bytes and says that its size is 0, as files of /proc do: copy it to a file and read that")
}

func linkCause(err error) error {
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return nil
}
