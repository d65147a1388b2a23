package hdfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const chunk = 512

// text makes n bytes that are the same for the same n.
func text(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(b)
	for i := range b {
		b[i] = 'a' + b[i]%26
		if i%61 == 60 {
			b[i] = '\n'
		}
	}
	return b
}

// answer is what a data node says before the first packet.
func answer(t testing.TB, checksum int) []byte {
	t.Helper()
	sum := message("ChecksumProto", fields{"type": protoreflect.EnumNumber(checksum), "bytesPerChecksum": uint32(chunk)})
	info := message("ReadOpChecksumInfoProto", fields{"checksum": sum, "chunkOffset": uint64(0)})
	b, err := proto.Marshal(message("BlockOpResponseProto", fields{"status": protoreflect.EnumNumber(0), "readOpChecksumInfo": info}))
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

// packet appends a packet as a data node sends it.
func packet(t testing.TB, to, data []byte, last bool, table *crc32.Table) []byte {
	t.Helper()
	head, err := proto.Marshal(message("PacketHeaderProto", fields{
		"offsetInBlock": int64(0), "seqno": int64(0), "lastPacketInBlock": last, "dataLen": int32(len(data)),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var sums []byte
	for at := 0; table != nil && at < len(data); at += chunk {
		sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(data[at:min(at+chunk, len(data))], table))
	}
	to = binary.BigEndian.AppendUint32(to, uint32(4+len(sums)+len(data)))
	to = binary.BigEndian.AppendUint16(to, uint16(len(head)))
	return append(append(append(to, head...), sums...), data...)
}

func block(t testing.TB, data []byte) []byte {
	t.Helper()
	table := crc32.MakeTable(crc32.Castagnoli)
	b := answer(t, 2)
	for len(data) > 0 {
		n := min(len(data), 3*chunk+100)
		b = packet(t, b, data[:n], false, table)
		data = data[n:]
	}
	return packet(t, b, nil, true, table)
}

func TestVerifiedBytesAreThoseSent(t *testing.T) {
	sent := block(t, text(10_000))
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(sent), "byte by byte": iotest.OneByteReader(bytes.NewReader(sent))} {
		got, err := io.ReadAll(newVerifier(r))
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(sent), err)
		}
	}
}

func TestChecksumsOfEveryKind(t *testing.T) {
	for _, c := range []struct {
		kind  int
		table *crc32.Table
		want  error
	}{
		{0, nil, nil},
		{1, crc32.IEEETable, nil},
		{2, crc32.MakeTable(crc32.Castagnoli), nil},
		{1, crc32.MakeTable(crc32.Castagnoli), errCorrupt},
	} {
		sent := packet(t, answer(t, c.kind), text(2000), false, c.table)
		if got, err := io.ReadAll(newVerifier(bytes.NewReader(sent))); !errors.Is(err, c.want) || err == nil && !bytes.Equal(got, sent) {
			t.Errorf("checksums of kind %d: %d bytes, %v, want %v", c.kind, len(got), err, c.want)
		}
	}
}

// Whatever bit of a packet's data or checksums is wrong, nothing of the packet comes out.
func TestNoWrongBitPasses(t *testing.T) {
	start := answer(t, 2)
	sent := packet(t, bytes.Clone(start), text(700), false, crc32.MakeTable(crc32.Castagnoli))
	body := len(sent) - 700 - 8
	for i := body; i < len(sent); i++ {
		bad := bytes.Clone(sent)
		bad[i] ^= 1 << (i % 8)
		got, err := io.ReadAll(newVerifier(bytes.NewReader(bad)))
		if !errors.Is(err, errCorrupt) || !bytes.Equal(got, start) {
			t.Fatalf("byte %d wrong: %d bytes of the packet came out, %v", i, len(got)-len(start), err)
		}
	}
}

func TestTruncatedAnswerIsAnError(t *testing.T) {
	sent := block(t, text(3000))
	for n := 1; n < len(sent); n += 7 {
		got, err := io.ReadAll(newVerifier(bytes.NewReader(sent[:n])))
		if !bytes.HasPrefix(sent, got) || err == nil && len(got) != n {
			t.Fatalf("cut after %d bytes: %d bytes, %v", n, len(got), err)
		}
	}
}

// FuzzVerifier: nothing that a data node sends makes it panic, take much memory, or pass on bytes
// that were not sent.
func FuzzVerifier(f *testing.F) {
	f.Add(block(f, text(2000)))
	f.Add(answer(f, 0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, sent []byte) {
		got, err := io.ReadAll(newVerifier(bytes.NewReader(sent)))
		// The length of the answer may be written longer than it need be.
		if n := len(got); err == nil && n != len(sent) && len(sent)-n > binary.MaxVarintLen64 {
			t.Errorf("%d bytes came out of %d", n, len(sent))
		}
	})
}
