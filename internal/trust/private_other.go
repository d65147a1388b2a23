//go:build !unix

package trust

import (
	"fmt"
	"io/fs"
	"os"
)

// On these systems modes say nothing about others; the user's own directories,
// where these files are, are closed to them.

func openPrivate(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info, false); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func checkPrivate(path string, info fs.FileInfo, dir bool) error {
	if info.IsDir() != dir || !dir && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is %s: remove it", path, info.Mode().Type())
	}
	return nil
}

func userSuffix() string { return "" }

func syncDir(string) error { return nil }
