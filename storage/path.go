package storage

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// absLocal makes a local path absolute and takes off file:// or file:.
func absLocal(p string) (string, error) {
	p = stripFile(p)
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", wrapError("open", p, err)
	}
	return abs, nil
}

// absPattern makes a local pattern absolute. The working directory's name is no pattern.
func absPattern(p string) (string, error) {
	p = stripFile(p)
	if filepath.IsAbs(p) || !escapes {
		return absLocal(p)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", wrapError("find input", p, err)
	}
	return filepath.Join(escape(wd), p), nil
}

// stripFile takes off file: in its forms file:/a, file:///a and file://localhost/a.
func stripFile(p string) string {
	rest, ok := strings.CutPrefix(p, "file:")
	if !ok || !strings.HasPrefix(rest, "/") {
		return p
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		rest = strings.TrimPrefix(after, "localhost")
	}
	// file:///C:/x on Windows.
	if runtime.GOOS == "windows" && len(rest) > 2 && rest[0] == '/' && rest[2] == ':' {
		rest = rest[1:]
	}
	return rest
}

// cutURL separates scheme://host from the path of a URL. A local path has an empty root.
func cutURL(p string) (root, rest string) {
	scheme, rest, ok := strings.Cut(p, "://")
	if !ok || len(scheme) < 2 {
		return "", p
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return p, "/"
	}
	return p[:len(scheme)+3+slash], rest[slash:]
}

// Join puts names below a path of any store.
func Join(p string, names ...string) string {
	root, rest := cutURL(p)
	elems := append([]string{rest}, names...)
	if root == "" {
		return filepath.Join(elems...)
	}
	return root + path.Join(elems...)
}

// dirOf returns the directory that holds p, in any store.
func dirOf(p string) string {
	root, rest := cutURL(p)
	if root == "" {
		return filepath.Dir(rest)
	}
	return root + path.Dir(rest)
}

// baseOf returns the last name of p; it is the separator alone for the top of a store.
func baseOf(p string) string {
	root, rest := cutURL(p)
	if root == "" {
		return filepath.Base(rest)
	}
	return path.Base(rest)
}

// slashed gives a local path of Windows the separators that patterns use.
func slashed(p string) string {
	if os.PathSeparator == '/' {
		return p
	}
	return filepath.ToSlash(p)
}
