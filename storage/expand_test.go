package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tree makes files with their own names in them and returns the top.
func tree(t testing.TB, files ...string) string {
	t.Helper()
	top := t.TempDir()
	for _, f := range files {
		p := filepath.Join(top, filepath.FromSlash(f))
		if strings.HasSuffix(f, "/") {
			if err := os.MkdirAll(p, 0o777); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(t, p, f)
	}
	return top
}

// found runs Expand on patterns below top and returns the paths relative to it.
func found(top, paths string, opt ExpandOptions) (string, error) {
	list := splitPaths(paths)
	for i := range list {
		list[i] = top + "/" + list[i]
	}
	infos, err := Expand(context.Background(), strings.Join(list, ","), opt)
	var rel []string
	for _, info := range infos {
		r, _ := filepath.Rel(top, info.Path)
		rel = append(rel, filepath.ToSlash(r))
		if !info.Regular || info.Dir || !filepath.IsAbs(info.Path) {
			err = errors.Join(err, fmt.Errorf("not a regular file with an absolute path: %+v", info))
		}
	}
	return strings.Join(rel, " "), err
}

func TestExpand(t *testing.T) {
	top := tree(t,
		"a.txt", "b.txt", "c.log", "_SUCCESS", ".hidden.txt", "logs/1.log", "logs/2.log", "logs/_tmp/3.log",
		"logs/old/4.log", "logs/old/older/5.log", "src/x.go/inner.txt", "src/main.go", "src/pkg/p.go", "src/.git/g.go",
		"2024-01/part-0", "2024-02/part-0", "2024-02/part-1", "weird[1].txt", "with space.txt", "deep/a/b/a/b/f.txt", "none/_SUCCESS", "none/_manifest.json")
	cases := []struct{ name, paths, want string }{
		{"a file", "a.txt", "a.txt"},
		{"a directory, its files only, sorted", "logs", "logs/1.log logs/2.log"},
		{"a directory with a final slash", "logs/", "logs/1.log logs/2.log"},
		{"several in the order written", "c.log,logs,a.txt", "c.log logs/1.log logs/2.log a.txt"},
		{"the same twice is twice", "a.txt,a.txt", "a.txt a.txt"},
		{"star", "*.txt", "a.txt b.txt weird[1].txt with space.txt"},
		{"question mark", "?.txt", "a.txt b.txt"},
		{"class", "[ac].*", "a.txt c.log"},
		{"class of the shell, negated", "[!a].txt", "b.txt"},
		{"braces", "{b,a}.txt", "a.txt b.txt"},
		{"braces with one choice", "{b}.txt", "b.txt"},
		{"braces within braces", "{a,{b,c}}.{txt,log}", "a.txt b.txt c.log"},
		{"braces over a slash", "{logs/1,c}.log", "c.log logs/1.log"},
		{"braces in which some choices match nothing", "{a,zzz}.txt", "a.txt"},
		{"a comma in braces beside one outside", "{a,b}.txt,c.log", "a.txt b.txt c.log"},
		{"any depth", "logs/**/*.log", "logs/1.log logs/2.log logs/old/4.log logs/old/older/5.log"},
		{"any depth at the end", "logs/**", "logs/1.log logs/2.log logs/old/4.log logs/old/older/5.log"},
		{"any depth twice over the same files", "deep/**/a/**/f.txt", "deep/a/b/a/b/f.txt"},
		{"any depth twice in a row", "deep/**/**/f.txt", "deep/a/b/a/b/f.txt"},
		{"a directory named like a file is skipped", "src/**/*.go", "src/main.go src/pkg/p.go"},
		{"and listed when named", "src/x.go", "src/x.go/inner.txt"},
		{"directories by pattern", "2024-*/", "2024-01/part-0 2024-02/part-0 2024-02/part-1"},
		{"files in directories by pattern", "2024-*/part-1", "2024-02/part-1"},
		{"a name that looks like a pattern", "weird[1].txt", "weird[1].txt"},
		{"hidden when named", "_SUCCESS", "_SUCCESS"},
		{"hidden when the pattern begins so", ".*.txt", ".hidden.txt"},
		{"hidden directory in the path", "logs/_tmp/*", "logs/_tmp/3.log"},
		{"a job's output without partitions", "none", ""},
		{"and beside others", "a.txt,none,b.txt", "a.txt b.txt"},
		{"dots in the path", "logs/../a.txt", "a.txt"},
	}
	if escapes {
		cases = append(cases, []struct{ name, paths, want string }{
			{"escaped pattern", `weird\[1\].t*`, "weird[1].txt"},
			{"escape without pattern", `with\ space.txt`, "with space.txt"},
		}...)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := found(top, c.paths, ExpandOptions{})
			if err != nil || got != c.want {
				t.Errorf("%s: got %s, %v; want %s", c.paths, got, err, c.want)
			}
		})
	}
	t.Run("recursive", func(t *testing.T) {
		want := "logs/1.log logs/2.log logs/old/4.log logs/old/older/5.log"
		got, err := found(top, "logs", ExpandOptions{Recursive: true})
		if err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	})
	t.Run("relative and file URL", func(t *testing.T) {
		t.Chdir(top)
		for _, p := range []string{"a.txt", "./a.txt", "a.t*", "file:" + top + "/a.txt", "file://" + top + "/a.txt", "file://" + top + "/a.t*"} {
			infos, err := Expand(t.Context(), p, ExpandOptions{})
			if err != nil || len(infos) != 1 || baseOf(infos[0].Path) != "a.txt" {
				t.Errorf("%s: %v, %v", p, infos, err)
			}
		}
	})
	t.Run("another store", func(t *testing.T) {
		url := withFaults(t, top, func(string, string) error { return nil })
		infos, err := Expand(t.Context(), url+"/logs/**/*.log", ExpandOptions{})
		if err != nil || len(infos) != 4 || infos[3].Path != url+"/logs/old/older/5.log" {
			t.Errorf("%v, %v", infos, err)
		}
	})
}

