package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// Limits of what is read from the network before it is believed.
const (
	maxItems   = 1024    // outputs in one request
	maxTicket  = 512     // bytes
	maxAsk     = 1 << 20 // bytes of a request's body
	maxLengths = 1 << 16 // lengths in one header
	maxSize    = 1 << 50 // bytes of one output's partitions
)

var errFormat = errors.New("not of this protocol")

// status says what became of one output in a request.
type status uint8

const (
	statusOK status = iota
	statusMissing
	statusStale
	statusForbidden
	statusBusy
	statusBroken
	statusBad
	statusHeld // larger than the request allows: the header has the lengths, no bytes follow
	statuses
)

var codes = [statuses]string{"ok", "missing", "stale", "forbidden", "busy", "broken", "bad", "held"}

func (s status) String() string {
	if s < statuses {
		return codes[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// statusOf is the status that a refusal's code stands for.
func statusOf(code string) (status, bool) {
	for s, c := range codes {
		if c == code {
			return status(s), true
		}
	}
	return 0, false
}

// outputID is the part of an attempt's id that alone is unique.
type outputID struct {
	term model.Term
	seq  uint64
}

func idOf(a model.AttemptID) outputID { return outputID{a.Term, a.Seq} }

func (id outputID) String() string { return fmt.Sprintf("%x-%x", uint64(id.term), id.seq) }

// span is a range of reduce partitions.
type span struct{ from, to uint32 }

func (s span) len() int { return int(s.to) - int(s.from) }

// check refuses spans that no output can have.
func (s span) check() error {
	if s.from >= s.to || s.to-s.from > maxLengths {
		return fmt.Errorf("%w: partitions %d-%d", errFormat, s.from, s.to)
	}
	return nil
}

// head begins what is sent of an output:
//
//	 0  u32  magic
//	 4  u8   status, then three zeros
//	 8  u64  term
//	16  u64  number of the attempt
//	24  u32  first partition
//	28  u32  the one after the last
//	32  u64  epoch
//	40  u32  segments
//	44  u32  bytes of the lengths
//	48  the length of every partition, segment by segment, as uvarints
//	    u64  xxh3 of all before
//
// Numbers are little-endian.
type head struct {
	status status
	id     outputID
	span   span
	epoch  uint64
	lens   [][]int64 // by segment and partition
}

const (
	headMagic = 0x31506467 // "gdP1"
	headFixed = 48
	sumSize   = 8
	maxHead   = headFixed + maxLengths*binary.MaxVarintLen64 + sumSize
)

// size is the number of bytes that belong to the header.
func (h *head) size() (n int64) {
	for _, seg := range h.lens {
		for _, l := range seg {
			n += l
		}
	}
	return n
}

func (h *head) append(b []byte) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = le.AppendUint32(b, headMagic)
	b = append(b, byte(h.status), 0, 0, 0)
	b = le.AppendUint64(b, uint64(h.id.term))
	b = le.AppendUint64(b, h.id.seq)
	b = le.AppendUint32(b, h.span.from)
	b = le.AppendUint32(b, h.span.to)
	b = le.AppendUint64(b, h.epoch)
	b = le.AppendUint32(b, uint32(len(h.lens)))
	b = le.AppendUint32(b, 0)
	for _, seg := range h.lens {
		for _, l := range seg {
			b = binary.AppendUvarint(b, uint64(l))
		}
	}
	le.PutUint32(b[start+headFixed-4:], uint32(len(b)-start-headFixed))
	return le.AppendUint64(b, xxh3.Hash(b[start:]))
}

// headRest says from the fixed part of a header how many bytes follow it.
func headRest(fixed []byte) (int, error) {
	le := binary.LittleEndian
	if m := le.Uint32(fixed); m != headMagic {
		return 0, fmt.Errorf("%w: magic %#08x", errFormat, m)
	}
	s := span{le.Uint32(fixed[24:]), le.Uint32(fixed[28:])}
	if err := s.check(); err != nil {
		return 0, err
	}
	segments, bytes := uint64(le.Uint32(fixed[40:])), uint64(le.Uint32(fixed[44:]))
	lens := segments * uint64(s.len())
	if lens > maxLengths || bytes < lens || bytes > lens*binary.MaxVarintLen64 {
		return 0, fmt.Errorf("%w: %d lengths in %d bytes", errFormat, lens, bytes)
	}
	return int(bytes) + sumSize, nil
}

// parseHead reads a whole header.
func parseHead(b []byte) (*head, error) {
	if len(b) < headFixed+sumSize {
		return nil, fmt.Errorf("%w: header of %d bytes", errFormat, len(b))
	}
	rest, err := headRest(b)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	body := b[:len(b)-sumSize]
	if len(b) != headFixed+rest || le.Uint64(b[len(body):]) != xxh3.Hash(body) {
		return nil, fmt.Errorf("%w: checksum of the header", errFormat)
	}
	h := &head{
		status: status(b[4]),
		id:     outputID{model.Term(le.Uint64(b[8:])), le.Uint64(b[16:])},
		span:   span{le.Uint32(b[24:]), le.Uint32(b[28:])},
		epoch:  le.Uint64(b[32:]),
	}
	if h.status >= statuses {
		return nil, fmt.Errorf("%w: %v", errFormat, h.status)
	}
	h.lens = make([][]int64, le.Uint32(b[40:]))
	var total int64
	body = body[headFixed:]
	for i := range h.lens {
		h.lens[i] = make([]int64, h.span.len())
		for j := range h.lens[i] {
			v, n := binary.Uvarint(body)
			if n <= 0 || v > maxSize {
				return nil, fmt.Errorf("%w: length in the header", errFormat)
			}
			h.lens[i][j], body = int64(v), body[n:]
			if total += int64(v); total > maxSize {
				return nil, fmt.Errorf("%w: more than %d bytes", errFormat, int64(maxSize))
			}
		}
	}
	if len(body) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many in the header", errFormat, len(body))
	}
	return h, nil
}

// ask is the body of a request for many outputs:
//
//	 0  u32  magic
//	 4  u32  outputs
//	 8  u32  first partition
//	12  u32  the one after the last
//	16  u64  epoch
//	24  u64  most bytes of one output
//	32  u64  most bytes of all
//	40  for each: u64 term, u64 number, u16 bytes of the ticket, the ticket
//	    u64  xxh3 of all before
type ask struct {
	span   span
	epoch  uint64
	each   int64
	budget int64
	items  []askItem
}

type askItem struct {
	id     outputID
	ticket []byte
}

const (
	askMagic = 0x31516467 // "gdQ1"
	askFixed = 40
)

func (a *ask) append(b []byte) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = le.AppendUint32(b, askMagic)
	b = le.AppendUint32(b, uint32(len(a.items)))
	b = le.AppendUint32(b, a.span.from)
	b = le.AppendUint32(b, a.span.to)
	b = le.AppendUint64(b, a.epoch)
	b = le.AppendUint64(b, uint64(a.each))
	b = le.AppendUint64(b, uint64(a.budget))
	for _, it := range a.items {
		b = le.AppendUint64(b, uint64(it.id.term))
		b = le.AppendUint64(b, it.id.seq)
		b = le.AppendUint16(b, uint16(len(it.ticket)))
		b = append(b, it.ticket...)
	}
	return le.AppendUint64(b, xxh3.Hash(b[start:]))
}

