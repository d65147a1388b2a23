// Package gossip finds the members of a cluster and tells who seems to have
// failed. It is a thin layer on serf.
//
// Every master and worker is a Member. It is started with the addresses of some
// others, any of which will do, and learns of the rest. What members say of
// themselves are Tags, at most 512 bytes. What one learns comes as Events, for
// peers by their role and ID, which outlive a process: the serf name is new with
// each process, so that a restarted one is never taken for the one before, and
// its incarnation is what tells them apart.
//
// Gossip is for discovery and first suspicion, never for the truth about a task.
// Events are late, may be missing, and may be wrong for a while after a network
// was cut. Nor are tags to be trusted: whoever has the key can claim any. They
// are checked for form, and say where to ask; who answers there is known by its
// certificate.
package gossip

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	crand "crypto/rand"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// KeySize is the size of gossip keys, in bytes.
const KeySize = 32

// ErrNoKey is wrapped by the error of Start for an address that others reach
// and no key.
var ErrNoKey = errors.New("gossip needs a key")

// Options say how a member is started.
type Options struct {
	Cluster string // the cluster's id: others' packets are dropped
	Tags    Tags   // what the member says of itself
	// Bind is the address to listen on, for TCP and UDP; port 0 takes a free one.
	Bind netip.AddrPort
	// Advertise is the address that others use; the default is Bind's.
	Advertise netip.AddrPort
	// Key encrypts all packets, KeySize bytes. On loopback there may be none.
	Key []byte
	// KeyringFile keeps the keys over a rotation. If it is there it counts, and
	// Key does not. The default keeps nothing.
	KeyringFile string
	// KeyIsCurrent says that Key is the one that is in use now: a KeyringFile
	// without it has missed a rotation, and is written anew.
	KeyIsCurrent bool
	// Seeds are addresses (host:port) of members, tried until one answers, and
	// again whenever no other member is left.
	Seeds []string
	// Networks are those whose members are taken; the default is all.
	Networks []netip.Prefix
	// Host begins the member's name in the logs; the default is the host's name.
	Host string
	// Logger gets what happens; the default is none.
	Logger *slog.Logger
}

// Member is this process's place in the gossip.
type Member struct {
	serf    *serf.Serf
	name    string
	log     *slog.Logger
	roster  *roster
	keyring *memberlist.Keyring // nil without encryption
	keyFile string              // "": it is kept nowhere
	out     chan Event
	joined  chan struct{} // closed when another member is known
	stop    context.CancelFunc
	settle  context.CancelFunc // ends looking for others
	work    sync.WaitGroup     // the goroutines below
	close   sync.Once
	err     error // of close
	leave   sync.Mutex

	hasPeers bool // only pump uses it

	mu      sync.Mutex
	joinErr error // of the last attempt
}

