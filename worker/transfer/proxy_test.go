package transfer

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// faults are what a proxy does to the bytes that come from the server.
type faults struct {
	seed  uint64
	reset float64 // chance for each chunk that the connection is cut instead
	flip  float64 // that one of its bits is flipped
	drop  float64 // that it is left out
	twice float64 // that it comes twice
	stall float64 // that nothing comes any more, and the connection stays open
	// cut ends every connection after so many bytes, if it is not 0.
	cut int64
	// chunk is the most bytes that are looked at together; the default is 1000.
	chunk int
}

// proxy stands between a fetcher and a server.
type proxy struct {
	t     testing.TB
	l     net.Listener
	to    string
	f     faults
	mu    sync.Mutex
	rng   *rand.Rand
	conns map[net.Conn]bool
	work  sync.WaitGroup
	sent  atomic.Int64 // bytes from the server that were passed on
	hurt  atomic.Int64 // faults
}

// through gives the address of a proxy for a server.
func through(t testing.TB, to string, f faults) (*proxy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if f.chunk == 0 {
		f.chunk = 1000
	}
	p := &proxy{t: t, l: l, to: to, f: f, rng: rand.New(rand.NewPCG(f.seed, 7)), conns: map[net.Conn]bool{}}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for c := range p.conns {
			_ = c.Close()
		}
		p.conns = nil
		p.mu.Unlock()
		p.work.Wait()
	})
	return p, l.Addr().String()
}

func (p *proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", p.to)
		if err != nil || !p.hold(c, s) {
			_ = c.Close()
			continue
		}
		p.work.Go(func() {
			_, _ = io.Copy(s, c)
			_ = s.Close()
		})
		p.work.Go(func() {
			p.back(c, s)
			p.release(c, s)
		})
	}
}

func (p *proxy) hold(c, s net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		_ = s.Close()
		return false
	}
	p.conns[c], p.conns[s] = true, true
	return true
}

func (p *proxy) release(c, s net.Conn) {
	_, _ = c.Close(), s.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	delete(p.conns, s)
}

// chance draws by lot, the same for a seed and order of chunks.
func (p *proxy) chance(of float64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of <= 0 || p.rng.Float64() >= of {
		return false
	}
	p.hurt.Add(1)
	return true
}

func (p *proxy) back(c, s net.Conn) {
	buf := make([]byte, p.f.chunk)
	left := p.f.cut
	for {
		n, err := s.Read(buf)
		b := buf[:n]
		switch {
		case p.chance(p.f.reset):
			if tc, ok := c.(*net.TCPConn); ok {
				_ = tc.SetLinger(0)
			}
			return
		case p.chance(p.f.stall):
			_, _ = io.Copy(io.Discard, s) // until somebody closes
			return
		case p.chance(p.f.drop):
			b = nil
		case p.chance(p.f.twice):
			_, _ = c.Write(b)
		case n > 0 && p.chance(p.f.flip):
			p.mu.Lock()
			b[p.rng.IntN(n)] ^= 1 << p.rng.IntN(8)
			p.mu.Unlock()
		}
		if p.f.cut > 0 {
			b = b[:min(int64(len(b)), left)]
			left -= int64(len(b))
		}
		k, werr := c.Write(b)
		p.sent.Add(int64(k))
		if err != nil || werr != nil || p.f.cut > 0 && left == 0 {
			return
		}
	}
}

// editing dials and lets edit change what comes.
func editing(addr string, edit func([]byte)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &editedConn{c, edit}, err
	}
}

type editedConn struct {
	net.Conn
	edit func([]byte)
}

func (c *editedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.edit(b[:n])
	return n, err
}