// parseAsk reads a request. The tickets alias b.
func parseAsk(b []byte) (*ask, error) {
	le := binary.LittleEndian
	if len(b) < askFixed+sumSize || le.Uint32(b) != askMagic {
		return nil, fmt.Errorf("%w: request of %d bytes", errFormat, len(b))
	}
	body := b[:len(b)-sumSize]
	if le.Uint64(b[len(body):]) != xxh3.Hash(body) {
		return nil, fmt.Errorf("%w: checksum of the request", errFormat)
	}
	n := int(le.Uint32(b[4:]))
	a := &ask{span: span{le.Uint32(b[8:]), le.Uint32(b[12:])}, epoch: le.Uint64(b[16:])}
	if err := a.span.check(); err != nil {
		return nil, err
	}
	each, budget := le.Uint64(b[24:]), le.Uint64(b[32:])
	if n == 0 || n > maxItems || each > math.MaxInt64 || budget > math.MaxInt64 {
		return nil, fmt.Errorf("%w: request for %d outputs of %d bytes", errFormat, n, budget)
	}
	a.each, a.budget = int64(each), int64(budget)
	a.items = make([]askItem, n)
	for rest, i := body[askFixed:], 0; ; i++ {
		if i == n {
			if len(rest) != 0 {
				return nil, fmt.Errorf("%w: %d bytes too many in the request", errFormat, len(rest))
			}
			return a, nil
		}
		if len(rest) < 18 {
			return nil, fmt.Errorf("%w: request ends in output %d of %d", errFormat, i, n)
		}
		size := int(le.Uint16(rest[16:]))
		if size > maxTicket || size > len(rest)-18 {
			return nil, fmt.Errorf("%w: ticket of %d bytes", errFormat, size)
		}
		a.items[i] = askItem{outputID{model.Term(le.Uint64(rest)), le.Uint64(rest[8:])}, rest[18 : 18+size]}
		rest = rest[18+size:]
	}
}
