//go:build linux

package chaos

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/gordd-project/gordd/internal/msg"
)

// attack is what a process is to do that nobody invited.
type attack struct {
	TCP, UDP []string // addresses
	Calls    string   // address of a master
	Seed     uint64
	For      time.Duration
}

const (
	// silent is how many connections are opened to a port that say nothing.
	silent = 1000
	// most is how long an attacker waits for anything.
	most = time.Second
)

// attacker is the attack under way.
type attacker struct {
	attack
	ctx          context.Context
	mu           sync.Mutex
	rng          *rand.Rand
	made, closed atomic.Int64 // connections, and those that the other end closed
}

// garble attacks until its time is over, and says what it did.
func garble(spec string) error {
	a := &attacker{}
	if err := json.Unmarshal([]byte(spec), &a.attack); err != nil {
		return err
	}
	a.rng = rand.New(rand.NewPCG(a.Seed, 3))
	var cancel context.CancelFunc
	a.ctx, cancel = context.WithTimeout(context.Background(), a.For)
	defer cancel()
	var all sync.WaitGroup
	for _, addr := range a.TCP {
		all.Go(func() { a.silent(addr) })
		for _, f := range []func(net.Conn){a.noise, a.drip, a.header, a.frames} {
			all.Go(func() { a.again(addr, plain, f) })
			all.Go(func() { a.again(addr, secured, f) })
		}
	}
	for _, addr := range a.UDP {
		all.Go(func() { a.again(addr, packets, a.noise) })
	}
	if a.Calls != "" {
		all.Go(a.calls)
	}
	fmt.Println("READY")
	all.Wait()
	fmt.Printf("%d connections, %d of them closed by the other end\n", a.made.Load(), a.closed.Load())
	return nil
}

func plain(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, most) }

func packets(addr string) (net.Conn, error) { return net.Dial("udp", addr) }

// secured shakes hands as one without a certificate.
func secured(addr string) (net.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{Timeout: most}, "tcp", addr, stranger())
}

func stranger() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}
}

// bytes gives some that mean nothing.
func (a *attacker) bytes(most int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := make([]byte, a.rng.IntN(most))
	for i := range b {
		b[i] = byte(a.rng.Uint32())
	}
	return b
}

// again makes one connection after the other for f.
func (a *attacker) again(addr string, dial func(string) (net.Conn, error), f func(net.Conn)) {
	for a.ctx.Err() == nil {
		if c, err := dial(addr); err == nil {
			a.made.Add(1)
			f(c)
			_ = c.Close()
		}
		a.wait(20 * time.Millisecond)
	}
}

func (a *attacker) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-a.ctx.Done():
	}
}

// silent opens many connections, and says nothing.
func (a *attacker) silent(addr string) {
	var all sync.WaitGroup
	for range silent {
		c, err := plain(addr)
		if err != nil {
			continue
		}
		a.made.Add(1)
		all.Go(func() {
			until, _ := a.ctx.Deadline()
			_ = c.SetReadDeadline(until)
			if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
				a.closed.Add(1)
			}
			_ = c.Close()
		})
	}
	all.Wait()
}

// noise says what means nothing.
func (a *attacker) noise(c net.Conn) {
	_, _ = c.Write(a.bytes(60_000))
	_ = c.SetReadDeadline(time.Now().Add(most / 10))
	_, _ = c.Read(make([]byte, 100))
}

// drip says something slowly.
func (a *attacker) drip(c net.Conn) {
	for _, b := range []byte("POST /v1/shuffle/aa HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil || a.ctx.Err() != nil {
			return
		}
		a.wait(100 * time.Millisecond)
	}
}

// header sends one that is far too long.
func (a *attacker) header(c net.Conn) {
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
	for n := 0; err == nil && n < 4<<20; n += 64 << 10 {
		_ = c.SetWriteDeadline(time.Now().Add(most))
		_, err = io.WriteString(c, strings.Repeat("x", 64<<10))
	}
}

// frames speaks HTTP/2 as far as the first frame, which is as long as can be, and
// then headers without end.
func (a *attacker) frames(c net.Conn) {
	_, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\xff\xff\xff\x00\x00\x00\x00\x00\x01")
	for n := 0; err == nil && n < 16<<20; n += 16 << 10 {
		_ = c.SetWriteDeadline(time.Now().Add(most))
		_, err = c.Write(append([]byte("\x00\x40\x00\x09\x00\x00\x00\x00\x01"), make([]byte, 16<<10)...))
	}
}

