package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Version is the wire's. Both ends must be of one.
const Version = 2

// EnvVar names the environment variable with the number of the inherited file.
const EnvVar = "RDD_WIRE"

const headerSize = 8

// sendTimeout is how long the other end may take no bytes before it counts as
// gone: a program must not hang because its progress bar does.
const sendTimeout = 10 * time.Second

// ErrVersion is wrapped by the error for a peer of another version.
var ErrVersion = errors.New("built of another release of gordd")

// Conn is one end. Send may be called from several goroutines, Receive from
// one.
type Conn struct {
	rw io.ReadWriteCloser
	r  *bufio.Reader

	mu     sync.Mutex
	until  time.Time // when the write deadline is
	broken error     // of an earlier Send: half a frame may have gone
}

// New makes a Conn of a stream.
func New(rw io.ReadWriteCloser) *Conn { return &Conn{rw: rw, r: bufio.NewReader(rw)} }

// Close closes the stream; a Receive that waits returns.
func (c *Conn) Close() error { return c.rw.Close() }

// Send writes messages, all of them at once. If one cannot be encoded, none is
// written.
func (c *Conn) Send(ms ...Message) error {
	var frames []byte
	for _, m := range ms {
		kind, body, err := table.Encode(m)
		if err != nil {
			return err
		}
		frames = append(frames, Version, kind, 0, 0)
		frames = binary.BigEndian.AppendUint32(frames, uint32(len(body)))
		frames = append(frames, body...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	c.extend()
	if _, err := c.rw.Write(frames); err != nil {
		c.broken = fmt.Errorf("send %T: %w", ms[0], err)
	}
	return c.broken
}

// extend sees to it that a write has sendTimeout, or a little less: to set a
// deadline costs as much as a small write.
func (c *Conn) extend() {
	d, ok := c.rw.(interface{ SetWriteDeadline(time.Time) error })
	if now := time.Now(); ok && c.until.Sub(now) < sendTimeout*9/10 {
		c.until = now.Add(sendTimeout)
		_ = d.SetWriteDeadline(c.until) // a stream that has none may block
	}
}

// Receive reads one message. The error is io.EOF when the other end closed
// between two messages.
func (c *Conn) Receive() (Message, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		if err == io.EOF {
			return nil, err
		}
		return nil, fmt.Errorf("read frame: %w", err)
	}
	n := binary.BigEndian.Uint32(head[4:])
	switch {
	case head[0] != Version:
		return nil, fmt.Errorf("wire version %d, ours is %d: %w", head[0], Version, ErrVersion)
	case !table.Has(head[1]) || head[2] != 0 || head[3] != 0:
		return nil, fmt.Errorf("frame % x is none of ours", head)
	case n > plan.MaxEncoded:
		return nil, fmt.Errorf("frame of %d bytes: %w: the most is %d", n, plan.ErrTooLarge, plan.MaxEncoded)
	}
	body, err := readBody(c.r, int(n))
	if err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	return table.Decode(head[1], body)
}

// readBody reads n bytes, making room as they come.
func readBody(r io.Reader, n int) ([]byte, error) {
	const step = 64 << 10
	body := make([]byte, 0, min(n, step))
	for len(body) < n {
		more := min(n-len(body), step)
		at := len(body)
		body = append(body, make([]byte, more)...)
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return body, nil
}
