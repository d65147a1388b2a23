package storage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
)

// ExpandOptions says how Expand reads directories. The zero value works.
type ExpandOptions struct {
	// Recursive takes the files of directories at any depth; the default is only those directly
	// in it. Symbolic links to directories are not followed.
	Recursive bool
}

// Expand finds the regular files that paths means, in a stable order: as written, and sorted by
// path within a directory or pattern. Paths are separated by commas; each is a file, a directory
// (its files), or a pattern with *, ?, [a-z], {a,b} and ** for directories at any depth. A
// pattern means files; one that ends with / means directories, whose files are taken. A file
// whose name happens to look like a pattern, or to have a comma, is found by that name, and \ takes
// the meaning off a character (not on Windows). Names that begin with _ or . are skipped unless they are named.
//
// Every path must give something, but for a directory in which _SUCCESS says that a job wrote no partitions. Errors are of kind NotFound, Empty, Permission or Invalid.
// Paths in the result are absolute.
func Expand(ctx context.Context, paths string, opt ExpandOptions) ([]Info, error) {
	var files []Info
	for _, p := range pathList(ctx, paths) {
		found, err := expandOne(ctx, p, opt)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// pathList is splitPaths, but for one path with commas in its name.
func pathList(ctx context.Context, paths string) []string {
	list := splitPaths(paths)
	if len(list) == 1 {
		return list
	}
	if fs, p, err := Lookup(paths); err == nil {
		if _, err := fs.Stat(ctx, p); err == nil {
			return []string{escape(paths)}
		}
	}
	return list
}

// Abs makes the local paths among paths absolute, for a plan that is carried out in another
// directory. Patterns stay patterns; what the working directory's name has of them is escaped.
func Abs(ctx context.Context, paths string) (string, error) {
	list := pathList(ctx, paths)
	for i, p := range list {
		if scheme, ok := schemeOf(p); ok && scheme != "file" {
			continue
		}
		if p == "" {
			return "", newError("find input", paths, Invalid, "empty path")
		}
		abs, err := absPattern(p)
		if err != nil {
			return "", err
		}
		if wantsDirs(p) && !wantsDirs(abs) {
			abs += "/"
		}
		list[i] = abs
	}
	return strings.Join(list, ","), nil
}

func wantsDirs(p string) bool { return strings.HasSuffix(slashed(p), "/") }

func expandOne(ctx context.Context, given string, opt ExpandOptions) ([]Info, error) {
	fs, path, err := Lookup(given)
	if err != nil {
		return nil, err
	}
	x := &expander{fs: fs, opt: opt}
	info, err := fs.Stat(ctx, path)
	if err != nil && hasMeta(given) {
		return x.patterns(ctx, given)
	}
	if plain := unescape(given); err != nil && plain != given {
		if _, path, err = Lookup(plain); err != nil {
			return nil, err
		}
		info, err = fs.Stat(ctx, path)
	}
	if err != nil {
		return nil, asInput(path, err)
	}
	switch {
	case info.Dir:
		return x.dir(ctx, info.Path)
	case !info.Regular:
		return nil, newError("find input", path, Invalid, "%s", notRegular(info))
	}
	return x.files(ctx, []Info{info})
}

// asInput says of an error about a path that it is about an input.
func asInput(path string, err error) error {
	var pe *PathError
	if !errors.As(err, &pe) {
		return err
	}
	return &PathError{Op: "find input", Path: path, Kind: pe.Kind, Offset: -1, Err: pe.Err}
}

type expander struct {
	fs  FileSystem
	opt ExpandOptions

	// The directory listed last: ** looks at each twice, for files and for directories.
	lastDir  string
	lastList []Info
}

// list is FileSystem.List with a memory of one.
func (x *expander) list(ctx context.Context, dir string) ([]Info, error) {
	if dir == x.lastDir {
		return x.lastList, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	infos, err := x.fs.List(ctx, dir)
	if err != nil {
		return nil, asInput(dir, err)
	}
	x.lastDir, x.lastList = dir, infos
	return infos, nil
}

// files checks that this user may read what was found, and that it is as long as it says, as far as that is cheap.
func (x *expander) files(ctx context.Context, infos []Info) ([]Info, error) {
	checker, ok := x.fs.(interface {
		readable(ctx context.Context, info Info) error
	})
	if !ok {
		return infos, nil
	}
	for _, info := range infos {
		if err := checker.readable(ctx, info); err != nil {
			return nil, asInput(info.Path, err)
		}
	}
	return infos, nil
}

// dir takes the files of a directory that was named.
func (x *expander) dir(ctx context.Context, dir string) ([]Info, error) {
	var found []Info
	dirs, err := x.collect(ctx, dir, &found)
	if err != nil {
		return nil, err
	}
	switch {
	case len(found) > 0:
		return x.files(ctx, found)
	case dirs > 0 && !x.opt.Recursive:
		return nil, newError("find input", dir, Empty,
			"directory has only directories in it; %s reads the files at any depth", Join(dir, "**"))
	case x.written(ctx, dir):
		return nil, nil
	}
	return nil, newError("find input", dir, Empty,
		"directory has no file to read (names that begin with _ or . are skipped)")
}

// written says whether a directory is what a job left that has ended: without files it had no partitions.
func (x *expander) written(ctx context.Context, dir string) bool {
	infos, err := x.list(ctx, dir)
	return err == nil && slices.ContainsFunc(infos, func(i Info) bool { return i.Regular && baseOf(i.Path) == SuccessName })
}

// collect appends the files of dir and returns how many directories it saw.
func (x *expander) collect(ctx context.Context, dir string, found *[]Info) (dirs int, err error) {
	infos, err := x.list(ctx, dir)
	if err != nil {
		return 0, err
	}
	for _, info := range infos {
		switch {
		case isHidden(baseOf(info.Path)):
		case info.Dir:
			dirs++
			if x.opt.Recursive && !info.Link {
				if _, err := x.collect(ctx, info.Path, found); err != nil {
					return dirs, err
				}
			}
		default:
			if err := takeFile(info, found); err != nil {
				return dirs, err
			}
		}
	}
	return dirs, nil
}

// takeFile appends a regular file. Sockets and the like are no data and are skipped; a link to
// nothing is data that is missing.
func takeFile(info Info, found *[]Info) error {
	switch {
	case info.Regular:
		*found = append(*found, info)
	case info.Link && info.ModTime.IsZero():
		return newError("find input", info.Path, NotFound, "symbolic link to nothing")
	}
	return nil
}

// patterns finds what a pattern means, after its braces are written out.
func (x *expander) patterns(ctx context.Context, given string) ([]Info, error) {
	choices, err := expandBraces(given)
	if err != nil {
		return nil, err
	}
	m := &matcher{expander: x, seen: map[string]bool{}}
	for _, pattern := range choices {
		if err := m.match(ctx, pattern); err != nil {
			return nil, err
		}
	}
	_, path, err := Lookup(given)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(m.found, func(a, b Info) int { return cmp.Compare(a.Path, b.Path) })
	if wantsDirs(given) {
		return x.dirs(ctx, path, m.found)
	}
	var found []Info
	for _, info := range m.found {
		if err := takeFile(info, &found); err != nil {
			return nil, err
		}
	}
	switch {
	case len(found) > 0:
		return x.files(ctx, found)
	case len(m.found) > 0:
		return nil, newError("find input", path, Empty,
			"pattern matches only directories; end it with / to read the files in them")
	}
	return nil, newError("find input", path, NotFound, "pattern matches no file")
}

// dirs takes the files of all directories that a pattern with a final / matched.
func (x *expander) dirs(ctx context.Context, pattern string, matched []Info) ([]Info, error) {
	var found []Info
	any := false
	for _, info := range matched {
		if !info.Dir {
			continue
		}
		any = true
		if _, err := x.collect(ctx, info.Path, &found); err != nil {
			return nil, err
		}
	}
	switch {
	case !any:
		return nil, newError("find input", pattern, NotFound, "pattern matches no directory")
	case len(found) == 0:
		return nil, newError("find input", pattern, Empty, "directories have no file to read")
	}
	return x.files(ctx, found)
}

// matcher walks the directories a pattern leads through.
type matcher struct {
	*expander
	found []Info
	seen  map[string]bool // by path: two choices of braces, or two **, may find the same
}

func (m *matcher) match(ctx context.Context, pattern string) error {
	p := pattern
	if _, ok := m.fs.(Local); ok {
		abs, err := absPattern(pattern)
		if err != nil {
			return err
		}
		p = slashed(abs)
	}
	root, rest := cutURL(p)
	if root == "" && len(rest) > 1 && rest[1] == ':' { // a drive of Windows
		root, rest = rest[:2], rest[2:]
	}
	comps, err := parsePattern(rest)
	if err != nil {
		return newError("find input", p, Invalid, "%w", err)
	}
	return m.walk(ctx, root+"/", comps)
}

func (m *matcher) walk(ctx context.Context, dir string, comps []component) error {
	switch c := comps[0]; {
	case c.literal:
		return m.literal(ctx, dir, comps)
	case c.deep:
		return m.deep(ctx, dir, comps)
	}
	infos, err := m.entries(ctx, dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if !comps[0].match(baseOf(info.Path)) {
			continue
		}
		if len(comps) == 1 {
			m.add(info)
		} else if info.Dir {
			if err := m.walk(ctx, info.Path, comps[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// literal goes on without listing: a directory above may be closed to us and still let us pass.
func (m *matcher) literal(ctx context.Context, dir string, comps []component) error {
	path := Join(dir, comps[0].text)
	if len(comps) > 1 {
		return m.walk(ctx, path, comps[1:])
	}
	info, err := m.fs.Stat(ctx, path)
	if noMatch(err) {
		return nil
	}
	if err != nil {
		return asInput(path, err)
	}
	m.add(info)
	return nil
}

// deep matches the rest here and in every directory below. It follows no links, which may lead
// in a circle.
func (m *matcher) deep(ctx context.Context, dir string, comps []component) error {
	if err := m.walk(ctx, dir, comps[1:]); err != nil {
		return err
	}
	infos, err := m.entries(ctx, dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if info.Dir && !info.Link && !isHidden(baseOf(info.Path)) {
			if err := m.deep(ctx, info.Path, comps); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries lists a directory; what is no directory has no entries.
func (m *matcher) entries(ctx context.Context, dir string) ([]Info, error) {
	infos, err := m.list(ctx, dir)
	if noMatch(err) {
		return nil, nil
	}
	return infos, err
}

func noMatch(err error) bool {
	return err != nil && (KindOf(err) == NotFound || KindOf(err) == Invalid)
}

func (m *matcher) add(info Info) {
	if !m.seen[info.Path] {
		m.seen[info.Path] = true
		m.found = append(m.found, info)
	}
}
