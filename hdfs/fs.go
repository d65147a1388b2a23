package hdfs

import (
	"context"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/storage"
)

// Permissions of what is made, as those of Hadoop's own client with its usual umask.
const (
	dirMode  = 0o755
	fileMode = 0o644
)

func init() { storage.Register("hdfs", newFileSystem(loadSite)) }

// fileSystem is the [storage.FileSystem] of all clusters that this process meets.
type fileSystem struct {
	site func() (*site, error)

	mu       sync.Mutex
	clusters map[string]*cluster // by authority
}

func newFileSystem(load func() (*site, error)) *fileSystem {
	return &fileSystem{site: sync.OnceValues(load), clusters: map[string]*cluster{}}
}

// place is a path of HDFS with its cluster.
type place struct {
	*cluster
	url  string // as it was given, clean of a final /
	path string // within the cluster
}

// at finds the cluster of a URL.
func (fs *fileSystem) at(op, url string) (place, error) {
	authority, path, ok := strings.Cut(strings.TrimPrefix(url, "hdfs://"), "/")
	if !ok {
		path = ""
	}
	root := "hdfs://" + authority
	clean := storage.Join(root + "/" + path)
	p := place{url: clean, path: strings.TrimPrefix(clean, root)}
	var err error
	if p.cluster, err = fs.cluster(authority); err != nil {
		return p, &storage.PathError{Op: op, Path: url, Kind: storage.Invalid, Offset: -1, Err: err}
	}
	return p, nil
}

func (fs *fileSystem) cluster(authority string) (*cluster, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if c := fs.clusters[authority]; c != nil {
		return c, nil
	}
	s, err := fs.site()
	if err != nil {
		return nil, err
	}
	c, err := newCluster(s, authority)
	if err != nil {
		return nil, err
	}
	fs.clusters[authority] = c
	return c, nil
}

// do calls f with a client, again while the cluster may yet answer, and makes a PathError of what
// went wrong.
func (p place) do(ctx context.Context, op string, f func(*client) error) error {
	return pathError(op, p.url, p.call(ctx, f))
}

// Stat describes what is at path, with the hosts of a file's blocks.
func (fs *fileSystem) Stat(ctx context.Context, url string) (info storage.Info, err error) {
	p, err := fs.at("stat", url)
	if err != nil {
		return info, err
	}
	err = p.do(ctx, "stat", func(c *client) error {
		st, err := c.stat(p.path)
		if err != nil {
			return err
		}
		info = infoOf(p.url, st, nil)
		if !info.Regular || info.Size == 0 {
			return nil
		}
		list, err := c.list(p.path) // of a file: itself
		if err == nil && len(list) == 1 {
			info = infoOf(p.url, list[0], hosts{})
		}
		return err
	})
	return info, err
}

// List describes what is in a directory, sorted by name, with the hosts of all blocks.
func (fs *fileSystem) List(ctx context.Context, url string) (infos []storage.Info, err error) {
	p, err := fs.at("list", url)
	if err != nil {
		return nil, err
	}
	err = p.do(ctx, "list", func(c *client) error {
		list, err := c.list(p.path)
		if err != nil {
			return err
		}
		if len(list) == 1 && len(list[0].GetPath()) == 0 {
			return errNotDir
		}
		known := hosts{}
		infos = make([]storage.Info, len(list))
		for i, st := range list {
			infos[i] = infoOf(storage.Join(p.url, string(st.GetPath())), st, known)
		}
		return nil
	})
	return infos, err
}

// MkdirAll makes a directory and those above it.
func (fs *fileSystem) MkdirAll(ctx context.Context, url string) error {
	p, err := fs.at("make directory", url)
	if err != nil {
		return err
	}
	return p.do(ctx, "make directory", func(c *client) error { return c.mkdirs(p.path) })
}

// Rename moves a file or directory; the name node refuses a target that is there. An answer that
// was lost is asked for by the file's id, which it keeps under its new name.
func (fs *fileSystem) Rename(ctx context.Context, from, to string) error {
	p, err := fs.at("rename", from)
	if err != nil {
		return err
	}
	target, err := fs.at("rename", to)
	if err != nil {
		return err
	}
	if p.cluster != target.cluster {
		return &storage.PathError{Op: "rename", Path: from, Kind: storage.Invalid, Offset: -1, Err: errOtherCluster}
	}
	var id uint64
	err = p.call(ctx, func(c *client) error {
		if id != 0 { // not the first try
			if st, err := c.stat(target.path); err == nil && st.GetFileId() == id {
				return nil
			}
		}
		st, err := c.stat(p.path)
		if err != nil {
			return err
		}
		id = st.GetFileId()
		err = c.rename(p.path, target.path)
		if _, e := remote(err); e != nil && kindOf(err) == storage.Other { // such as a file in the way of a directory
			if _, e := c.stat(target.path); e == nil {
				return errExists
			}
		}
		return err
	})
	if kindOf(err) == storage.Exists {
		return pathError("rename", target.url, err)
	}
	return pathError("rename", p.url, err)
}

// Remove removes a file or an empty directory.
func (fs *fileSystem) Remove(ctx context.Context, url string) error {
	return fs.remove(ctx, url, false)
}

// RemoveAll removes path and all below it, files that are being written too.
func (fs *fileSystem) RemoveAll(ctx context.Context, url string) error {
	err := fs.remove(ctx, url, true)
	if storage.KindOf(err) == storage.NotFound {
		return nil
	}
	return err
}

func (fs *fileSystem) remove(ctx context.Context, url string, all bool) error {
	p, err := fs.at("remove", url)
	if err != nil {
		return err
	}
	tries := 0
	return p.do(ctx, "remove", func(c *client) error {
		tries++
		there, err := c.remove(p.path, all)
		if err == nil && !there && tries == 1 { // else an answer may have been lost
			return errNotFound
		}
		return err
	})
}
