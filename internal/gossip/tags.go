package gossip

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrTags is wrapped by the errors about tags that are too long or not well
// formed.
var ErrTags = errors.New("bad gossip tags")

// Role is what a member does.
type Role uint8

// The roles.
const (
	Master Role = 1
	Worker Role = 2
)

// String returns the role's name.
func (r Role) String() string {
	switch r {
	case Master:
		return "master"
	case Worker:
		return "worker"
	}
	return "role " + strconv.Itoa(int(r))
}

// Tags are what a member says of itself.
type Tags struct {
	Role        Role
	ID          string // names the member over restarts
	Incarnation uint64 // drawn anew by each process
	RPC         string // host:port of its service, or empty
	Data        string // host:port where it serves blocks, or empty
	Slots       int
	Memory      int64 // bytes
	Rack        string
	OS, Arch    string
	Version     string   // of gordd
	Hosts       []string // names under which storage knows the machine
	Labels      []string // KEY=VALUE, for people
	// Protocol is that of the messages it speaks, MinProtocol the oldest that it
	// understands. Members whose ranges have nothing in common do not meet.
	Protocol, MinProtocol int
}

const (
	tagKey    = "g" // the one tag of serf's that we use
	tagFormat = 2
	maxTags   = 505 // bytes of it that serf takes, of 512 with its own
	maxHosts  = 32
	maxLabels = 16
	maxSlots  = 1 << 16
	maxMemory = 1 << 50
	clusterID = 8 // bytes of the hash of the cluster's id
)

// field is one of the texts of tags, with its limit and what it may be.
type field struct {
	name string
	text *string
	most int
	ok   func(string) bool
}

func (t *Tags) fields() []field {
	return []field{
		{"id", &t.ID, 64, func(s string) bool { return s != "" && plain(s) }},
		{"rpc", &t.RPC, 128, address},
		{"data", &t.Data, 128, address},
		{"rack", &t.Rack, 128, plain},
		{"os", &t.OS, 16, plain},
		{"arch", &t.Arch, 16, plain},
		{"version", &t.Version, 64, plain},
	}
}

// plain keeps what is shown in pages and logs free of surprises.
func plain(s string) bool {
	for _, r := range s {
		if r == ' ' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func address(s string) bool {
	if s == "" {
		return true
	}
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	return err == nil && perr == nil && n > 0 && host != "" && plain(host)
}

// check returns an error that wraps ErrTags and says which tag is bad.
func (t *Tags) check() error {
	for _, f := range t.fields() {
		if len(*f.text) > f.most {
			return fmt.Errorf("%w: %s has %d bytes, more than %d", ErrTags, f.name, len(*f.text), f.most)
		}
		if !f.ok(*f.text) {
			return fmt.Errorf("%w: %s is %q", ErrTags, f.name, *f.text)
		}
	}
	if len(t.Hosts) > maxHosts {
		return fmt.Errorf("%w: %d hosts, more than %d", ErrTags, len(t.Hosts), maxHosts)
	}
	for _, h := range t.Hosts {
		if h == "" || len(h) > 253 || !plain(h) {
			return fmt.Errorf("%w: a host is %q", ErrTags, h)
		}
	}
	if len(t.Labels) > maxLabels {
		return fmt.Errorf("%w: %d labels, more than %d", ErrTags, len(t.Labels), maxLabels)
	}
	for _, l := range t.Labels {
		if len(l) > 64 || !strings.Contains(l, "=") || !plain(l) {
			return fmt.Errorf("%w: a label is %q", ErrTags, l)
		}
	}
	switch {
	case t.Role != Master && t.Role != Worker:
		return fmt.Errorf("%w: %s", ErrTags, t.Role)
	case t.Slots < 0 || t.Slots > maxSlots:
		return fmt.Errorf("%w: %d slots", ErrTags, t.Slots)
	case t.Memory < 0 || t.Memory > maxMemory:
		return fmt.Errorf("%w: %d bytes of memory", ErrTags, t.Memory)
	case t.MinProtocol < 0 || t.MinProtocol > t.Protocol || t.Protocol > math.MaxInt16:
		return fmt.Errorf("%w: protocols %d to %d", ErrTags, t.MinProtocol, t.Protocol)
	}
	return nil
}

func (t Tags) compatible(peer Tags) error {
	if peer.Protocol < t.MinProtocol || t.Protocol < peer.MinProtocol {
		return fmt.Errorf("%w: it speaks protocols %d to %d, this member %d to %d: they are of releases too far apart",
			ErrTags, peer.MinProtocol, peer.Protocol, t.MinProtocol, t.Protocol)
	}
	return nil
}

func clusterHash(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:clusterID]
}

// encode returns the tags in the form that decodeTags reads.
func (t Tags) encode(cluster string) (string, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	b := append([]byte{tagFormat}, clusterHash(cluster)...)
	b = append(b, byte(t.Role))
	b = binary.BigEndian.AppendUint64(b, t.Incarnation)
	for _, v := range []uint64{uint64(t.MinProtocol), uint64(t.Protocol), uint64(t.Slots), uint64(t.Memory)} {
		b = binary.AppendUvarint(b, v)
	}
	for _, f := range t.fields() {
		b = appendText(b, *f.text)
	}
	for _, list := range [][]string{t.Hosts, t.Labels} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, text := range list {
			b = appendText(b, text)
		}
	}
	if len(b) > maxTags {
		return "", t.tooLong(len(b))
	}
	return string(b), nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// tooLong names the tag that takes most.
func (t Tags) tooLong(size int) error {
	most, bytes := "hosts", listed(t.Hosts)
	if n := listed(t.Labels); n > bytes {
		most, bytes = "labels", n
	}
	for _, f := range t.fields() {
		if len(*f.text) > bytes {
			most, bytes = f.name, len(*f.text)
		}
	}
	return fmt.Errorf("%w: they take %d bytes of %d, %s alone %d: shorten it", ErrTags, size, maxTags, most, bytes)
}

// listed is how many bytes a list takes.
func listed(texts []string) (n int) {
	for _, t := range texts {
		n += len(t) + 1
	}
	return n
}

// decodeTags reads what another member sent, and checks all of it.
func decodeTags(s, cluster string) (Tags, error) {
	r := reader{rest: s}
	if format := r.take(1); format != string(rune(tagFormat)) {
		return Tags{}, fmt.Errorf("%w: not in the form of this release", ErrTags)
	}
	if r.take(clusterID) != string(clusterHash(cluster)) {
		return Tags{}, fmt.Errorf("%w: of another cluster", ErrTags)
	}
	var t Tags
	if fixed := r.take(9); len(fixed) == 9 {
		t.Role, t.Incarnation = Role(fixed[0]), binary.BigEndian.Uint64([]byte(fixed[1:]))
	}
	t.MinProtocol, t.Protocol = int(r.number(math.MaxInt16)), int(r.number(math.MaxInt16))
	t.Slots, t.Memory = int(r.number(maxSlots)), int64(r.number(maxMemory))
	for _, f := range t.fields() {
		*f.text = r.text()
	}
	for range r.number(maxHosts) {
		t.Hosts = append(t.Hosts, r.text())
	}
	for range r.number(maxLabels) {
		t.Labels = append(t.Labels, r.text())
	}
	if r.bad || r.rest != "" {
		return Tags{}, fmt.Errorf("%w: damaged", ErrTags)
	}
	if err := t.check(); err != nil {
		return Tags{}, err
	}
	return t, nil
}

// reader takes pieces off a text; after the first that is not there it is bad
// and gives nothing.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) take(n int) string {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if r.bad || n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string { return r.take(int(r.number(maxTags))) }