// calls makes calls without a certificate: hundreds of those that strangers may make,
// which say nothing or far too much, and those that they may not.
func (a *attacker) calls() {
	conn, err := grpc.NewClient(a.Calls, grpc.WithTransportCredentials(credentials.NewTLS(stranger())))
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			for a.ctx.Err() == nil {
				method := []string{msg.MethodEnrol, msg.MethodEnrol, msg.MethodWork, msg.MethodDrive, msg.MethodPutBlob}[i%5]
				st, err := msg.Dial(a.ctx, conn, method)
				if err != nil {
					a.wait(most)
					continue
				}
				if i%2 == 0 {
					_ = st.Send(msg.Enrol{Token: string(a.bytes(100_000)), Name: "x", Request: a.bytes(100_000)})
				}
				_, _ = st.Receive()
				a.wait(most / 10)
			}
		})
	}
	all.Wait()
}

// usage is what a process holds.
type usage struct{ memory, files int }

// uses looks at a process.
func uses(pid int) (u usage, err error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return u, err
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	if _, err := fmt.Sscan(rest, &u.memory); err != nil {
		return u, fmt.Errorf("process %d has no memory: %w", pid, err)
	}
	u.memory <<= 10
	files, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	u.files = len(files)
	return u, err
}

const (
	// more is how much more memory than before a member may have while it is
	// attacked, and after that.
	more = 128 << 20
	// connections is how many more files it may have open: those that one address may
	// hold at its ports, and what else it does meanwhile.
	connections = 700
)

// garbage attacks all ports of a cluster that works. It goes on, and holds no more
// than it may.
func (tr *trial) garbage() {
	if tr.net == nil {
		tr.t.Skip("all ports are known between namespaces only")
	}
	tr.must(tr.net.join("stranger", "10.77.0.3"))
	j := tr.submit(tr.job())
	tr.reach(j, 1, 0)
	from := tr.events.count()
	pids := map[string]int{"master": tr.master.cmd.Process.Pid}
	a := attack{TCP: []string{tr.at, masterAddress + ":" + gossipPort}, UDP: []string{masterAddress + ":" + gossipPort}, Calls: tr.at, Seed: tr.rng.Uint64(), For: 6 * time.Second}
	for _, w := range tr.workers[:2] {
		pids[w.name] = w.cmd.Process.Pid
		a.TCP = append(a.TCP, w.address+":"+dataPort, w.address+":"+gossipPort)
		a.UDP = append(a.UDP, w.address+":"+gossipPort)
	}
	before := map[string]usage{}
	for name, pid := range pids {
		u, err := uses(pid)
		tr.must(err)
		before[name] = u
	}
	attackers := []*process{tr.attack("stranger", a), tr.attack("master", attack{TCP: []string{tr.page}, Seed: a.Seed, For: a.For})}
	check := func() {
		for name, pid := range pids {
			u, err := uses(pid)
			if err != nil {
				tr.t.Errorf("%s: %v", name, err)
				continue
			}
			was := before[name]
			tr.memory = max(tr.memory, u.memory-was.memory)
			tr.files = max(tr.files, u.files-was.files)
			if u.memory > was.memory+more || u.files > was.files+connections {
				tr.t.Errorf("%s has %d MiB and %d files, before it had %d and %d", name, u.memory>>20, u.files, was.memory>>20, was.files)
			}
		}
	}
	for _, p := range attackers {
		for !p.ended(100 * time.Millisecond) {
			check()
		}
		tr.t.Logf("%s: %s", p.name, p.tail(1))
		if p.cmd.ProcessState.ExitCode() != 0 {
			tr.t.Errorf("the attack failed:\n%s", p.tail(5))
		}
	}
	check()
	tr.calm(from, tr.right(j))
	tr.calm(from, tr.right(tr.submit(quick)))
	check()
}

// attack starts an attack from where a member is.
func (c *cluster) attack(member string, a attack) *process {
	b, err := json.Marshal(a)
	if err != nil {
		c.t.Fatal(err)
	}
	p := c.start(member, built.self, "-attack", string(b))
	if !p.said("READY") {
		c.t.Fatalf("the attack does not begin:\n%s", p.tail(5))
	}
	return p
}