// Start starts a member, which goes on until Close. It does not wait for others:
// Joined does.
func Start(o Options) (*Member, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	in := make(chan serf.Event, eventBuffer)
	conf, err := o.config(in)
	if err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	m := &Member{
		name:    conf.NodeName,
		log:     o.Logger,
		roster:  newRoster(conf.NodeName, o.Cluster),
		keyring: conf.MemberlistConfig.Keyring,
		keyFile: o.KeyringFile,
		out:     make(chan Event),
		joined:  make(chan struct{}),
	}
	t, err := newTransport(o.Bind, conf.MemberlistConfig.Logger)
	if err != nil {
		return nil, fmt.Errorf("start gossip on %s: %w", o.Bind, err)
	}
	o.use(t, conf.MemberlistConfig)
	if m.serf, err = serf.Create(conf); err != nil {
		return nil, errors.Join(fmt.Errorf("start gossip on %s: %w", o.Bind, err), t.Shutdown())
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	alone := make(chan struct{}, 1)
	alone <- struct{}{}
	m.work.Go(func() { m.pump(ctx, in, alone) })
	looking, settle := context.WithCancel(ctx)
	m.settle = settle
	m.work.Go(func() { m.join(looking, o.Seeds, alone) })
	return m, nil
}

func (o Options) withDefaults() Options {
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if !o.Advertise.IsValid() {
		o.Advertise = o.Bind
	}
	return o
}

func (o Options) check() error {
	switch {
	case !o.Bind.IsValid():
		return errors.New("no address to listen on")
	case o.Advertise.Addr().IsUnspecified():
		return fmt.Errorf("others cannot reach %s: say which address to advertise", o.Advertise)
	case o.Cluster == "" || len(o.Cluster) > 64:
		return fmt.Errorf("a cluster id of %d bytes: want 1 to 64", len(o.Cluster))
	case o.Key == nil && !o.Bind.Addr().IsLoopback():
		return fmt.Errorf("%w on %s: rddctl cluster init makes one", ErrNoKey, o.Bind)
	case o.Key != nil && len(o.Key) != KeySize:
		return fmt.Errorf("a key of %d bytes: want %d", len(o.Key), KeySize)
	}
	return nil
}

// eventBuffer is larger than serf's own queue, so that serf never waits for us,
// not even when it shuts down and nobody reads any more.
const eventBuffer = 2048

func (o Options) config(in chan<- serf.Event) (*serf.Config, error) {
	tags, err := o.Tags.encode(o.Cluster)
	if err != nil {
		return nil, err
	}
	keyring, err := o.keyring()
	if err != nil {
		return nil, err
	}
	c := serf.DefaultConfig()
	c.NodeName = nodeName(o.Host)
	c.Tags = map[string]string{tagKey: tags}
	c.EventCh = in
	c.KeyringFile = o.KeyringFile
	c.Merge = gate{cluster: o.Cluster, own: o.Tags}
	c.ValidateNodeNames = true
	// Names are new with each process. Only a forger could bring about a conflict,
	// and must not vote the owner out.
	c.EnableNameConflictResolution = false
	c.DisableCoordinates = true
	c.ReconnectInterval = 5 * time.Second // 30 s are long after a short cut
	c.BroadcastTimeout = 2 * time.Second
	c.LeavePropagateDelay = 300 * time.Millisecond // two rounds of gossip, and some
	logger := slog.NewLogLogger(levelHandler{o.Logger.Handler()}, slog.LevelInfo)
	c.LogOutput, c.Logger = nil, logger

	// Probes stay at LAN's second and half a second: quicker ones blame processes
	// that a busy machine runs late. News spreads faster than by default, and the
	// exchange of all state, which repairs what was lost, comes every 10 s. The
	// time until a cut-off half believes its own eyes is halved.
	l := memberlist.DefaultLANConfig()
	l.GossipInterval = 100 * time.Millisecond
	l.PushPullInterval = 10 * time.Second
	l.SuspicionMaxTimeoutMult = 3
	l.TCPTimeout = 5 * time.Second
	l.Label = o.Cluster
	l.Keyring = keyring
	l.CIDRsAllowed = o.networks()
	l.LogOutput, l.Logger = nil, logger
	c.MemberlistConfig = l
	return c, nil
}

// use makes a transport that listens already what memberlist listens by.
func (o Options) use(t *transport, l *memberlist.Config) {
	port := t.GetAutoBindPort()
	l.Transport = t
	l.BindAddr, l.BindPort = o.Bind.Addr().String(), port
	l.AdvertiseAddr, l.AdvertisePort = o.Advertise.Addr().String(), port
	if p := o.Advertise.Port(); p != 0 {
		l.AdvertisePort = int(p)
	}
}

func (o Options) networks() (nets []net.IPNet) {
	for _, p := range o.Networks {
		nets = append(nets, net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	return nets
}

// nodeName makes a name that no other process has or had.
func nodeName(host string) string {
	boot := make([]byte, 6)
	_, _ = crand.Read(boot)
	clean := strings.Map(func(r rune) rune {
		if 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, host)
	return clean[:min(len(clean), 64)] + "-" + hex.EncodeToString(boot)
}

// gate says who may be a member, on both ends of a join and for each news.
type gate struct {
	cluster string
	own     Tags
}

// NotifyMerge gets the members of the other end, or a single one. Those that do
// not pass are kept out one by one; an exchange is refused when nobody passes,
// so that one bad member does not keep a good one from joining.
func (g gate) NotifyMerge(members []*serf.Member) error {
	var errs []error
	for _, m := range members {
		t, err := decodeTags(m.Tags[tagKey], g.cluster)
		if err == nil {
			err = g.own.compatible(t)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("member %s: %w", m.Name, err))
	}
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// Addr returns the address that the member has, with its real port.
func (m *Member) Addr() netip.AddrPort {
	self := m.serf.LocalMember()
	addr, _ := netip.AddrFromSlice(self.Addr)
	return netip.AddrPortFrom(addr.Unmap(), self.Port)
}

// Events returns the channel of events about others. It is closed by Close. A
// reader that is slow gets only the last state of each peer.
func (m *Member) Events() <-chan Event { return m.out }

// Members returns the last known state of all peers, by role and ID, without
// this member.
func (m *Member) Members() []Peer { return m.roster.peers() }

// Joined waits until another member is known. If ctx ends before, the error has
// the one of the last attempt to reach a seed.
func (m *Member) Joined(ctx context.Context) error {
	select {
	case <-m.joined:
		return nil
	case <-ctx.Done():
		m.mu.Lock()
		defer m.mu.Unlock()
		return errors.Join(fmt.Errorf("join the gossip: %w", context.Cause(ctx)), m.joinErr)
	}
}

// Leave tells the others that this is no failure. The member must be closed all
// the same. Close waits for a Leave whose ctx has ended.
func (m *Member) Leave(ctx context.Context) error {
	m.settle() // who has left does not look for others when they leave too
	done := make(chan error, 1)
	m.leave.Lock()
	m.work.Go(func() {
		defer m.leave.Unlock()
		done <- m.serf.Leave()
	})
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("leave the gossip: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave the gossip: %w", context.Cause(ctx))
	}
}

// Close ends the member. Without a Leave before, others will see a failure.
func (m *Member) Close() error {
	m.close.Do(func() {
		m.leave.Lock() // serf does not survive a Leave during its Shutdown
		defer m.leave.Unlock()
		m.stop()
		m.err = m.serf.Shutdown()
		m.work.Wait()
		close(m.out)
	})
	return m.err
}

// pump takes serf's events off its hands at once, and hands them on when the
// reader comes.
func (m *Member) pump(ctx context.Context, in <-chan serf.Event, alone chan<- struct{}) {
	var q queue
	for {
		var out chan<- Event
		next, ok := q.first()
		if ok {
			out = m.out
		}
		select {
		case e := <-in:
			if e, ok := e.(serf.MemberEvent); ok {
				for _, ev := range m.roster.update(e) {
					m.log.Info("gossip", "event", ev.Kind.String(), "peer", ev.Peer.Name, "addr", ev.Peer.Addr.String())
					q.push(ev)
				}
				m.company(alone)
			}
		case out <- next:
			q.pop()
		case <-ctx.Done():
			return
		}
	}
}

// company notes whether others are there, and has join called when none are left.
func (m *Member) company(alone chan<- struct{}) {
	had := m.hasPeers
	m.hasPeers = m.roster.alive() > 0
	switch {
	case m.hasPeers && !had:
		select {
		case <-m.joined:
		default:
			close(m.joined)
		}
	case had && !m.hasPeers:
		select {
		case alone <- struct{}{}:
		default:
		}
	}
}

const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// join tries the seeds whenever the member is alone.
func (m *Member) join(ctx context.Context, seeds []string, alone <-chan struct{}) {
	for {
		select {
		case <-alone:
			m.tryAll(ctx, seeds)
		case <-ctx.Done():
			return
		}
	}
}

// tryAll goes on until another member is known. The pauses grow, and differ from
// member to member: many may have lost the same one.
func (m *Member) tryAll(ctx context.Context, seeds []string) {
	for pause := firstRetry; len(seeds) > 0 && m.roster.alive() == 0; pause = min(2*pause, lastRetry) {
		for _, i := range rand.Perm(len(seeds)) {
			// One at a time: Close waits for a seed that does not answer.
			_, err := m.serf.Join(seeds[i:i+1], true)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				break
			}
			m.log.Warn("gossip seed does not answer", "seed", seeds[i], "err", err)
			m.mu.Lock()
			m.joinErr = fmt.Errorf("seed %s: %w", seeds[i], err)
			m.mu.Unlock()
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return
		}
	}
}

var _ io.Closer = (*Member)(nil)
