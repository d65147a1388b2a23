//go:build unix

package hdfslab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Daemon is one process of a lab: the name node or a data node. Its methods are for one goroutine
// at a time.
type Daemon struct {
	role, conf, log, data string
	classes               string
	http                  string // the address of the management interface

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended

	paused bool
}

// heap is the memory that a daemon's JVM may use.
const heap = "192m"

// Start starts a daemon that does not run, with the data that it had. It does not wait until the
// daemon serves: [Lab.Wait] does.
func (d *Daemon) Start() error {
	if d.running() {
		return fmt.Errorf("%s runs already", d.role)
	}
	// Jetty leaves directories there when it is killed.
	tmp := d.data + ".tmp"
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command("java", "-Xms16m", "-Xmx"+heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"--add-opens", "java.base/java.lang=ALL-UNNAMED", "-Djava.net.preferIPv4Stack=true", "-Djava.io.tmpdir="+tmp, "-Dlab.log.level=INFO",
		"-cp", d.classes, "lab.Node", d.role, d.conf)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // no Ctrl-C of the terminal
	if _, err := cmd.StdinPipe(); err != nil {            // the daemon ends with it, and so with this process
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	d.cmd, d.done, d.paused = cmd, done, false
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(done)
	}()
	return nil
}

func (d *Daemon) running() bool {
	if d.done == nil {
		return false
	}
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

// Kill ends the daemon at once, as kill -9 does, and returns when it is gone.
func (d *Daemon) Kill() error {
	if !d.running() {
		return nil
	}
	if err := d.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-d.done
	return nil
}

// Pause stops the daemon without ending it (SIGSTOP): its connections stay open and hang.
func (d *Daemon) Pause() error {
	d.paused = true
	return d.signal(syscall.SIGSTOP)
}

// Resume lets a paused daemon go on.
func (d *Daemon) Resume() error {
	d.paused = false
	return d.signal(syscall.SIGCONT)
}

func (d *Daemon) signal(s syscall.Signal) error {
	if !d.running() {
		return fmt.Errorf("%s does not run", d.role)
	}
	err := d.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Blocks lists the files of a data node that hold finished blocks: bytes and nothing else. A
// byte changed there makes a corrupt replica.
func (d *Daemon) Blocks() ([]string, error) {
	var files []string
	err := filepath.WalkDir(d.data, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(path, "/finalized/") && isBlock(filepath.Base(path)) {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// isBlock tells a block's bytes from their checksums, by the file's name.
func isBlock(name string) bool {
	return strings.HasPrefix(name, "blk_") && !strings.HasSuffix(name, ".meta")
}

// tail returns the end of the daemon's log.
func (d *Daemon) tail() string {
	data, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Flip changes a byte in a file of a block under the data node's hands: once makes the replica
// corrupt, twice makes it what it was.
func Flip(file string, at int64) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	if err == nil {
		b[0] ^= 1
		_, err = f.WriteAt(b[:], at)
	}
	return errors.Join(err, f.Close())
}

// askTime bounds a question to a daemon.
const askTime = 10 * time.Second

// ask reads a bean of the daemon's management interface, one of those that are not cached for ten
// seconds.
func (d *Daemon) ask(ctx context.Context, bean string, into any) error {
	ctx, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	said, err := get(ctx, "http://"+d.http+"/jmx?qry=Hadoop:service="+bean)
	if err != nil {
		return err
	}
	var answer struct{ Beans []json.RawMessage }
	if err := json.Unmarshal([]byte(said), &answer); err != nil {
		return err
	}
	if len(answer.Beans) != 1 {
		return fmt.Errorf("%s has just begun", d.role)
	}
	return json.Unmarshal(answer.Beans[0], into)
}

// get returns what is at an address of a daemon.
func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}
