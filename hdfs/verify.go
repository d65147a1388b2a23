package hdfs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// errCorrupt is the error of bytes whose checksums are wrong.
var errCorrupt = errors.New("the checksum of the bytes is wrong")

// Bounds of what a data node may send.
const (
	maxAnswer = 1 << 20
	maxPacket = 16 << 20 // as Hadoop's own client has it
)

// verifier reads a data node's answer to the request for a block, and passes on no packet before
// it has verified the checksums in it:
//
//	answer:  length (varint), BlockOpResponseProto
//	packet:  length of all but the header + 4 (uint32), length of the header (uint16),
//	         PacketHeaderProto, a checksum of 4 bytes for each chunk of data, data
type verifier struct {
	r     *bufio.Reader
	ready []byte // verified, and not yet passed on
	buf   []byte
	head  protoreflect.Message // PacketHeaderProto, used again

	answered bool
	table    *crc32.Table // nil: the file has no checksums
	chunk    int          // bytes of data for each checksum
	err      error
}

func newVerifier(r io.Reader) *verifier {
	return &verifier{r: bufio.NewReaderSize(r, 64<<10), head: message("PacketHeaderProto", nil).ProtoReflect()}
}

// Read returns bytes as the data node sent them. Errors are repeated.
func (v *verifier) Read(p []byte) (int, error) {
	for len(v.ready) == 0 {
		if v.err == nil {
			v.err = v.next()
		}
		if v.err != nil {
			return 0, v.err
		}
	}
	n := copy(p, v.ready)
	v.ready = v.ready[n:]
	return n, nil
}

func (v *verifier) next() error {
	if !v.answered {
		v.answered = true
		return v.answer()
	}
	return v.packet()
}

// answer reads the first part of what the data node sends, and how packets are checked.
func (v *verifier) answer() error {
	n, err := binary.ReadUvarint(v.r)
	if err != nil {
		return err
	}
	if n > maxAnswer {
		return fmt.Errorf("answer of %d bytes is too long", n)
	}
	v.buf = binary.AppendUvarint(v.buf[:0], n)
	from := len(v.buf)
	v.buf = append(v.buf, make([]byte, n)...)
	if err := v.rest(v.buf[from:]); err != nil {
		return err
	}
	m := message("BlockOpResponseProto", nil)
	if err := proto.Unmarshal(v.buf[from:], m); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	sum := get(get(m.ProtoReflect(), "readOpChecksumInfo").Message(), "checksum").Message()
	const none, crc, crc32c = 0, 1, 2
	switch get(sum, "type").Enum() {
	case none:
	case crc:
		v.table = crc32.IEEETable
	case crc32c:
		v.table = crc32.MakeTable(crc32.Castagnoli)
	default:
		return fmt.Errorf("checksums of type %d are not known", get(sum, "type").Enum())
	}
	v.chunk = int(get(sum, "bytesPerChecksum").Uint())
	if v.table != nil && (v.chunk <= 0 || v.chunk > maxPacket) {
		return fmt.Errorf("checksums of %d bytes each are not possible", v.chunk)
	}
	v.ready = v.buf
	return nil
}

// packet reads one packet and verifies it.
func (v *verifier) packet() error {
	var lengths [6]byte
	if _, err := io.ReadFull(v.r, lengths[:]); err != nil {
		return err
	}
	body := int64(binary.BigEndian.Uint32(lengths[:])) - 4
	head := int(binary.BigEndian.Uint16(lengths[4:]))
	if body < 0 || body > maxPacket {
		return fmt.Errorf("packet of %d bytes is not possible", body)
	}
	size := len(lengths) + head + int(body)
	if cap(v.buf) < size {
		v.buf = make([]byte, size)
	}
	v.buf = v.buf[:size]
	copy(v.buf, lengths[:])
	if err := v.rest(v.buf[len(lengths):]); err != nil {
		return err
	}
	if err := proto.Unmarshal(v.buf[len(lengths):len(lengths)+head], v.head.Interface()); err != nil {
		return fmt.Errorf("packet: %w", err)
	}
	if err := v.verify(v.buf[len(lengths)+head:], int(get(v.head, "dataLen").Int())); err != nil {
		return err
	}
	v.ready = v.buf
	return nil
}

// rest fills p with the rest of what was begun: its end is no end.
func (v *verifier) rest(p []byte) error {
	_, err := io.ReadFull(v.r, p)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// verify checks the body of a packet: checksums, and so many bytes of data.
func (v *verifier) verify(body []byte, length int) error {
	if length < 0 || length > len(body) {
		return fmt.Errorf("packet of %d bytes cannot have %d bytes of data", len(body), length)
	}
	sums, data := body[:len(body)-length], body[len(body)-length:]
	if v.table == nil {
		if len(sums) > 0 {
			return fmt.Errorf("packet has %d bytes of checksums that were not announced", len(sums))
		}
		return nil
	}
	if want := (length + v.chunk - 1) / v.chunk * 4; len(sums) != want {
		return fmt.Errorf("packet has %d bytes of checksums, not %d", len(sums), want)
	}
	for len(data) > 0 {
		n := min(v.chunk, len(data))
		if crc32.Checksum(data[:n], v.table) != binary.BigEndian.Uint32(sums) {
			return errCorrupt
		}
		sums, data = sums[4:], data[n:]
	}
	return nil
}
