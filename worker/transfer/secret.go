package transfer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

// ticketLife is how long a ticket is good for. It is made for each request.
const ticketLife = 5 * time.Minute

// errTicket says no more: whoever made a bad ticket need not know what is wrong
// with it.
var errTicket = errors.New("the ticket is not good for this")

// SecretTickets are tickets signed with a secret that all members share: those
// of one machine, or of one cluster.
func SecretTickets(secret []byte) Tickets {
	key := hmac.New(sha256.New, secret)
	key.Write([]byte("gordd transfer ticket"))
	return secretTickets(key.Sum(nil))
}

type secretTickets []byte

// Sign gives the time at which the ticket ends, and a signature of that and the
// claim.
func (s secretTickets) Sign(c Claim) ([]byte, error) {
	end := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(ticketLife).Unix()))
	return append(end, s.sum(end, c)...), nil
}

func (s secretTickets) Check(ticket []byte, c Claim) error {
	if len(ticket) != 8+sha256.Size {
		return errTicket
	}
	end, sum := ticket[:8], ticket[8:]
	if !hmac.Equal(sum, s.sum(end, c)) || time.Now().Unix() > int64(binary.BigEndian.Uint64(end)) {
		return errTicket
	}
	return nil
}

// sum signs a claim: its texts with their lengths before them, so that no two
// claims are the same bytes.
func (s secretTickets) sum(end []byte, c Claim) []byte {
	b := append([]byte{}, end...)
	for _, text := range []string{string(c.Job), string(c.Attempt.Stage.Job), string(c.Attempt.Stage.Key), string(c.Blob), string(c.Block.RDD)} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	for _, n := range []uint64{uint64(c.Attempt.Stage.Action), uint64(c.Attempt.Gen), uint64(c.Attempt.Partition), uint64(c.Attempt.Term), c.Attempt.Seq,
		uint64(c.From), uint64(c.To), c.Epoch, uint64(c.Block.Partition)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	h := hmac.New(sha256.New, s)
	h.Write(b)
	return h.Sum(nil)
}
