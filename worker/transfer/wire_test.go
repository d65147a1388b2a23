package transfer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"github.com/zeebo/xxh3"
)

func someHeads() []head {
	return []head{
		{id: outputID{1, 2}, span: span{0, 1}, lens: [][]int64{}},
		{id: outputID{1 << 60, 1 << 63}, span: span{7, 10}, epoch: 1 << 50, lens: [][]int64{{0, 1, 2}, {127, 128, 1 << 40}}},
		{status: statusHeld, id: outputID{3, 4}, span: span{0, 2}, epoch: 9, lens: [][]int64{{5, 6}}},
		{status: statusMissing, id: outputID{3, 4}, span: span{0, 2}, epoch: 9, lens: [][]int64{}},
	}
}

func TestHeadsComeBack(t *testing.T) {
	for _, want := range someHeads() {
		b := want.append([]byte("before"))[6:]
		rest, err := headRest(b)
		if err != nil || headFixed+rest != len(b) {
			t.Errorf("%+v: %d bytes and %d, %v", want, len(b), rest, err)
		}
		got, err := parseHead(b)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%+v comes back as %+v, %v", want, got, err)
		}
	}
}

// resum makes the checksum right again after a change.
func resum(b []byte) []byte {
	n := len(b) - sumSize
	return binary.LittleEndian.AppendUint64(b[:n:n], xxh3.Hash(b[:n]))
}

