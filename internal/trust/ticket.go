package trust

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrTicket is wrapped by the errors about tickets.
var ErrTicket = errors.New("shuffle ticket refused")

const (
	ticketVersion = 1
	maxJobName    = 255
	maxUnix       = 1 << 40 // seconds, which leaves no room for overflow
	maxTicket     = 1 + 3*binary.MaxVarintLen32 + 3*binary.MaxVarintLen64 + sha256.Size + maxJobName + sha256.Size
)

// Ticket says which blocks of a job's shuffle its holder may read.
type Ticket struct {
	Job   string            // 1 to 255 bytes
	Stage [sha256.Size]byte // the digest of the map stage's key and generation
	Map   uint32            // partition of the map stage
	Seq   uint64            // the attempt whose output it is
	// First and Last are the range of reducers' partitions, both included.
	First, Last uint32
	Epoch       uint64    // of the job's key
	Expiry      time.Time // in whole seconds
}

// Allows reports whether the ticket is for this piece of this map output.
func (t Ticket) Allows(stage [sha256.Size]byte, mapPartition uint32, seq uint64, reducer uint32) bool {
	return t.Stage == stage && t.Map == mapPartition && t.Seq == seq && t.First <= reducer && reducer <= t.Last
}

// TicketKey signs the tickets of one job. Master and agents have it, the job's
// own code does not.
type TicketKey [keySize]byte

// NewTicketKey draws a key.
func NewTicketKey() TicketKey { return TicketKey(random(keySize)) }

// String hides the key.
func (TicketKey) String() string { return "***" }

// GoString hides the key.
func (TicketKey) GoString() string { return "***" }

// Seal returns the ticket with its signature, in about 90 bytes.
func (k TicketKey) Seal(t Ticket) ([]byte, error) {
	if t.Job == "" || len(t.Job) > maxJobName || t.First > t.Last || t.Expiry.Unix() < 0 || t.Expiry.Unix() > maxUnix {
		return nil, fmt.Errorf("seal a shuffle ticket of job %q for reducers %d to %d until %v: out of range", clip(t.Job), t.First, t.Last, t.Expiry)
	}
	b := append([]byte{ticketVersion}, t.Stage[:]...)
	b = binary.AppendUvarint(b, t.Epoch)
	b = binary.AppendUvarint(b, uint64(t.Expiry.Unix()))
	b = binary.AppendUvarint(b, uint64(t.Map))
	b = binary.AppendUvarint(b, t.Seq)
	b = binary.AppendUvarint(b, uint64(t.First))
	b = binary.AppendUvarint(b, uint64(t.Last))
	b = append(b, t.Job...)
	return append(b, k.mac(b)...), nil
}

// SealText is Seal in base64 for URLs.
func (k TicketKey) SealText(t Ticket) (string, error) {
	b, err := k.Seal(t)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func (k TicketKey) mac(signed []byte) []byte {
	h := hmac.New(sha256.New, k[:])
	_, _ = h.Write([]byte("gordd shuffle ticket 1\x00"))
	_, _ = h.Write(signed)
	return h.Sum(nil)
}

// OpenTicket checks a sealed ticket: its signature, and that it has not expired
// for more than a minute, since clocks differ. The key is asked for with the
// ticket's own job and epoch, which nobody has vouched for at that time. Errors
// wrap ErrTicket, and do not tell an unknown job from a bad signature.
func OpenTicket(b []byte, now time.Time, key func(job string, epoch uint64) (TicketKey, bool)) (Ticket, error) {
	t, err := parseTicket(b)
	if err != nil {
		return Ticket{}, err
	}
	signed, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	k, ok := key(t.Job, t.Epoch)
	if !ok || !hmac.Equal(k.mac(signed), mac) {
		return Ticket{}, fmt.Errorf("%w: not signed for this job", ErrTicket)
	}
	if now.After(t.Expiry.Add(skew)) {
		return Ticket{}, fmt.Errorf("%w: %w, at %s", ErrTicket, ErrExpired, t.Expiry.UTC().Format(time.RFC3339))
	}
	return t, nil
}

// OpenTicketText is OpenTicket for what SealText returned.
func OpenTicketText(s string, now time.Time, key func(job string, epoch uint64) (TicketKey, bool)) (Ticket, error) {
	if len(s) > base64.RawURLEncoding.EncodedLen(maxTicket) {
		return Ticket{}, fmt.Errorf("%w: %d characters are too many", ErrTicket, len(s))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return Ticket{}, fmt.Errorf("%w: it is damaged", ErrTicket)
	}
	return OpenTicket(b, now, key)
}

func parseTicket(b []byte) (t Ticket, err error) {
	damaged := fmt.Errorf("%w: it is damaged", ErrTicket)
	if len(b) > maxTicket || len(b) < 1+2*sha256.Size {
		return Ticket{}, damaged
	}
	if b[0] != ticketVersion {
		return Ticket{}, fmt.Errorf("%w: version %d, not %d: both ends must be of one release", ErrTicket, b[0], ticketVersion)
	}
	copy(t.Stage[:], b[1:])
	rest := b[1+sha256.Size : len(b)-sha256.Size]
	var field [6]uint64
	for i := range field {
		v, n := binary.Uvarint(rest)
		// A number has one encoding only: two texts are never the same ticket.
		if n <= 0 || n > 1 && rest[n-1] == 0 {
			return Ticket{}, damaged
		}
		field[i], rest = v, rest[n:]
	}
	if field[1] > maxUnix || field[2] > math.MaxUint32 || field[4] > field[5] || field[5] > math.MaxUint32 || len(rest) == 0 || len(rest) > maxJobName {
		return Ticket{}, damaged
	}
	t.Epoch, t.Expiry = field[0], time.Unix(int64(field[1]), 0)
	t.Map, t.Seq, t.First, t.Last = uint32(field[2]), field[3], uint32(field[4]), uint32(field[5])
	t.Job = string(rest)
	return t, nil
}
