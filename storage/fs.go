package storage

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// FileSystem is a store of files. Methods may be called from several goroutines at once.
// Paths are those that [Lookup] returned or that an [Info] carried: plain paths for local files,
// whole URLs for other stores. Errors are *[PathError] with the fitting [Kind].
type FileSystem interface {
	// Open opens a file for reading at its beginning. A directory is an error of kind Invalid.
	// On a remote store ctx bounds the reads from the File too.
	Open(ctx context.Context, path string) (File, error)
	// Create makes a new file in an existing directory. A path that is there already is an error
	// of kind Exists, also when two callers try at the same moment.
	Create(ctx context.Context, path string) (Writer, error)
	// Stat describes what is at path, following symbolic links.
	Stat(ctx context.Context, path string) (Info, error)
	// List describes what is in a directory, sorted by name.
	List(ctx context.Context, dir string) ([]Info, error)
	// MkdirAll makes a directory and those above it. One that is there already is no error.
	MkdirAll(ctx context.Context, dir string) error
	// Rename moves a file or directory in one step: others see the old name or the new, never
	// both halves. It never overwrites: a target that is there is an error of kind Exists.
	Rename(ctx context.Context, from, to string) error
	// Remove removes a file or an empty directory. Nothing there is an error of kind NotFound,
	// a directory that is not empty one of kind Exists.
	Remove(ctx context.Context, path string) error
	// RemoveAll removes path and what is in it. Nothing there is no error.
	RemoveAll(ctx context.Context, path string) error
}

// Syncer is a FileSystem that can force a file or directory to stable storage after it was
// closed, by whoever wrote it. A store without it is durable when Close returns.
type Syncer interface {
	Sync(ctx context.Context, path string) error
}

// Replicator is a FileSystem that keeps files in blocks, and each block several times, as the
// writer of a file wants it.
type Replicator interface {
	// CreateWith is Create with options, those of which that are 0 being the store's own. Options that
	// the store does not take are an error of kind Invalid.
	CreateWith(ctx context.Context, path string, opt FileOptions) (Writer, error)
}

// FileOptions say how a store keeps a file.
type FileOptions struct {
	Replication int   // copies of each block
	BlockSize   int64 // bytes
}

// CreateWith makes a new file in fs as Create does, with options where the store is a [Replicator];
// others have nothing to do with them.
func CreateWith(ctx context.Context, fs FileSystem, path string, opt FileOptions) (Writer, error) {
	if r, ok := fs.(Replicator); ok {
		return r.CreateWith(ctx, path, opt)
	}
	return fs.Create(ctx, path)
}

// File is a file open for reading. It is for one goroutine at a time.
type File interface {
	io.ReadSeeker
	io.ReaderAt
	io.Closer
	// Stat describes the file as it is now; Blocks may be left out.
	Stat() (Info, error)
}

// Writer is a new file being written. It is not buffered: write large pieces.
// The first failed Write removes the file; later calls repeat the error.
type Writer interface {
	io.Writer
	// Close completes the file. When it returns an error the file has been removed.
	Close() error
	// Abort removes the unfinished file. After Close or Abort it does nothing.
	Abort() error
	// Size returns the bytes stored so far; after Close it is the file's size.
	Size() int64
}

// Info describes a file or directory.
type Info struct {
	Path    string
	Size    int64
	ModTime time.Time
	Dir     bool    // a directory
	Regular bool    // a regular file: not a directory, socket, pipe or device
	Link    bool    // reached through a symbolic link
	Blocks  []Block // where the bytes are, when the store knows
	ID      uint64  // of the file, which another under its name does not have; 0 when the store has none
}

// Block is a range of a file and the hosts that hold it. Blocks are in the order of their offsets.
type Block struct {
	Offset, Length int64
	// Hosts are names and addresses of those that hold it, in any order; one host may be there
	// by its name and by its address. Workers are matched with them by what they say of
	// themselves.
	Hosts []string
	// Racks are those of Hosts, "" where one is not known; it may be nil.
	Racks []string
}

// stores is filled by init functions of imported packages and only read afterwards.
var stores = struct {
	sync.RWMutex
	m map[string]FileSystem
}{m: map[string]FileSystem{"file": Local{}}}

// importFor names the package that joins a scheme we know of.
var importFor = map[string]string{
	"hdfs": "github.com/gordd-project/gordd/hdfs",
}

// Register joins a store for paths that begin with scheme://. Packages of stores call it from
// init; a scheme that is taken panics.
func Register(scheme string, fs FileSystem) {
	stores.Lock()
	defer stores.Unlock()
	if _, taken := stores.m[scheme]; taken {
		panic(fmt.Sprintf("storage: scheme %q registered twice", scheme))
	}
	stores.m[scheme] = fs
}

// Lookup finds the store of a path by its scheme, and the path as that store wants it. Local
// paths lose a leading file: and become absolute, for other processes work in other directories.
// A scheme that no import has joined is an error of kind Invalid that names the import to add.
func Lookup(path string) (FileSystem, string, error) {
	if path == "" {
		return nil, "", newError("open", path, Invalid, "empty path")
	}
	scheme, ok := schemeOf(path)
	if !ok || scheme == "file" {
		local, err := absLocal(path)
		return Local{}, local, err
	}
	stores.RLock()
	defer stores.RUnlock()
	if fs := stores.m[scheme]; fs != nil {
		return fs, path, nil
	}
	if pkg := importFor[scheme]; pkg != "" {
		return nil, "", newError("open", path, Invalid,
			"%s is not joined to this program: add import _ %q", scheme, pkg)
	}
	known := make([]string, 0, len(stores.m))
	for s := range stores.m {
		known = append(known, s)
	}
	slices.Sort(known)
	return nil, "", newError("open", path, Invalid, "no store for scheme %q (known: %s)",
		scheme, strings.Join(known, ", "))
}

// schemeOf returns the scheme of a URL. It wants two letters or more, so that a drive letter of
// Windows is none, and :// except after file.
func schemeOf(path string) (string, bool) {
	scheme, rest, ok := strings.Cut(path, ":")
	if !ok || len(scheme) < 2 {
		return "", false
	}
	for _, c := range scheme {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return "", false
		}
	}
	if strings.HasPrefix(rest, "//") || scheme == "file" && strings.HasPrefix(rest, "/") {
		return scheme, true
	}
	return "", false
}
