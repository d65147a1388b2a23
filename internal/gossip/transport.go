package gossip

import (
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"

	"github.com/gordd-project/gordd/internal/door"
)

const (
	// maxStreams is how many TCP connections of others are read at a time, and
	// maxStreamsEach how many of one address. Even who knows no key can have twenty
	// megabytes of each kept, for the five seconds that one may take.
	maxStreams, maxStreamsEach = 256, 16
	// portTries is how often a free port is looked for: TCP and UDP have the same.
	portTries = 10
)

// transport is memberlist's own, but for the bounds on what comes in.
type transport struct {
	*memberlist.NetTransport
	door    *door.Door
	streams chan net.Conn
	quit    chan struct{} // closed when nothing is let in any more
	ended   chan struct{} // closed when nobody listens any more
	once    sync.Once     // closes them
	done    sync.WaitGroup
}

func newTransport(bind netip.AddrPort, logger *log.Logger) (*transport, error) {
	c := &memberlist.NetTransportConfig{BindAddrs: []string{bind.Addr().String()}, BindPort: int(bind.Port()), Logger: logger}
	var err error
	for range portTries {
		var inner *memberlist.NetTransport
		if inner, err = memberlist.NewNetTransport(c); err == nil {
			t := &transport{NetTransport: inner, door: door.New(maxStreams, maxStreamsEach), streams: make(chan net.Conn), quit: make(chan struct{}), ended: make(chan struct{})}
			t.done.Go(t.admit)
			return t, nil
		}
		if bind.Port() != 0 || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return nil, err
}

// admit lets streams in until the end.
func (t *transport) admit() {
	for {
		select {
		case c := <-t.NetTransport.StreamCh():
			c, ok := t.door.Enter(c)
			if !ok {
				continue
			}
			select {
			case t.streams <- c:
			case <-t.quit:
				_ = c.Close()
			}
		case <-t.quit:
			t.refuse()
			return
		}
	}
}

// refuse takes what still comes off the listeners' hands: they do not end while they
// wait for somebody to have it.
func (t *transport) refuse() {
	for {
		select {
		case c := <-t.NetTransport.StreamCh():
			_ = c.Close()
		case <-t.PacketCh():
		case <-t.ended:
			return
		}
	}
}

// StreamCh gives the streams that were let in.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown ends all listening.
func (t *transport) Shutdown() (err error) {
	t.once.Do(func() {
		close(t.quit)
		err = t.NetTransport.Shutdown()
		close(t.ended)
		t.done.Wait()
	})
	return err
}
