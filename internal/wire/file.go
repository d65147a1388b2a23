package wire

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxFiles is how many files may be shipped with a job.
	MaxFiles = 64
	// maxFileName is the longest name of one, in bytes.
	maxFileName = 255
)

// CheckFiles refuses names that files of a job cannot have, and too many of them. A
// name is that of a file in no directory, so that none can leave one.
func CheckFiles(names []string) error {
	if len(names) > MaxFiles {
		return fmt.Errorf("%d files: a job has %d at most", len(names), MaxFiles)
	}
	for i, name := range names {
		odd := func(r rune) bool { return r == '/' || r == '\\' || r == ':' || unicode.IsControl(r) }
		switch {
		case name == "", name == ".", name == "..", len(name) > maxFileName, !utf8.ValidString(name), strings.ContainsFunc(name, odd):
			return fmt.Errorf("file %q: give it a plain name, as by PATH=NAME", name)
		case slices.Contains(names[:i], name):
			return fmt.Errorf("two files are named %q: give one another name, as by PATH=NAME", name)
		}
	}
	return nil
}
