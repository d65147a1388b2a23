package launch

import (
	"cmp"
	"debug/buildinfo"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/gordd-project/gordd/rdd/plan"
)

// inspect says what a binary is for. It refuses what nobody can run as a program
// of ours: a file that Go did not build or that holds tests, and one that may not
// be executed. Error's code is CodeRefused then.
func inspect(path string) (Binary, error) {
	b := Binary{Path: path}
	info, err := buildinfo.ReadFile(path)
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return b, refused("read the program: %w", err)
	case err != nil:
		return b, refused("%s is no program built by Go: give a package main, or what go build makes of it: %w", path, err)
	case strings.HasSuffix(info.Path, ".test"):
		return b, refused("%s holds the tests of package %s: give a package main, or what go build makes of it", path, strings.TrimSuffix(info.Path, ".test"))
	}
	if st, err := os.Stat(path); err == nil && st.Mode()&0o111 == 0 && runtime.GOOS != "windows" {
		return b, refused("%s may not be executed: run chmod +x %s", path, path)
	}
	goos, goarch := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			goarch = s.Value
		}
	}
	// A build by other tools may not say what it is for.
	b.Platform = plan.Platform(cmp.Or(goos, runtime.GOOS) + "/" + cmp.Or(goarch, runtime.GOARCH))
	return b, nil
}
