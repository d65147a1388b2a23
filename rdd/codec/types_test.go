package codec

import (
	"errors"
	"image"
	"iter"
	"math/big"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// marshaled has a pair of its own, which fails on both sides for some.
type marshaled struct {
	secret func()
	N      int8
}

var errOdd = errors.New("odd")

func (m marshaled) MarshalBinary() ([]byte, error) {
	if m.N%2 != 0 {
		return nil, errOdd
	}
	return []byte{byte(m.N), 0}, nil
}

func (m *marshaled) UnmarshalBinary(b []byte) error {
	if len(b) != 2 {
		return errOdd
	}
	m.N = int8(b[0])
	return nil
}

// severity is a number with a text for people, which is lossy.
type severity int8

func (s severity) MarshalText() ([]byte, error)  { return []byte("some"), nil }
func (s *severity) UnmarshalText(b []byte) error { *s = 99; return nil }

// half can be written but not read: its fields travel.
type half struct{ A int8 }

func (half) MarshalBinary() ([]byte, error) { return nil, errOdd }

type moment time.Time

type ticket struct {
	time.Time
	Seat int
}

type account struct {
	N struct{ big.Int }
}

type job struct {
	Name   string
	Steps  []step
	Lookup map[string]*step
}

type step struct{ Notify chan int }

type locked struct {
	mu sync.Mutex //nolint:unused // is what cannot travel
	N  int
}

type padding struct{ _ [1 << 20]byte }

func typeErr[T any](t *testing.T, want string) {
	t.Helper()
	_, err := For[T]()
	var te *TypeError
	if !errors.As(err, &te) {
		t.Errorf("want a TypeError with %q, got %v", want, err)
		return
	}
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestTypesThatCannotTravel(t *testing.T) {
	typeErr[chan int](t, "type chan int cannot be encoded: leave it out")
	typeErr[job](t, "field job.Steps[].Notify (chan int) cannot be encoded: leave it out, or give step MarshalBinary and UnmarshalBinary")
	typeErr[map[string]func()](t, "field map[string]func()[] (func()) cannot be encoded: leave it out")
	typeErr[map[chan int]bool](t, "field map[chan int]bool[key] (chan int) cannot be encoded: leave it out")
	typeErr[Pair[string, iter.Seq[int]]](t, "field Pair[string,iter.Seq[int]].Value (iter.Seq[int]) cannot be encoded: leave it out")
	typeErr[unsafe.Pointer](t, "type Pointer cannot be encoded: leave it out")
	typeErr[locked](t, "field locked.mu (sync.Mutex) cannot be encoded: leave it out, or give locked MarshalBinary and UnmarshalBinary")
	typeErr[*sync.WaitGroup](t, "field *sync.WaitGroup (sync.WaitGroup) cannot be encoded: leave it out")
	typeErr[[2]atomic.Int64](t, "field [2]atomic.Int64[] (atomic.Int64) cannot be encoded: leave it out")
	typeErr[error](t, "type error cannot be encoded: use a concrete type, or name the types it holds with codec.RegisterName")
	typeErr[ticket](t, "field ticket.Time (time.Time) cannot be encoded when embedded: its MarshalBinary would stand for the whole ticket: give the field a name")
	typeErr[account](t, "field account.N.Int (big.Int) cannot be encoded when embedded: its MarshalText would stand for the whole struct { big.Int }: give the field a name")
	typeErr[padding](t, "type padding cannot be encoded: it has no field with a name: declare one, or leave it out")
	if (&locked{N: 1}).N != 1 {
		t.Error("fields are there to be refused")
	}
}

func TestMarshalers(t *testing.T) {
	c := mustFor[Pair[string, marshaled]](t)
	rows := []Pair[string, marshaled]{{"a", marshaled{nil, 2}}, {"b", marshaled{nil, -4}}}
	checkRows(t, c, rows)
	rows[1].Value = marshaled{func() {}, 3}
	_, err := c.Append(nil, rows)
	if !errors.Is(err, errOdd) || !strings.Contains(err.Error(), "field Value: row 1: marshal codec.marshaled: odd") {
		t.Errorf("the marshaler's error came as %v", err)
	}
	if rows[1].Value.secret == nil {
		t.Error("append changed its rows")
	}
	checkRows(t, mustFor[*marshaled](t), []*marshaled{nil, {N: 6}})
	checkRows(t, mustFor[severity](t), []severity{1, 2})
	checkRows(t, mustFor[half](t), []half{{1}})
	checkRows(t, mustFor[image.Rectangle](t), []image.Rectangle{image.Rect(1, 2, 3, 4)})
	checkRows(t, mustFor[net.IP](t), []net.IP{net.ParseIP("10.0.0.1"), net.ParseIP("::1"), nil})
	checkRows(t, mustFor[*url.URL](t), []*url.URL{{Scheme: "https", Host: "example.org", Path: "/a b"}, nil})
	if got, err := Marshal(regexp.MustCompile("a+b")); err != nil || string(got) != "\x01\x03a+b" {
		t.Errorf("regexp is %q, %v", got, err)
	}
}

func TestTime(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	odd := time.FixedZone("odd", -(3*3600 + 17*60 + 5))
	base := time.Date(2024, 2, 29, 23, 59, 58, 999999999, time.UTC)
	rows := []time.Time{{}, base, base.In(berlin), base.In(odd), base.In(odd), base.Local(), time.Now(), time.Unix(-1<<40, 1).UTC(), time.Unix(1<<40, 0)}
	c := mustFor[time.Time](t)
	code, err := c.Append(nil, rows)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := c.Decode(nil, code, len(rows))
	if err != nil {
		t.Fatal(err)
	}
	const wall = "2006-01-02T15:04:05.999999999 -07:00:00"
	for i := range rows {
		if !got[i].Equal(rows[i]) || got[i].Format(wall) != rows[i].Format(wall) {
			t.Errorf("row %d: got %v, want %v", i, got[i], rows[i])
		}
	}
	if got[0] != (time.Time{}) || got[1] != base || got[1].Location() != time.UTC {
		t.Errorf("times in UTC should be equal by ==: %v, %v", got[0], got[1])
	}
	if got[3].Location() != got[4].Location() {
		t.Error("neighbours in one zone should share it")
	}
	m := []moment{moment(base)}
	checkRows(t, mustFor[moment](t), m)
}

func TestInterfaces(t *testing.T) {
	c := mustFor[shape](t)
	checkRows(t, c, []shape{square{2}, nil, &circle{3}, (*circle)(nil), group{square{1}, group{&circle{2}}}})
	checkRows(t, mustFor[map[shape]any](t), []map[shape]any{{square{1}: []int{1}, nil: square{4}}})
	type tri struct{ square }
	_, err := c.Append(nil, []shape{square{1}, tri{}})
	if err == nil || !strings.Contains(err.Error(), "row 1: value of type codec.tri in an interface: give the type a name") {
		t.Errorf("a type without a name: %v", err)
	}
}

type badShape struct{ F func() }

func (badShape) Area() int16 { return 0 }

func TestRegisterName(t *testing.T) {
	RegisterName[square]("sq") // once more is fine
	for name, register := range map[string]func(){
		"taken name":   func() { RegisterName[tree]("sq") },
		"second name":  func() { RegisterName[square]("square") },
		"no name":      func() { RegisterName[tree]("") },
		"an interface": func() { RegisterName[shape]("shape") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			register()
		}()
	}
	RegisterName[badShape]("bad")
	var te *TypeError
	if _, err := Marshal[shape](badShape{}); !errors.As(err, &te) || te.Path != "badShape.F" {
		t.Errorf("a named type that cannot travel: %v", err)
	}
	if _, err := Unmarshal[shape]([]byte{4, 'b', 'a', 'd', 0}); !errors.As(err, &te) {
		t.Errorf("bytes of a type that cannot travel: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			c, err := For[box[order]]()
			if err != nil {
				t.Error(err)
				return
			}
			rows := randomRows[box[order]](uint64(i), 3)
			code, err := c.Append(nil, rows)
			if err != nil {
				t.Error(err)
				return
			}
			if got, _, err := c.Decode(nil, code, 3); err != nil || len(got) != 3 {
				t.Errorf("%d rows, %v", len(got), err)
			}
			if k, err := KeysFor[Pair[string, int8]](); err != nil || k.Hash1(Pair[string, int8]{"a", 1}, 1) == 0 {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
