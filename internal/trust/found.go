package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// foundPrefix and foundSuffix are those of the files that say where a server is.
	foundPrefix, foundSuffix = "dev-", ".address"
	// maxFound is how many bytes an address may have.
	maxFound = 256
)

// Announced is word for this user's commands of where a server is.
type Announced struct {
	f    *os.File // locked as long as the process lives
	path string
}

// Announce tells commands of this user that a server listens on a loopback
// address. Word of it is gone when the process is, however it ends.
func Announce(addr string) (*Announced, error) {
	if _, err := localName(addr); err != nil {
		return nil, fmt.Errorf("announce a server: %w", err)
	}
	dir, err := runtimeDir()
	if err != nil {
		return nil, fmt.Errorf("announce a server: %w", err)
	}
	// The name is one that no other file had: who finds an old file may remove it
	// by its name. It gets it once it is locked and whole.
	f, err := os.CreateTemp(dir, ".dev-*")
	if err != nil {
		return nil, fmt.Errorf("announce a server: %w", err)
	}
	a := &Announced{f: f, path: filepath.Join(dir, strings.TrimPrefix(filepath.Base(f.Name()), ".")+foundSuffix)}
	err = lockFile(f, true)
	if err == nil {
		_, err = f.WriteString(addr)
	}
	if err == nil {
		err = os.Rename(f.Name(), a.path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("announce a server: %w", err), f.Close(), os.Remove(f.Name()))
	}
	return a, nil
}

// Close takes the word back.
func (a *Announced) Close() error {
	err := os.Remove(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, a.f.Close())
}

// FindAnnounced gives the addresses that were announced by processes that live,
// sorted. What others left it removes.
func FindAnnounced() (addrs []string, err error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, fmt.Errorf("find a server: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("find a server: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), foundPrefix) || !strings.HasSuffix(e.Name(), foundSuffix) {
			continue
		}
		addr, err := readAnnounced(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("find a server: %w", err)
		}
		if addr != "" {
			addrs = append(addrs, addr)
		}
	}
	slices.Sort(addrs)
	return slices.Compact(addrs), nil
}

// readAnnounced reads one file. None is the address of one that no process holds.
func readAnnounced(path string) (addr string, err error) {
	f, err := openPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // since it was listed
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if lockFile(f, false) == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return "", nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFound))
	if err != nil {
		return "", err
	}
	if _, err := localName(string(b)); err != nil {
		return "", fmt.Errorf("%s has no address in it: %w", path, err)
	}
	return string(b), nil
}
