package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Register("fault", faultFS{})
	goleak.VerifyTestMain(m)
}

var errCrash = errors.New("crashed")

// faultFS is Local behind URLs fault://name/path, whose operations ask the hook of name first.
type faultFS struct{}

var faultHooks sync.Map // name → func(op, path string) error

// withFaults gives the fault:// form of a local path, with hook called before each operation.
func withFaults(t *testing.T, path string, hook func(op, path string) error) string {
	t.Helper()
	name := strings.ToLower(filepath.Base(t.TempDir())) + strings.NewReplacer("/", "-").Replace(strings.ToLower(t.Name()))
	faultHooks.Store(name, hook)
	t.Cleanup(func() { faultHooks.Delete(name) })
	return "fault://" + name + path
}

func (faultFS) enter(op, url string) (root, path string, err error) {
	root, path = cutURL(url)
	hook, ok := faultHooks.Load(strings.TrimPrefix(root, "fault://"))
	if !ok {
		return root, path, nil
	}
	return root, path, hook.(func(op, path string) error)(op, path)
}

// outward gives Info of the local store the URLs of this one.
func outward(root string, infos ...Info) []Info {
	for i := range infos {
		infos[i].Path = root + infos[i].Path
	}
	return infos
}

type faultFile struct {
	File
	url string
}

func (f faultFile) Stat() (Info, error) {
	info, err := f.File.Stat()
	info.Path = f.url
	return info, err
}

func (f faultFile) Read(p []byte) (int, error) {
	if _, _, err := (faultFS{}).enter("read", f.url); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (s faultFS) Open(ctx context.Context, url string) (File, error) {
	_, path, err := s.enter("open", url)
	if err != nil {
		return nil, err
	}
	f, err := Local{}.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return faultFile{f, url}, nil
}

func (s faultFS) Create(ctx context.Context, url string) (Writer, error) {
	_, path, err := s.enter("create", url)
	if err != nil {
		return nil, err
	}
	return Local{}.Create(ctx, path)
}

func (s faultFS) Stat(ctx context.Context, url string) (Info, error) {
	root, path, err := s.enter("stat", url)
	if err != nil {
		return Info{}, err
	}
	info, err := Local{}.Stat(ctx, path)
	return outward(root, info)[0], err
}

func (s faultFS) List(ctx context.Context, url string) ([]Info, error) {
	root, path, err := s.enter("list", url)
	if err != nil {
		return nil, err
	}
	infos, err := Local{}.List(ctx, path)
	return outward(root, infos...), err
}

func (s faultFS) MkdirAll(ctx context.Context, url string) error {
	_, path, err := s.enter("mkdir", url)
	if err != nil {
		return err
	}
	return Local{}.MkdirAll(ctx, path)
}

func (s faultFS) Rename(ctx context.Context, from, to string) error {
	_, fromPath, err := s.enter("rename", from)
	if err != nil {
		return err
	}
	_, toPath := cutURL(to)
	return Local{}.Rename(ctx, fromPath, toPath)
}

func (s faultFS) Remove(ctx context.Context, url string) error {
	_, path, err := s.enter("remove", url)
	if err != nil {
		return err
	}
	return Local{}.Remove(ctx, path)
}

func (s faultFS) RemoveAll(ctx context.Context, url string) error {
	_, path, err := s.enter("removeall", url)
	if err != nil {
		return err
	}
	return Local{}.RemoveAll(ctx, path)
}

// write makes a file and the directories above it.
func write(t testing.TB, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantKind checks an error's kind and that its text names what the user needs.
func wantKind(t testing.TB, err error, kind Kind, mentions ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want kind %v", kind)
	}
	if KindOf(err) != kind {
		t.Errorf("%v: kind %v, want %v", err, KindOf(err), kind)
	}
	for _, m := range mentions {
		if !strings.Contains(err.Error(), m) {
			t.Errorf("error %q does not mention %q", err, m)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of several lines: %q", err)
	}
}

// openFiles counts descriptors, where the system shows them.
func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("cannot count open files: %v", err)
	}
	return len(entries)
}

// names lists a tree relative to its top, directories with a final slash.
func names(t testing.TB, top string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(top, func(p string, d os.DirEntry, err error) error {
		if err != nil || p == top {
			return err
		}
		rel, _ := filepath.Rel(top, p)
		if d.IsDir() {
			rel += "/"
		}
		all = append(all, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