// However many files a directory has, it is listed once, and nothing is asked of
// each: a name node answers one call at a time.
func TestExpandAsksOnce(t *testing.T) {
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("d/%03d", i))
	}
	top := tree(t, names...)
	for _, c := range []struct{ path, want string }{{"/d", "stat list"}, {"/d/*", "stat list"}, {"/d/1*", "stat list"}, {"/**", "stat list list"}} {
		var ops []string
		url := withFaults(t, top, func(op, _ string) error {
			ops = append(ops, op)
			return nil
		})
		infos, err := Expand(t.Context(), url+c.path, ExpandOptions{})
		if err != nil || len(infos) < 100 {
			t.Fatalf("%s: %d files, %v", c.path, len(infos), err)
		}
		if got := strings.Join(ops, " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.path, got, c.want)
		}
	}
}

func TestExpandErrors(t *testing.T) {
	top := tree(t, "a.txt", "empty/", "hidden/_other", "dirs/x/", "dirs/_SUCCESS", "dirs/y/", "many/f")
	cases := []struct {
		name, paths string
		kind        Kind
		mentions    []string
	}{
		{"missing file", "nowhere.txt", NotFound, []string{"nowhere.txt: no such file"}},
		{"one of several missing", "a.txt,nowhere.txt", NotFound, []string{"nowhere.txt"}},
		{"below a file", "a.txt/b", Invalid, []string{"a.txt/b: not a directory"}},
		{"no match", "*.csv", NotFound, []string{"*.csv: pattern matches no file"}},
		{"no match below a file", "a.txt/*", NotFound, []string{"matches no file"}},
		{"no match in a missing directory", "no/*/x", NotFound, []string{"matches no file"}},
		{"no match at any depth", "**/*.csv", NotFound, []string{"matches no file"}},
		{"empty directory", "empty", Empty, []string{"empty: directory has no file"}},
		{"only hidden files", "hidden", Empty, []string{"_ or ."}},
		{"only directories", "dirs", Empty, []string{"dirs/**"}},
		{"pattern of directories only", "di*", Empty, []string{"end it with /"}},
		{"pattern of directories without files", "dirs/*/", Empty, []string{"no file to read"}},
		{"pattern of directories without match", "z*/", NotFound, []string{"no directory"}},
		{"bad class", "[a", Invalid, []string{"[a", "bad pattern"}},
		{"open brace", "{a,b", Invalid, []string{"{ without its }"}},
		{"braces without end", strings.Repeat("{a,b}", 30), Invalid, []string{"more than 10000"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := found(top, c.paths, ExpandOptions{})
			wantKind(t, err, c.kind, append(c.mentions, top)...)
		})
	}
	for _, p := range []string{"", "a.txt,", ","} {
		_, err := Expand(t.Context(), p, ExpandOptions{})
		if err == nil {
			t.Errorf("%q: no error", p)
		}
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Expand(ctx, top+"/**/*", ExpandOptions{}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestExpandSpecialFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no sockets and links to try")
	}
	top := tree(t, "d/a.txt", "links/b.txt", "loop/x/c.txt")
	t.Chdir(top) // socket paths are limited to about 100 bytes
	l, err := net.Listen("unix", "d/sock")
	if err != nil {
		t.Skipf("no unix sockets: %v", err)
	}
	defer l.Close() //nolint:errcheck // test
	for from, to := range map[string]string{"../d/a.txt": "links/l.txt", "../../loop": "loop/x/loop", "../d": "links/dir"} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ paths, want string }{
		{"d", "d/a.txt"},
		{"d/*", "d/a.txt"},
		{"links", "links/b.txt links/l.txt"},
		{"links/dir", "links/dir/a.txt"},
		{"links/*/*", "links/dir/a.txt"},
		{"loop/**/*.txt", "loop/x/c.txt"},
	} {
		got, err := found(top, c.paths, ExpandOptions{})
		if err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.paths, got, err, c.want)
		}
	}
	_, err = found(top, "d/sock", ExpandOptions{})
	wantKind(t, err, Invalid, "d/sock: not a regular file")
	if err := os.Symlink("nowhere", "d/dangling"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"d", "d/*", "d/dangling"} {
		_, err = found(top, p, ExpandOptions{})
		wantKind(t, err, NotFound, "d/dangling")
	}
}

