//go:build linux

package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	seeds  = flag.Int("seeds", 1, "how many seeds of each failure")
	first  = flag.Uint64("seed", 1, "the first of them")
	killer = flag.Duration("killer", 16*time.Second, "how long TestKiller goes on")
	loop   = flag.Bool("loopback", false, "run the cluster on 127.0.0.1, where namespaces could be had too")
)

// built is what all tests share.
var built struct {
	dir         string
	rddctl, job string // binaries
	text        func() (*text, error)
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "chaos:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if testing.Short() {
		fmt.Println("chaos: skipped by -short")
		return 0, nil
	}
	if built.dir, err = os.MkdirTemp("", "chaos-"); err != nil {
		return 1, err
	}
	defer func() {
		if e := os.RemoveAll(built.dir); err == nil {
			err = e
		}
	}()
	built.rddctl, built.job = filepath.Join(built.dir, "rddctl"), filepath.Join(built.dir, "job")
	for path, pkg := range map[string]string{built.rddctl: "../../cmd/rddctl", built.job: "./job"} {
		if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
			return 1, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	built.text = sync.OnceValues(func() (*text, error) { return write(filepath.Join(built.dir, "text"), 64<<20, *first) })
	sweep()
	code = m.Run()
	tell(os.Stdout)
	return code, nil
}
