package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

const (
	// magic begins the file, and has the version of its layout.
	magic = "gordd journal 1\n"
	// marker begins each frame, so that whole ones are found behind damage.
	marker = "\xb7rec"
	// bodyVersion is the version of how records are encoded.
	bodyVersion = 1
	// frameHead is the bytes before a frame's payload: marker, length, checksum.
	frameHead = len(marker) + 4 + 4
	// payloadHead is the bytes before a record in its payload: kind, version, time.
	payloadHead = 1 + 1 + 8
	// maxBody is the largest record. The manifest of an output has all of its files and
	// the sizes of an action the hosts of all of its tasks: with the most tasks that the
	// scheduler takes that is hundreds of megabytes, and a record that cannot be written
	// would be the end of the master, and of each after it.
	maxBody = 1 << 30
	// maxPayload bounds what is believed of a length.
	maxPayload = payloadHead + maxBody
	// maxCluster is the longest name of a cluster.
	maxCluster = 255
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errTorn says that bytes do not begin with a whole frame.
var errTorn = errors.New("no whole frame")

// Entry is a record as the file has it.
type Entry struct {
	At     time.Time // when it was written
	Record model.Record
}

// appendHeader appends what a file begins with.
func appendHeader(b []byte, cluster string) []byte {
	start := len(b)
	b = append(b, magic...)
	b = append(b, byte(len(cluster)))
	b = append(b, cluster...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// header reads what a file begins with, and gives the cluster and the length.
func header(b []byte) (cluster string, n int, err error) {
	if !bytes.HasPrefix(b, []byte(magic)) {
		return "", 0, errors.New("it is no journal of this release")
	}
	n = len(magic) + 1
	if len(b) >= n {
		n += int(b[n-1])
	}
	if len(b) < n+4 || crc32.Checksum(b[:n], castagnoli) != binary.LittleEndian.Uint32(b[n:]) {
		return "", 0, errors.New("its header is damaged")
	}
	return string(b[len(magic)+1 : n]), n + 4, nil
}

// appendFrame appends an entry's frame.
func appendFrame(b []byte, e Entry) ([]byte, error) {
	kind, body, err := table.Encode(e.Record)
	if err != nil {
		return b, err
	}
	b = append(b, marker...)
	length := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(payloadHead+len(body)))
	b = append(b, 0, 0, 0, 0)
	payload := len(b)
	b = append(b, kind, bodyVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.At.UnixNano()))
	b = append(b, body...)
	binary.LittleEndian.PutUint32(b[length+4:], checksum(b[length:length+4], b[payload:]))
	return b, nil
}

func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// wholeFrame gives the payload of the frame that b begins with, and the frame's
// length. The error is errTorn if there is none.
func wholeFrame(b []byte) (payload []byte, n int, err error) {
	if len(b) < frameHead+payloadHead || !bytes.HasPrefix(b, []byte(marker)) {
		return nil, 0, errTorn
	}
	length := b[len(marker) : len(marker)+4]
	size := binary.LittleEndian.Uint32(length)
	if size < uint32(payloadHead) || size > uint32(maxPayload) || uint64(size) > uint64(len(b)-frameHead) {
		return nil, 0, errTorn
	}
	n = frameHead + int(size)
	payload = b[frameHead:n:n]
	if checksum(length, payload) != binary.LittleEndian.Uint32(b[len(marker)+4:]) {
		return nil, 0, errTorn
	}
	return payload, n, nil
}

// entry decodes a payload.
func entry(payload []byte) (Entry, error) {
	if v := payload[1]; v != bodyVersion {
		return Entry{}, fmt.Errorf("a record has version %d, this release writes %d: use the release that wrote it, or a newer one", v, bodyVersion)
	}
	r, err := decode(payload[0], payload[payloadHead:])
	return Entry{At: time.Unix(0, int64(binary.LittleEndian.Uint64(payload[2:]))), Record: r}, err
}

// wholeBehind says whether a whole frame begins anywhere in b.
func wholeBehind(b []byte) bool {
	for {
		i := bytes.Index(b, []byte(marker))
		if i < 0 {
			return false
		}
		if _, _, err := wholeFrame(b[i:]); err == nil {
			return true
		}
		b = b[i+1:]
	}
}
