package transfer

import (
	"fmt"
	"io"

	"github.com/gordd-project/gordd/shuffle/block"
)

// stream is a piece for which there is no room. It is fetched window by window
// as it is read, so that nothing is under way while the reader is busy with
// something else. What is not yet verified is not given out.
type stream struct {
	x       *Fetch
	it      *item
	src     Source
	used    bool // the lengths were given out
	head    *head
	headLen int64
	check   *verifier
	buf     []byte // what was fetched and not given out
	given   bool   // bytes of buf's array
	start   int64  // where buf begins in the piece
	tries   tries
}

// open fetches the first window, for the lengths are in it.
func (s *stream) open() error {
	if err := s.fill(); err != nil {
		return err
	}
	p := s.it.part
	p.Source, p.Lens, p.size = s.src, s.head.lens, s.head.size()
	s.used = true
	return nil
}

// ready is how much of buf may be given out.
func (s *stream) ready() int { return int(s.check.verified() - s.start) }

func (s *stream) read(p []byte) (int, error) {
	for s.ready() == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buf[:s.ready()])
	s.buf, s.start, s.given = s.buf[n:], s.start+int64(n), true
	return n, nil
}

// locate finds where to read from. A piece comes whole from one attempt: once
// its lengths were given out, no other will do.
func (s *stream) locate() (epoch uint64, err error) {
	x := s.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := s.it.next; n != nil && !s.used {
		s.it.src, s.it.next = *n, nil
		s.head, s.check, s.buf, s.start, s.tries = nil, nil, nil, 0, tries{}
	}
	s.src = s.it.src
	if s.it.lost && !s.used {
		return 0, &Error{Source: s.src, Cause: Missing, Tries: s.tries.n, Err: errLost}
	}
	return x.epoch, nil
}

// fill fetches the next window, however often that needs to be tried.
func (s *stream) fill() error {
	x := s.x
	if s.given { // what was given out goes
		s.buf, s.given = append([]byte(nil), s.buf...), false
	}
	for {
		epoch, err := s.locate()
		if err != nil {
			return err
		}
		had := len(s.buf)
		if err = s.window(epoch); err == nil {
			return nil
		}
		if x.ctx.Err() != nil {
			return x.cause()
		}
		wait, again := s.tries.next(&x.f.o, err, len(s.buf) > had)
		if !again {
			return &Error{Source: s.src, Cause: causeOf(err), Tries: s.tries.n, Err: err}
		}
		if wait > 0 {
			if err := pause(x.ctx, wait); err != nil {
				return x.cause()
			}
		}
	}
}

// cause is why the fetch has ended.
func (x *Fetch) cause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

func (s *stream) window(epoch uint64) error {
	f := s.x.f
	c, err := s.x.outputCall(&s.src, epoch)
	if err != nil {
		return err
	}
	c.ranged, c.cost = true, f.o.Window
	if s.head == nil {
		c.to = maxHead + f.o.Window
	} else {
		c.from = s.headLen + s.start + int64(len(s.buf))
		c.to = c.from + f.o.Window
	}
	return f.exchange(s.x.ctx, c, func(a *answer) error {
		if s.head == nil {
			h, n, err := readHead(a, idOf(s.src.Attempt), s.x.span(), epoch)
			if err != nil {
				return err
			}
			s.head, s.headLen, s.check = h, n, newVerifier(&s.src, s.x.span(), h.lens)
		}
		if a.total >= 0 && a.total != s.headLen+s.head.size() {
			return fmt.Errorf("%w: there are %d bytes, the header says %d", block.ErrCorrupt, a.total, s.headLen+s.head.size())
		}
		return s.take(a, c.to)
	})
}

// take reads a window up to a byte of what the owner sends.
func (s *stream) take(r io.Reader, to int64) error {
	end := min(to-s.headLen, s.head.size())
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for at := s.start + int64(len(s.buf)); at < end; {
		n, err := r.Read((*buf)[:min(int64(len(*buf)), end-at)])
		s.buf = append(s.buf, (*buf)[:n]...)
		at += int64(n)
		if cerr := s.check.write((*buf)[:n]); cerr != nil {
			s.check.rewind()
			s.buf = s.buf[:s.ready()]
			return cerr
		}
		if err != nil && at < end {
			return fmt.Errorf("%d bytes of %d: %w", at, end, err)
		}
	}
	_, _ = r.Read((*buf)[:1])
	return nil
}