func TestUnreadableInput(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not stop this user; see TestUnreadableStore")
	}
	top := tree(t, "a.txt", "closed/b.txt")
	if err := os.Chmod(filepath.Join(top, "a.txt"), 0); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(top, "closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(closed, 0o777) //nolint:errcheck // for the clean-up
	for _, p := range []string{"a.txt", "*.txt", "closed", "closed/*", "**/*"} {
		_, err := found(top, p, ExpandOptions{})
		wantKind(t, err, Permission, top, "permission denied")
	}
}

func TestUnreadableStore(t *testing.T) {
	top := tree(t, "a.txt", "d/b.txt")
	url := withFaults(t, top, func(op, p string) error {
		if op == "list" && path.Base(p) == "d" {
			return wrapError(op, p, os.ErrPermission)
		}
		return nil
	})
	for _, p := range []string{"/d", "/d/*", "/**/*.txt"} {
		_, err := Expand(t.Context(), url+p, ExpandOptions{})
		wantKind(t, err, Permission, "find input", "/d: permission denied")
	}
}

func TestLookup(t *testing.T) {
	_, _, err := Lookup("hdfs://nn/x")
	wantKind(t, err, Invalid, "hdfs://nn/x", `import _ "github.com/gordd-project/gordd/hdfs"`)
	_, err = Expand(t.Context(), "hdfs://nn/*.txt", ExpandOptions{})
	wantKind(t, err, Invalid, "hdfs", "import")
	_, _, err = Lookup("ftp://host/x")
	wantKind(t, err, Invalid, `"ftp"`, "fault, file")
	_, _, err = Lookup("")
	wantKind(t, err, Invalid, "empty path")
	for _, p := range []string{"a:b", "x/hdfs://y", "C:/x", "Hdfs://x", "hdfs:x"} {
		fs, abs, err := Lookup(p)
		if _, ok := fs.(Local); !ok || err != nil || !filepath.IsAbs(abs) {
			t.Errorf("%s: %T %s %v, want a local path", p, fs, abs, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("registering file again did not panic")
		}
	}()
	Register("file", Local{})
}

func TestAbs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	dir, _ = os.Getwd()
	for in, want := range map[string]string{
		"a":                     dir + "/a",
		"a,{b,c}/*.txt":         dir + "/a," + dir + "/{b,c}/*.txt",
		"logs/*/":               dir + "/logs/*/",
		"fault://x/y,file:/q/r": "fault://x/y,/q/r",
		"hdfs://nn/**":          "hdfs://nn/**",
	} {
		got, err := Abs(t.Context(), in)
		if err != nil || slashed(got) != slashed(want) {
			t.Errorf("Abs(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	_, err := Abs(t.Context(), "a,,b")
	wantKind(t, err, Invalid, "empty path")
}

// TestDirectoriesNamedLikePatterns: only what the user wrote is a pattern.
func TestDirectoriesNamedLikePatterns(t *testing.T) {
	if !escapes {
		t.Skip("such names cannot be escaped here")
	}
	top := tree(t, `o[d]d, {very}\*/x.txt`, `o[d]d, {very}\*/y,z.txt`)
	dir := filepath.Join(top, `o[d]d, {very}\*`)
	t.Chdir(dir)
	for _, c := range []struct{ paths, want string }{
		{"x.txt", "x.txt"}, {"*.txt", "x.txt y,z.txt"}, {"{x,q}.txt", "x.txt"}, {"y,z.txt", "y,z.txt"},
		{`y\,z.txt,x.txt`, "y,z.txt x.txt"}, {".", "x.txt y,z.txt"}, {dir + "/x.txt", "x.txt"}, {dir, "x.txt y,z.txt"},
	} {
		abs, err := Abs(t.Context(), c.paths)
		must(t, err)
		for _, p := range []string{c.paths, abs} {
			infos, err := Expand(t.Context(), p, ExpandOptions{})
			var got []string
			for _, info := range infos {
				got = append(got, baseOf(info.Path))
			}
			if strings.Join(got, " ") != c.want || err != nil {
				t.Errorf("%s: got %v, %v; want %s", p, got, err, c.want)
			}
		}
	}
	out := filepath.Join(dir, "out")
	must(t, committer(t, Output{Dir: out}).Prepare(t.Context()))
}

// FuzzPattern: no pattern may panic or find what a simple reading of it does not allow.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"*", "**", "{a,b}", "[a-z]?", `\*`, "a/**/b", "{{a},b", "}", ",", "[!a]"} {
		f.Add(p)
	}
	top := tree(f, "a", "b/a", "b/b/a", "_x", "*")
	f.Fuzz(func(t *testing.T, p string) {
		if strings.Contains(p, "..") || strings.IndexByte(p, 0) >= 0 {
			t.Skip()
		}
		choices, err := expandBraces(p)
		if err == nil && len(choices) > 1 {
			for _, c := range choices {
				if len(c) >= len(p) {
					t.Fatalf("choice %q of %q", c, p)
				}
			}
		}
		got, err := found(top, p, ExpandOptions{})
		if err != nil && KindOf(err) == Other && !strings.Contains(err.Error(), "file name too long") {
			t.Fatalf("%q: %v", p, err)
		}
		if len(splitPaths(p)) == 1 && !slices.IsSorted(strings.Fields(got)) {
			t.Fatalf("%q: unsorted %s", p, got)
		}
	})
}

// TestEmptyFiles are found; one that was written since is not taken for empty.
func TestEmptyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	infos, err := Expand(t.Context(), path, ExpandOptions{})
	if err != nil || len(infos) != 1 || infos[0].Size != 0 {
		t.Fatalf("got %v, %v", infos, err)
	}
	if err := os.WriteFile(path, []byte("no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Local{}).readable(t.Context(), infos[0]); KindOf(err) != Changed || !strings.Contains(err.Error(), "has 7 bytes now") {
		t.Errorf("got %v", err)
	}
}
