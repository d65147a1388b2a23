// Package proxy stands between the two ends of TCP connections and spoils what
// comes back, by lot: it cuts connections, changes, loses, repeats and delays bytes,
// or passes nothing on any more. Only tests use it.
package proxy

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Faults are what a proxy does to the bytes that come from the server. Chances are
// from 0 to 1, for each chunk of them.
type Faults struct {
	Seed  uint64
	Reset float64 // that the connection is reset instead
	Cut   float64 // that the connection ends after a part of the chunk
	Flip  float64 // that one of its bits is flipped
	Drop  float64 // that it is left out
	Twice float64 // that it comes twice
	Stall float64 // that nothing comes any more, and the connection stays open
	Late  float64 // that it is held up for up to Delay
	Delay time.Duration
	// After ends every connection after so many bytes, if it is not 0.
	After int64
	// Chunk is the most bytes that are looked at together; the default is 1000.
	Chunk int
}

// With gives the same faults by other lots; nil stays nil.
func (f *Faults) With(seed uint64) *Faults {
	if f == nil {
		return nil
	}
	g := *f
	g.Seed = seed
	return &g
}

// Proxy passes connections on to a server. Its methods may be called from several
// goroutines.
type Proxy struct {
	l     net.Listener
	to    string
	f     Faults
	mu    sync.Mutex
	rng   *rand.Rand
	conns map[net.Conn]bool // nil: closed
	work  sync.WaitGroup
	sent  atomic.Int64
	hurt  atomic.Int64
}

// New starts a proxy that takes connections from l for the server at an address. It
// closes l when it is closed.
func New(l net.Listener, to string, f Faults) *Proxy {
	if f.Chunk == 0 {
		f.Chunk = 1000
	}
	p := &Proxy{l: l, to: to, f: f, rng: rand.New(rand.NewPCG(f.Seed, 7)), conns: map[net.Conn]bool{}}
	p.work.Go(p.accept)
	return p
}

// Sent is how many bytes of the server's were passed on, and Hurt how many faults
// there were.
func (p *Proxy) Sent() int64 { return p.sent.Load() }

// Hurt is how many faults there were.
func (p *Proxy) Hurt() int64 { return p.hurt.Load() }

// Close ends all connections and waits for what it has started.
func (p *Proxy) Close() {
	_ = p.l.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.work.Wait()
}

func (p *Proxy) accept() {
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

func (p *Proxy) hold(c, s net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		_ = s.Close()
		return false
	}
	p.conns[c], p.conns[s] = true, true
	return true
}

func (p *Proxy) release(c, s net.Conn) {
	_, _ = c.Close(), s.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	delete(p.conns, s)
}

// chance draws by lot, the same for a seed and order of chunks.
func (p *Proxy) chance(of float64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of <= 0 || p.rng.Float64() >= of {
		return false
	}
	p.hurt.Add(1)
	return true
}

// below draws a number from 0 to n-1.
func (p *Proxy) below(n int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rng.Int64N(n)
}

// back passes on what a server says, until either end has enough.
func (p *Proxy) back(c, s net.Conn) {
	buf := make([]byte, p.f.Chunk)
	left := p.f.After
	for last := false; !last; {
		n, err := s.Read(buf)
		b := buf[:n]
		switch {
		case p.chance(p.f.Reset):
			if tc, ok := c.(*net.TCPConn); ok {
				_ = tc.SetLinger(0)
			}
			return
		case n > 0 && p.chance(p.f.Cut):
			b, last = b[:p.below(int64(n))], true
		case p.chance(p.f.Stall):
			_, _ = io.Copy(io.Discard, s) // until somebody closes
			return
		case p.chance(p.f.Drop):
			b = nil
		case p.chance(p.f.Twice):
			_, _ = c.Write(b)
		case n > 0 && p.chance(p.f.Flip):
			b[p.below(int64(n))] ^= 1 << p.below(8)
		case p.chance(p.f.Late):
			<-time.After(time.Duration(p.below(int64(p.f.Delay))))
		}
		if p.f.After > 0 {
			b = b[:min(int64(len(b)), left)]
			left -= int64(len(b))
			last = last || left == 0
		}
		k, werr := c.Write(b)
		p.sent.Add(int64(k))
		last = last || err != nil || werr != nil
	}
}
