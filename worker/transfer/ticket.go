package transfer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Claim is what a ticket allows: to read partitions of one output as it was known in an epoch, one blob, or one block of a
// cached RDD.
type Claim struct {
	Job      plan.JobID
	Attempt  model.AttemptID
	From, To uint32 // partitions, To excluded
	Epoch    uint64
	Blob     plan.Digest // "" for others
	Block    plan.Block  // of no RDD for others
}

// Tickets signs and checks claims. How long a ticket is good for is the implementation's to know; it is made for
// each request anew. Methods are called by many goroutines at once. A ticket has 512 bytes at most.
type Tickets interface {
	Sign(c Claim) ([]byte, error)
	Check(ticket []byte, c Claim) error
}

var errForbidden = errors.New("ticket")

// sign makes a ticket; without Tickets it is empty.
func sign(t Tickets, c Claim) ([]byte, error) {
	if t == nil {
		return nil, nil
	}
	b, err := t.Sign(c)
	if err == nil && len(b) > maxTicket {
		err = fmt.Errorf("%d bytes, at most %d", len(b), maxTicket)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: sign: %w", errForbidden, err)
	}
	return b, nil
}

func checkTicket(t Tickets, ticket []byte, c Claim) error {
	if t == nil {
		return nil
	}
	if err := t.Check(ticket, c); err != nil {
		return fmt.Errorf("%w: %w", errForbidden, err)
	}
	return nil
}

const bearer = "Bearer "

// ticketText is a ticket as the Authorization header has it.
func ticketText(b []byte) string { return bearer + base64.RawURLEncoding.EncodeToString(b) }

// ticketFrom reads the header. What is no ticket is an empty one, which no check passes.
func ticketFrom(header string) []byte {
	text, ok := strings.CutPrefix(header, bearer)
	if !ok || len(text) > base64.RawURLEncoding.EncodedLen(maxTicket) {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return b
}
