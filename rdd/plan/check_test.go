package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
)

// filled sets every field below v to something that is not zero.
func filled(rng *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			filled(rng, v.Elem(), depth-1)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(rng.Int64N(1<<33), 0)))
			return
		}
		for i := range v.NumField() {
			filled(rng, v.Field(i), depth)
		}
	case reflect.Slice:
		n := rng.IntN(3) + 1
		if depth <= 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			filled(rng, v.Index(i), depth-1)
		}
	case reflect.String:
		v.SetString(strings.Repeat("x", rng.IntN(40)))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(rng.Uint64()))
	case reflect.Uint8:
		v.SetUint(rng.Uint64N(256))
	case reflect.Uint64:
		v.SetUint(rng.Uint64())
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	}
}

func made[T any](seed uint64) *T {
	v := new(T)
	filled(rand.New(rand.NewPCG(seed, 1)), reflect.ValueOf(v).Elem(), 4)
	return v
}

func roundTrip[T any](t *testing.T) {
	t.Helper()
	for seed := range uint64(20) {
		want := made[T](seed)
		b, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode[T](b)
		if err != nil {
			t.Fatalf("%T: %v", want, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%T (-want +got):\n%s", want, diff)
		}
		again, err := Encode(got)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%T encodes otherwise the second time: %v", want, err)
		}
		for cut := 0; cut < len(b); cut += 1 + len(b)/200 {
			if _, err := Decode[T](b[:cut]); err == nil {
				t.Fatalf("%T cut to %d of %d bytes decodes", want, cut, len(b))
			}
		}
		if _, err := Decode[T](append(b, 0xc0)); err == nil {
			t.Fatalf("%T with a byte more decodes", want)
		}
	}
}

func TestEncodeRoundTrip(t *testing.T) {
	roundTrip[Plan](t)
	roundTrip[Stage](t)
	roundTrip[Task](t)
	roundTrip[Result](t)
	roundTrip[Failure](t)
	roundTrip[StageError](t)
	roundTrip[ActionStatus](t)
	roundTrip[StageExplain](t)
}