func TestHeadsThatLieAreRefused(t *testing.T) {
	le := binary.LittleEndian
	for name, edit := range map[string]func(b []byte) []byte{
		"magic":              func(b []byte) []byte { b[0]++; return b },
		"status":             func(b []byte) []byte { b[4] = byte(statuses); return b },
		"partitions":         func(b []byte) []byte { le.PutUint32(b[24:], 9); return b },
		"many partitions":    func(b []byte) []byte { le.PutUint32(b[28:], 1<<31); return b },
		"segments":           func(b []byte) []byte { le.PutUint32(b[40:], 1<<31); return b },
		"no segments":        func(b []byte) []byte { le.PutUint32(b[40:], 0); return b },
		"long lengths":       func(b []byte) []byte { le.PutUint32(b[44:], 1<<31); return b },
		"length of lengths":  func(b []byte) []byte { b[44]++; return b },
		"a length":           func(b []byte) []byte { b[headFixed] |= 0x80; return b },
		"a huge length":      func(b []byte) []byte { return hugeHead(1) },
		"many huge lengths":  func(b []byte) []byte { return hugeHead(3) },
		"cut":                func(b []byte) []byte { return b[:len(b)-1] },
		"cut in the numbers": func(b []byte) []byte { return b[:headFixed-1] },
		"longer":             func(b []byte) []byte { return append(b, 0) },
		"nothing":            func([]byte) []byte { return nil },
	} {
		h := head{id: outputID{1, 2}, span: span{1, 3}, epoch: 4, lens: [][]int64{{5, 6}, {7, 8}}}
		b := edit(h.append(nil))
		if len(b) >= sumSize {
			b = resum(b)
		}
		if h, err := parseHead(b); !errors.Is(err, errFormat) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func hugeHead(n int) []byte {
	h := head{span: span{0, uint32(n)}, lens: [][]int64{make([]int64, n)}}
	for i := range h.lens[0] {
		h.lens[0][i] = maxSize
	}
	if n == 1 {
		h.lens[0][0]++
	}
	return h.append(nil)
}

func TestAsksComeBack(t *testing.T) {
	for _, want := range []ask{
		{span: span{0, 1}, items: []askItem{{outputID{1, 2}, []byte{}}}},
		{span: span{5, 9}, epoch: 7, each: 1 << 40, budget: 1 << 50, items: []askItem{{outputID{1, 2}, []byte("a")}, {outputID{1 << 63, 1}, bytes.Repeat([]byte("b"), maxTicket)}}},
	} {
		got, err := parseAsk(want.append(nil))
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%+v comes back as %+v, %v", want, got, err)
		}
	}
}

func TestAsksThatLieAreRefused(t *testing.T) {
	le := binary.LittleEndian
	for name, edit := range map[string]func(b []byte) []byte{
		"magic":            func(b []byte) []byte { b[0]++; return b },
		"fewer":            func(b []byte) []byte { le.PutUint32(b[4:], 1); return b },
		"more":             func(b []byte) []byte { le.PutUint32(b[4:], 3); return b },
		"none":             func(b []byte) []byte { le.PutUint32(b[4:], 0); return b },
		"too many":         func(b []byte) []byte { le.PutUint32(b[4:], maxItems+1); return b },
		"partitions":       func(b []byte) []byte { le.PutUint32(b[12:], 0); return b },
		"bytes below zero": func(b []byte) []byte { le.PutUint64(b[24:], 1<<63); return b },
		"a long ticket":    func(b []byte) []byte { le.PutUint16(b[askFixed+16:], 1000); return b },
		"cut":              func(b []byte) []byte { return b[:len(b)-9] },
		"nothing":          func([]byte) []byte { return nil },
	} {
		a := ask{span: span{1, 3}, epoch: 4, items: []askItem{{outputID{1, 2}, []byte("t")}, {outputID{3, 4}, nil}}}
		b := edit(a.append(nil))
		if len(b) >= sumSize {
			b = resum(b)
		}
		if a, err := parseAsk(b); !errors.Is(err, errFormat) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	a := ask{span: span{1, 3}, items: []askItem{{outputID{1, 2}, []byte("t")}}}
	b := a.append(nil)
	b[9] ^= 1
	if _, err := parseAsk(b); !errors.Is(err, errFormat) {
		t.Errorf("a flipped bit: %v", err)
	}
}

func TestPathsComeBack(t *testing.T) {
	for _, want := range []address{
		{job: "job-3.7"},
		{job: "../../etc", one: true, id: outputID{1, 1<<64 - 1}, span: span{0, 1}},
		{job: "j", one: true, id: outputID{}, span: span{65_000, 65_001}},
		{job: "j", digest: "00000000000000000000000000000000000000000000000000000000000000ff"},
	} {
		got, ok := parsePath(want.path())
		if !ok || got != want {
			t.Errorf("%s comes back as %+v, %v", want.path(), got, ok)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("/v1/shuffle/6a/3-2/0-1")
	f.Add("/v1/blob/6a/00000000000000000000000000000000000000000000000000000000000000ff")
	f.Fuzz(func(t *testing.T, path string) {
		if a, ok := parsePath(path); ok && a.path() != path {
			t.Errorf("%q and %q are the same", path, a.path())
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=1-2", int64(10))
	f.Fuzz(func(t *testing.T, s string, size int64) {
		if from, to, ok := parseRange(s, size); ok && (from < 0 || from >= to || to > size) {
			t.Errorf("%q of %d: %d to %d", s, size, from, to)
		}
	})
}

func FuzzHead(f *testing.F) {
	for _, h := range someHeads() {
		f.Add(h.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= sumSize {
			b = resum(b)
		}
		h, err := parseHead(b)
		if err != nil {
			return
		}
		if h.size() < 0 || h.size() > maxSize {
			t.Fatalf("%d bytes", h.size())
		}
		if again, err := parseHead(h.append(nil)); err != nil || !reflect.DeepEqual(again, h) {
			t.Errorf("%+v comes back as %+v, %v", h, again, err)
		}
	})
}

func FuzzAsk(f *testing.F) {
	a := ask{span: span{1, 3}, epoch: 4, items: []askItem{{outputID{1, 2}, []byte("t")}, {outputID{3, 4}, nil}}}
	f.Add(a.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= sumSize {
			b = resum(b)
		}
		a, err := parseAsk(b)
		if err == nil && !bytes.Equal(a.append(nil), b) {
			t.Errorf("%+v has two forms", a)
		}
	})
}

// TestDecodersAllocateForWhatIsThere gives them lengths that are not.
func TestDecodersAllocateForWhatIsThere(t *testing.T) {
	le := binary.LittleEndian
	h := head{span: span{0, maxLengths}, lens: [][]int64{}}
	b := h.append(nil)
	le.PutUint32(b[40:], 1)
	b = resum(b)
	q := ask{span: span{0, 1}, items: []askItem{{}}}
	a := q.append(nil)
	le.PutUint32(a[4:], maxItems)
	a = resum(a)
	r := testing.Benchmark(func(bm *testing.B) {
		for range bm.N {
			_, _ = parseHead(b)
			_, _ = parseAsk(a)
		}
	})
	if got := r.AllocedBytesPerOp(); got > 64<<10 {
		t.Errorf("%d bytes for messages of %d and %d", got, len(b), len(a))
	}
}

func TestTicketsTravelAsText(t *testing.T) {
	for _, b := range [][]byte{{}, {0}, bytes.Repeat([]byte{255}, maxTicket)} {
		if got := ticketFrom(ticketText(b)); !bytes.Equal(got, b) {
			t.Errorf("%d bytes come back as %d", len(b), len(got))
		}
	}
	for _, s := range []string{"", "Basic aaaa", "Bearer !", ticketText(make([]byte, maxTicket+1))} {
		if got := ticketFrom(s); got != nil {
			t.Errorf("%.20q is a ticket of %d bytes", s, len(got))
		}
	}
	if _, err := sign(longTickets{}, Claim{}); !errors.Is(err, errForbidden) {
		t.Errorf("a ticket that is too long: %v", err)
	}
}

type longTickets struct{}

func (longTickets) Sign(Claim) ([]byte, error) { return make([]byte, maxTicket+1), nil }
func (longTickets) Check([]byte, Claim) error  { return nil }

func TestStatusesHaveCodes(t *testing.T) {
	for s := range statuses {
		if got, ok := statusOf(s.String()); !ok || got != s || httpStatus[s] == 0 {
			t.Errorf("%v: %v, HTTP status %d", s, got, httpStatus[s])
		}
	}
	if _, ok := statusOf("what"); ok || status(99).String() != "status 99" || Cause(99).String() != "cause 99" {
		t.Error("one that is none has a code")
	}
}
