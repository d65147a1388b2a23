package typed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

var ctx = context.Background()

// session gives the session that examples share.
func session() *typed.Session { return shared() }

var shared = sync.OnceValue(func() *typed.Session {
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2, Notices: io.Discard})
	if err != nil {
		panic(err)
	}
	return s
})

// closing runs the tests and closes what they share, before leaks are sought.
type closing struct{ *testing.M }

func (m closing) Run() int {
	code := m.M.Run()
	if err := session().Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(closing{m}) }

// open starts a session that the test's end closes, and sees to it that
// nothing stays in its scratch directory.
func open(t testing.TB, o typed.Options) *typed.Session {
	t.Helper()
	return openIn(ctx, t, o)
}

// openIn is open for a session in another context.
func openIn(ctx context.Context, t testing.TB, o typed.Options) *typed.Session {
	t.Helper()
	o.Scratch = t.TempDir()
	if o.Notices == nil {
		o.Notices = io.Discard
	}
	if o.Cores == 0 {
		o.Cores = 2
	}
	s, err := typed.NewSession(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if left := files(t, o.Scratch); len(left) > 0 {
			t.Errorf("left in scratch: %v", left)
		}
	})
	return s
}

// files lists everything below a directory but directories.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != dir: // what nobody needs goes meanwhile
			return nil
		case err == nil && !d.IsDir():
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// write writes a file into a fresh directory, and gives its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// watch keeps the last picture of each action.
type watch struct {
	mu   sync.Mutex
	last []plan.ActionStatus
}

func (w *watch) see(st plan.ActionStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if st.State.Ended() {
		w.last = append(w.last, st)
	}
}

// actions gives the pictures of the actions that have ended.
func (w *watch) actions() []plan.ActionStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