func TestZeroValuesTravel(t *testing.T) {
	b, err := Encode(&Plan{Stages: make([]Stage, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := Decode[Plan](b); err != nil || len(p.Stages) != 1000 {
		t.Fatalf("got %v, %v", p, err)
	}
	b, err = Encode(&Stage{Parents: make([]Parent, 1000), Pipe: Pipe{Source: Source{Wide: make([]Input, 1000)}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode[Stage](b); err != nil {
		t.Fatal(err)
	}
	b, err = Encode(&Task{Splits: make([]PipeSplit, 1000), Values: make([]StageValue, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode[Task](b); err != nil {
		t.Fatal(err)
	}
}

func TestEncodeLimits(t *testing.T) {
	big := &Plan{Stages: []Stage{{Name: strings.Repeat("x", MaxEncoded)}}}
	if _, err := Encode(big); !errors.Is(err, ErrTooLarge) {
		t.Errorf("encode: got %v, want ErrTooLarge", err)
	}
	b, err := msgpack.Marshal(big)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode[Plan](b); !errors.Is(err, ErrTooLarge) {
		t.Errorf("decode: got %v, want ErrTooLarge", err)
	}
}

// TestDeepPlan: a pipe inside a pipe, as in a loop that always reduces by the
// same key, takes four levels.
func TestDeepPlan(t *testing.T) {
	nested := func(n int) *Plan {
		p := Pipe{Source: Source{Range: &Range{N: 1}}}
		for range n {
			inner := p
			p = Pipe{Source: Source{Wide: []Input{{Pipe: &inner}}}}
		}
		return &Plan{Stages: []Stage{{Pipe: p}}}
	}
	b, err := Encode(nested(2000))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode[Plan](b); err != nil {
		t.Fatal(err)
	}
	if b, err = Encode(nested(4000)); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode[Plan](b); !errors.Is(err, errDepth) {
		t.Fatalf("got %v, want %v", err, errDepth)
	}
}

// count is a msgpack head with a count of 32 bits.
func count(code byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{code}, n)
}

// stages is a plan that announces n stages and goes on with body.
func stages(n uint32, body []byte) []byte {
	b := append([]byte{0x81, 0xa6}, "Stages"...)
	return append(append(b, count(0xdd, n)...), body...)
}

func hostile() map[string][]byte {
	many := func(b ...byte) []byte { return bytes.Repeat(b, 1<<20/len(b)) }
	var lists []byte
	for range 1 << 14 {
		lists = append(lists, 0x81, 0xa6)
		lists = append(lists, "Stages"...)
		lists = append(append(lists, 0xdc, 0, 64), bytes.Repeat([]byte{0xc0}, 64)...)
	}
	return map[string][]byte{
		"nothing":                nil,
		"array of 2^32-1":        count(0xdd, 1<<32-1),
		"map of 2^31":            count(0xdf, 1<<31),
		"map of 2^32-1":          count(0xdf, 1<<32-1),
		"string of 2^32-1":       count(0xdb, 1<<32-1),
		"bin of 2^32-1":          count(0xc6, 1<<32-1),
		"ext of 2^32-1":          append(count(0xc9, 1<<32-1), 0xff),
		"fixext 16 cut":          {0xd8, 0xff, 1, 2},
		"reserved byte":          {0xc1},
		"reserved byte inside":   {0x91, 0xc1},
		"array16 cut":            {0xdc, 1},
		"nested arrays":          many(0x91),
		"nested maps":            many(0x81, 0xa0),
		"a million nil stages":   stages(1<<20, many(0xc0)),
		"a million empty stages": stages(1<<20, many(0x80)),
		"a million list stages":  stages(1<<20, many(0x90)),
		"stages beyond the end":  stages(1<<20+1, many(0xc0)),
		"many small lists":       append(append([]byte{0x81, 0xa1, 'x'}, count(0xdd, 1<<14)...), lists...),
		"two messages":           {0xc0, 0xc0},
	}
}

func TestCheckHostile(t *testing.T) {
	for name, b := range hostile() {
		t.Run(name, func(t *testing.T) {
			if err := Check(b); err == nil {
				t.Fatal("accepted")
			}
			if got := allocated(func() { _, _ = Decode[Plan](b) }); got > int64(len(b))+64<<10 {
				t.Fatalf("%d bytes of input cost %d", len(b), got)
			}
		})
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestCheckAcceptsEveryForm(t *testing.T) {
	for _, v := range []any{
		nil, true, false, 0, 127, 128, -1, -33, 1 << 20, -1 << 20, int64(1) << 40, uint8(200), uint16(60000), uint32(1 << 31), float32(1), 1.5,
		"", "short", strings.Repeat("a", 40), strings.Repeat("a", 300), strings.Repeat("a", 1<<17),
		[]byte{}, make([]byte, 300), make([]byte, 1<<17),
		[]int{}, make([]int, 20), make([]int, 1<<17), map[string]int{}, map[string]int{"a": 1},
		time.Unix(1, 0), time.Unix(1, 1), time.Unix(-1, 1),
		[]any{nil, []any{1, map[string]any{"x": []string{"y"}}}},
	} {
		b, err := msgpack.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(b); err != nil {
			t.Errorf("%.60v: %v", v, err)
		}
		for cut := 0; cut < len(b); cut += 1 + len(b)/100 {
			if err := Check(b[:cut]); err == nil {
				t.Errorf("%.60v cut to %d of %d bytes: accepted", v, cut, len(b))
			}
		}
	}
	for _, b := range [][]byte{
		{0xc7, 0, 5}, {0xc8, 0, 1, 5, 9}, {0xd4, 1, 2}, {0xd5, 1, 2, 3}, {0xd6, 1, 2, 3, 4, 5},
	} {
		if err := Check(b); err != nil {
			t.Errorf("ext % x: %v", b, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range hostile() {
		if len(b) < 1000 {
			f.Add(b)
		}
	}
	for seed := range uint64(3) {
		for _, b := range [][]byte{
			must(Encode(made[Plan](seed))), must(Encode(made[Task](seed))), must(Encode(made[ActionStatus](seed))),
		} {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Decode[Plan](b); err == nil {
			_ = p.Resolve(Sizes{Slots: 2, Splits: func(*Files) (int, int64, error) { return 1, 1, nil }})
			for i := range p.Stages {
				_, _, _ = p.Stages[i].Kind.String(), p.Stages[i].Pipe.FileSources(), p.Stages[i].Pipe.Reads(0)
			}
		}
		_, _ = Decode[Task](b)
		_, _ = Decode[Result](b)
		_, _ = Decode[StageError](b)
		if s, err := Decode[ActionStatus](b); err == nil {
			_ = s.State.String()
		}
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
