package trust

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// TokenLife is how long a join token is good for when nothing else is said.
const TokenLife = time.Hour

const (
	tokenPrefix  = "rdd1."
	tokenFixed   = 1 + 8 + 16 + sha256.Size // role, expiry, id, authority
	maxTokenText = 512                      // bytes
	maxTokenLife = 7 * 24 * time.Hour
)

// Errors about join tokens, wrapped.
var (
	ErrToken   = errors.New("join token refused")
	ErrExpired = errors.New("it has expired")
	ErrUsed    = errors.New("it was used before")
)

// Token lets its holder join a cluster once. As text it has all that the joiner
// needs to find out whether it talks to that cluster.
type Token struct {
	Cluster   string
	Role      Role // that of the certificate it is good for
	ID        TokenID
	Expiry    time.Time // in whole seconds
	Authority Fingerprint

	mac [sha256.Size]byte
}

// TokenID tells tokens apart: drawn at random.
type TokenID [16]byte

// String returns the id in hex. It is no secret.
func (id TokenID) String() string { return hex.EncodeToString(id[:]) }

// Text returns the token as it is given to the joiner: a secret.
func (t Token) Text() string {
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(t.signed(), t.mac[:]...))
}

// String returns what may be shown of a token.
func (t Token) String() string { return fmt.Sprintf("join token %s for a %s", t.ID, t.Role) }

// signed is what the MAC is over, and all of the text before it.
func (t Token) signed() []byte {
	b := []byte{byte(roleNumber(t.Role))}
	b = binary.BigEndian.AppendUint64(b, uint64(t.Expiry.Unix()))
	b = append(b, t.ID[:]...)
	b = append(b, t.Authority[:]...)
	return append(b, t.Cluster...)
}

// ParseToken reads a token's text. It does not say whether the token is genuine:
// that, only who has the key can tell. Errors wrap ErrToken and do not have the
// text in them.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxTokenText {
		return Token{}, fmt.Errorf("%w: %d characters are too many", ErrToken, len(text))
	}
	text, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return Token{}, fmt.Errorf("%w: it does not begin with %s: was it copied whole?", ErrToken, tokenPrefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < tokenFixed+sha256.Size {
		return Token{}, fmt.Errorf("%w: it is damaged: was it copied whole?", ErrToken)
	}
	t := Token{Expiry: time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0)}
	copy(t.ID[:], b[9:])
	copy(t.Authority[:], b[25:])
	t.Cluster = string(b[tokenFixed : len(b)-sha256.Size])
	copy(t.mac[:], b[len(b)-sha256.Size:])
	if int(b[0]) >= len(roles) || !isName(t.Cluster) {
		return Token{}, fmt.Errorf("%w: it is damaged: was it copied whole?", ErrToken)
	}
	t.Role = roles[b[0]]
	return t, nil
}

// TokenKey signs join tokens.
type TokenKey []byte

func (k TokenKey) mac(t Token) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, k)
	_, _ = h.Write([]byte("gordd join token 1\x00")) // no other use of the key gives the same
	_, _ = h.Write(t.signed())
	h.Sum(sum[:0])
	return sum
}

// NewToken makes a join token for a role, good once and for this long, or for
// TokenLife if that is 0.
func (c *Cluster) NewToken(role Role, life time.Duration) (Token, error) {
	if life == 0 {
		life = TokenLife
	}
	if life < time.Second || life > maxTokenLife {
		return Token{}, fmt.Errorf("new join token: a life of %v: want 1s to %v", life, maxTokenLife)
	}
	if roleNumber(role) < 0 {
		return Token{}, fmt.Errorf("new join token: %w: unknown role %q", ErrIdentity, clip(string(role)))
	}
	t := Token{
		Cluster:   c.ID,
		Role:      role,
		ID:        TokenID(random(len(TokenID{}))),
		Expiry:    time.Unix(time.Now().Add(life).Unix(), 0),
		Authority: c.Authority.Fingerprint(),
	}
	t.mac = c.Tokens.mac(t)
	return t, nil
}

// UsedToken is what is remembered of a token.
type UsedToken struct {
	ID     TokenID
	Expiry time.Time
}

// Redeemer takes each token once. It remembers those it took until they expire.
type Redeemer struct {
	cluster *Cluster
	limit   int

	mu   sync.Mutex
	used map[TokenID]time.Time
}

// NewRedeemer returns a redeemer that remembers up to limit tokens. It takes
// those in used, by an earlier process, for used.
func NewRedeemer(c *Cluster, limit int, used ...UsedToken) *Redeemer {
	r := &Redeemer{cluster: c, limit: limit, used: map[TokenID]time.Time{}}
	for _, u := range used {
		r.used[u.ID] = u.Expiry
	}
	return r
}

// Redeem checks a token and uses it up. The caller keeps what it returns where a
// restart finds it, before it answers the joiner. Errors wrap ErrToken, and
// ErrExpired or ErrUsed where they apply; nothing is used up then.
func (r *Redeemer) Redeem(text string, now time.Time) (Token, error) {
	t, err := ParseToken(text)
	if err != nil {
		return Token{}, err
	}
	// The signature comes first: what is not ours gets no answer about itself.
	want := r.cluster.Tokens.mac(t)
	if !hmac.Equal(want[:], t.mac[:]) || t.Cluster != r.cluster.ID {
		return Token{}, fmt.Errorf("%w: this cluster did not make it", ErrToken)
	}
	if now.After(t.Expiry.Add(skew)) {
		return Token{}, fmt.Errorf("%w: %w, at %s: make another", ErrToken, ErrExpired, t.Expiry.UTC().Format(time.RFC3339))
	}
	if err := r.use(t, now); err != nil {
		return Token{}, err
	}
	return t, nil
}

func (r *Redeemer) use(t Token, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.used[t.ID]; ok {
		return fmt.Errorf("%w: %w: make another", ErrToken, ErrUsed)
	}
	if len(r.used) >= r.limit {
		r.forget(now)
	}
	if len(r.used) >= r.limit {
		return fmt.Errorf("%w: %d others were used of late, as many as are remembered: try again later", ErrToken, len(r.used))
	}
	r.used[t.ID] = t.Expiry
	return nil
}

func (r *Redeemer) forget(now time.Time) {
	for id, expiry := range r.used {
		if now.After(expiry.Add(skew)) {
			delete(r.used, id)
		}
	}
}

// Used returns the tokens that are remembered, for NewRedeemer.
func (r *Redeemer) Used() []UsedToken {
	r.mu.Lock()
	defer r.mu.Unlock()
	used := make([]UsedToken, 0, len(r.used))
	for id, expiry := range r.used {
		used = append(used, UsedToken{id, expiry})
	}
	slices.SortFunc(used, func(a, b UsedToken) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return used
}
