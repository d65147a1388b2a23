//go:build linux

package chaos

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/chaos/proxy"
)

var (
	seeds  = flag.Int("seeds", 1, "how many seeds of each failure")
	first  = flag.Uint64("seed", 1, "the first of them")
	killer = flag.Duration("killer", 16*time.Second, "how long TestKiller goes on")
	jobs   = flag.Int("jobs", 0, "how many jobs TestKiller runs, however long that takes")
	stand  = flag.String("between", "", "be a proxy, as tests start it")
	raid   = flag.String("attack", "", "attack a cluster, as tests have it")
	loop   = flag.Bool("loopback", false, "run the cluster on 127.0.0.1, where namespaces could be had too")
)

// built is what all tests share.
var built struct {
	dir         string
	rddctl, job string // binaries
	self        string // this one
	older       func() (string, error)
	text        func() (*text, error)
}

func TestMain(m *testing.M) {
	flag.Parse()
	var code int
	var err error
	switch {
	case *stand != "":
		err = standBetween(*stand)
	case *raid != "":
		err = garble(*raid)
	default:
		code, err = run(m)
	}
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
	if built.self, err = os.Executable(); err != nil {
		return 1, err
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
		if err := build(path, pkg); err != nil {
			return 1, err
		}
	}
	built.older = sync.OnceValues(buildOlder)
	built.text = sync.OnceValues(func() (*text, error) { return write(filepath.Join(built.dir, "text"), 64<<20, *first) })
	sweep()
	code = m.Run()
	tell(os.Stdout)
	return code, nil
}

// between says what a proxy is to do that stands before a worker.
type between struct {
	Listen, To string
	proxy.Faults
}

// standBetween is a proxy until it is told to end. Then it says how many faults there
// were: a namespace is another machine, so it is a process.
func standBetween(spec string) error {
	var b between
	if err := json.Unmarshal([]byte(spec), &b); err != nil {
		return err
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	l, err := net.Listen("tcp", b.Listen)
	if err != nil {
		return err
	}
	p := proxy.New(l, b.To, b.Faults)
	fmt.Println("READY")
	<-told
	p.Close()
	fmt.Printf("%d faults in %d bytes\n", p.Hurt(), p.Sent())
	return nil
}
