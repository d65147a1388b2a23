package oracle

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/gordd-project/gordd/internal/deep"
)

// Show writes a value out with all that it leads to.
func Show(v any) string { return deep.Show(v) }

// Hash is a hash of values as Show shows them.
func Hash(values ...any) uint64 {
	h := fnv.New64a()
	for _, v := range values {
		_, _ = h.Write([]byte(Show(v)))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// Less orders values by what they show, which no two different ones share.
func Less(a, b any) int { return strings.Compare(Show(a), Show(b)) }

// Max is the greater of two by Less.
func Max[T any](a, b T) T {
	if Less(a, b) < 0 {
		return b
	}
	return a
}

// Make makes a value of any type, the same of the same seed.
func Make[T any](seed uint64) T {
	var v T
	m := maker{rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d))}
	m.fill(reflect.ValueOf(&v).Elem(), 0)
	return v
}

// Rows makes n values, of which some are equal.
func Rows[T any](seed uint64, n int) []T {
	r := rand.New(rand.NewPCG(seed, 1))
	different := []int{1, 3, n/4 + 1, n + 1, 4*n + 1}[r.IntN(5)]
	rows := make([]T, n)
	for i := range rows {
		rows[i] = Make[T](seed + uint64(r.IntN(different)))
	}
	return rows
}

type maker struct{ *rand.Rand }

var texts = []string{
	"", "a", "b", "日本語", "e\u0301", "not utf-8 \xff\xfe", "fifteen bytes a", "sixteen bytes ab", "seventeen bytes b",
	strings.Repeat("long ", 20), "a b c", "eight by", "tab\tand\nline", "\x00",
}

var floats = []float64{
	math.NaN(), math.Copysign(0, -1), 0, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1, -1.5,
}

func (m maker) int() int64 {
	switch m.IntN(5) {
	case 0:
		return int64(m.Uint64())
	case 1:
		return -m.Int64N(100)
	case 2:
		return []int64{math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32, 255, 256}[m.IntN(6)]
	default:
		return m.Int64N(10)
	}
}

func (m maker) text() string {
	if m.IntN(3) == 0 {
		return fmt.Sprintf("w%d", m.IntN(50))
	}
	return texts[m.IntN(len(texts))]
}

func (m maker) float() float64 {
	switch m.IntN(3) {
	case 0:
		return floats[m.IntN(len(floats))]
	case 1:
		return m.NormFloat64()
	default:
		return float64(m.IntN(20))
	}
}

// time makes an instant as it travels: without a monotonic clock and the name
// of a zone.
func (m maker) time() time.Time {
	var t time.Time
	if m.IntN(5) > 0 {
		t = time.Unix(m.Int64N(1<<34)-1<<32, m.Int64N(1e9)).UTC()
	}
	if m.IntN(3) == 0 {
		t = t.In(time.FixedZone("", m.IntN(86400)-43200))
	}
	return t
}

// most is how deep recursive types go.
const most = 4

func (m maker) fill(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(m.time()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(m.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		bits := v.Type().Bits()
		v.SetInt(m.int() << (64 - bits) >> (64 - bits))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(m.int()) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(m.float())
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(m.float(), m.float()))
	case reflect.String:
		v.SetString(m.text())
	case reflect.Pointer:
		if m.IntN(3) > 0 && depth < most {
			v.Set(reflect.New(v.Type().Elem()))
			m.fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if v.Type().Field(i).Name != "_" { // unexported ones are filled too
				m.fill(reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem(), depth)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			m.fill(v.Index(i), depth)
		}
	case reflect.Slice:
		if n := m.IntN(5) - 1; n >= 0 && depth < most {
			v.Set(reflect.MakeSlice(v.Type(), n, n+m.IntN(3)))
			for i := range n {
				m.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		m.fillMap(v, depth)
	default:
		panic(fmt.Sprintf("no way to make a %s", v.Type()))
	}
}

func (m maker) fillMap(v reflect.Value, depth int) {
	n := m.IntN(5) - 1
	if n < 0 || depth >= most {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range n {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		m.fill(key, depth+1)
		m.fill(value, depth+1)
		v.SetMapIndex(key, value)
	}
}
