package gossip

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	"github.com/hashicorp/serf/serf"
)

// State is what is known of a peer's life.
type State uint8

// The states.
const (
	Alive  State = iota
	Failed       // it does not answer
	Left         // it said so
)

// String returns the state's name.
func (s State) String() string { return [...]string{"alive", "failed", "left"}[s] }

// Peer is another member as last heard of.
type Peer struct {
	Name  string // of its process in the gossip
	Addr  netip.AddrPort
	Tags  Tags
	State State
}

// Kind is what happened.
type Kind uint8

// The kinds.
const (
	KindUp      Kind = iota // a peer was found, or found again
	KindFailed              // it does not answer
	KindLeft                // it left
	KindChanged             // tags changed; with another incarnation: it was restarted
)

// String returns the kind's name.
func (k Kind) String() string { return [...]string{"up", "failed", "left", "changed"}[k] }

// Event is a change of one peer.
type Event struct {
	Kind Kind
	Peer Peer // after the change
}

// key names a peer over its restarts.
type key struct {
	role Role
	id   string
}

func (p Peer) key() key { return key{p.Tags.Role, p.Tags.ID} }

// roster knows all peers. A peer may have several processes for a while: the
// one that was killed and not yet missed, and its successor. The one heard of
// last counts.
type roster struct {
	self, cluster string

	mu      sync.Mutex
	current map[key]Peer
	names   map[string]Peer // all processes that live, or were the last of their peer
	living  int             // of current
}

func newRoster(self, cluster string) *roster {
	return &roster{self: self, cluster: cluster, current: map[key]Peer{}, names: map[string]Peer{}}
}

// update takes an event of serf's and returns what it means for peers.
func (r *roster) update(e serf.MemberEvent) (events []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range e.Members {
		tags, err := decodeTags(m.Tags[tagKey], r.cluster)
		if m.Name == r.self || err != nil { // the gate lets no bad tags in
			continue
		}
		addr, _ := netip.AddrFromSlice(m.Addr)
		p := Peer{Name: m.Name, Addr: netip.AddrPortFrom(addr.Unmap(), m.Port), Tags: tags}
		if ev, ok := r.one(e.Type, p); ok {
			events = append(events, ev)
		}
	}
	r.living = 0
	for _, p := range r.current {
		if p.State == Alive {
			r.living++
		}
	}
	return events
}

func (r *roster) one(t serf.EventType, p Peer) (Event, bool) {
	switch t {
	case serf.EventMemberJoin, serf.EventMemberUpdate:
		return r.up(p), true
	case serf.EventMemberFailed:
		return r.down(p, Failed, KindFailed)
	case serf.EventMemberLeave:
		return r.down(p, Left, KindLeft)
	case serf.EventMemberReap:
		delete(r.names, p.Name)
		if r.current[p.key()].Name == p.Name {
			delete(r.current, p.key())
		}
	}
	return Event{}, false
}

func (r *roster) up(p Peer) Event {
	before, ok := r.current[p.key()]
	r.names[p.Name], r.current[p.key()] = p, p
	if ok && before.State == Alive {
		return Event{KindChanged, p}
	}
	return Event{KindUp, p}
}

// down is no news if another process of the peer is the current one. If it was
// the current one and another lives, that one takes its place.
func (r *roster) down(p Peer, s State, k Kind) (Event, bool) {
	delete(r.names, p.Name)
	if r.current[p.key()].Name != p.Name {
		return Event{}, false
	}
	for _, other := range r.names {
		if other.key() == p.key() {
			r.current[p.key()] = other
			return Event{KindChanged, other}, true
		}
	}
	p.State = s
	r.current[p.key()] = p
	return Event{k, p}, true
}

func (r *roster) alive() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.living
}

func (r *roster) peers() []Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	peers := make([]Peer, 0, len(r.current))
	for _, p := range r.current {
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(a.Tags.Role, b.Tags.Role), cmp.Compare(a.Tags.ID, b.Tags.ID))
	})
	return peers
}

// queue keeps the last event of each peer until the reader takes it, in the
// order of their first ones. It is no larger than the number of peers.
type queue struct {
	order []key
	last  map[key]Event
}

func (q *queue) push(e Event) {
	if q.last == nil {
		q.last = map[key]Event{}
	}
	k := e.Peer.key()
	waiting, ok := q.last[k]
	if !ok {
		q.order = append(q.order, k)
	}
	if ok && waiting.Kind == KindUp && e.Kind == KindChanged {
		e.Kind = KindUp // the reader does not know the peer yet
	}
	q.last[k] = e
}

func (q *queue) first() (Event, bool) {
	if len(q.order) == 0 {
		return Event{}, false
	}
	return q.last[q.order[0]], true
}

func (q *queue) pop() {
	delete(q.last, q.order[0])
	q.order = slices.Delete(q.order, 0, 1)
}
