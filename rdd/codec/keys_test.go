package codec

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

func mustKeys[K comparable](t testing.TB) Keys[K] {
	t.Helper()
	k, err := KeysFor[K]()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustKeyType[K comparable](t testing.TB) *KeyType {
	t.Helper()
	k, err := KeyTypeOf[K]()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Hashes decide where keys are. If this test fails, blocks and files of older
// releases no longer fit: do not update it, mend the hash.
func TestHashGolden(t *testing.T) {
	hash := func(name string, got, want uint64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %#x, want %#x", name, got, want)
		}
	}
	s := mustKeys[string](t)
	hash("empty", s.Hash1("", 0), 0x20c0e5c7311b0a6c)
	hash("1 byte", s.Hash1("a", 1), 0x1c2f6a66d5f0faf3)
	hash("3 bytes", s.Hash1("abc", 1), 0xd9baa6329f12d202)
	hash("5 bytes", s.Hash1("abcde", 1), 0x721f56a0d63f3869)
	hash("8 bytes", s.Hash1("abcdefgh", 1), 0xebcf6c7d397b76cc)
	hash("16 bytes", s.Hash1("abcdefghijklmnop", 1), 0xdb8f8cf24547aa35)
	hash("17 bytes", s.Hash1("abcdefghijklmnopq", 1), 0x8597bcefe0c94231)
	hash("300 bytes", s.Hash1(strings.Repeat("abc", 100), 1<<63), 0x567d89a59c65e8b)
	hash("int 0", mustKeys[int](t).Hash1(0, 0), 0xcf67bfbe6f26aa34)
	hash("int -1", mustKeys[int](t).Hash1(-1, 7), 0x6ec26e3a05739efd)
	hash("int8 -1", mustKeys[int8](t).Hash1(-1, 7), 0x6ec26e3a05739efd)
	hash("uint32", mustKeys[uint32](t).Hash1(1<<31, 7), 0x65d5ba1b0b8e3b9)
	hash("bool", mustKeys[bool](t).Hash1(true, 7), 0xfb5ac1a9d84ca411)
	hash("float32", mustKeys[float32](t).Hash1(1.5, 7), 0xd107a5c27fca2ee4)
	hash("float64", mustKeys[float64](t).Hash1(1.5, 7), 0xd107a5c27fca2ee4)
	hash("complex", mustKeys[complex128](t).Hash1(1+2i, 7), 0x9500186576608c87)
	hash("pixel", mustKeys[pixel](t).Hash1(pixel{1, 2, 3}, 7), 0xe1384a1188c9526f)
	hash("array", mustKeys[[2]int16](t).Hash1([2]int16{1, 2}, 7), 0xd9be7494cbea10f0)
	hash("struct", mustKeys[Pair[string, int8]](t).Hash1(Pair[string, int8]{"a", 1}, 7), 0xb55abc7ef454fbaa)
	hash("nothing", mustKeys[struct{}](t).Hash1(struct{}{}, 7), 0x807f0b3fc4edb26f)
}

func TestKeysAgreeOnWidth(t *testing.T) {
	for _, v := range []int8{-128, -1, 0, 1, 127} {
		want := mustKeys[int64](t).Hash1(int64(v), 3)
		for name, got := range map[string]uint64{
			"int":   mustKeys[int](t).Hash1(int(v), 3),
			"int8":  mustKeys[int8](t).Hash1(v, 3),
			"level": mustKeys[level](t).Hash1(level(v), 3),
			"int16": mustKeys[int16](t).Hash1(int16(v), 3),
			"int32": mustKeys[int32](t).Hash1(int32(v), 3),
		} {
			if got != want {
				t.Errorf("%s %d: %#x, int64 has %#x", name, v, got, want)
			}
		}
	}
}

// checkKeys compares all methods with each other, and with == and order.
func checkKeys[K comparable](t rapid.TB, k Keys[K], keys []K, order func(a, b K) int) {
	t.Helper()
	hashes, prefixes := make([]uint64, len(keys)+1), make([]uint64, len(keys)+1)
	k.Hash(hashes, keys, 5)
	k.Prefix(prefixes, keys)
	for i, a := range keys {
		if got := k.Hash1(a, 5); got != hashes[i] {
			t.Fatalf("%v: Hash1 %#x, Hash %#x", a, got, hashes[i])
		}
		for j, b := range keys {
			c, equal := k.Compare(a, b), k.Equal(a, b)
			if equal != (c == 0) || equal != (hashes[i] == hashes[j]) {
				t.Fatalf("%v and %v: Equal %v, Compare %d, hashes %#x and %#x", a, b, equal, c, hashes[i], hashes[j])
			}
			if a == b && !equal || order != nil && c != order(a, b) || c != -k.Compare(b, a) {
				t.Fatalf("%v and %v: Equal %v, Compare %d", a, b, equal, c)
			}
			if prefixes[i] < prefixes[j] && c >= 0 || c > 0 && prefixes[i] < prefixes[j] {
				t.Fatalf("%v and %v: Compare %d, prefixes %#x and %#x", a, b, c, prefixes[i], prefixes[j])
			}
			if c == 0 && prefixes[i] != prefixes[j] {
				t.Fatalf("%v and %v are equal, prefixes %#x and %#x are not", a, b, prefixes[i], prefixes[j])
			}
		}
	}
}

func keysProperty[K comparable](t *testing.T, order func(a, b K) int, special ...K) {
	t.Helper()
	t.Run(reflect.TypeFor[K]().String(), func(t *testing.T) {
		k := mustKeys[K](t)
		rapid.Check(t, func(t *rapid.T) {
			keys := randomRows[K](rapid.Uint64().Draw(t, "seed"), 8)
			checkKeys(t, k, append(append(keys, keys[0]), special...), order)
		})
		key := randomRows[K](1, 1)[0]
		out := []uint64{0}
		keys := []K{key}
		if n := testing.AllocsPerRun(10, func() {
			k.Hash1(key, 1)
			k.Equal(key, key)
			k.Compare(key, key)
			k.Hash(out, keys, 1)
			k.Prefix(out, keys)
		}); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestKeys(t *testing.T) {
	minusZero, nan, nan2 := math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xfff8000000000123)
	inf := math.Inf(1)
	keysProperty(t, strings.Compare, "", "\x00", "a", "a\x00", "abcdefgh", "abcdefgha", "abcdefgi", "abcdefghijklmnop", "abcdefghijklmnopq", "ÿ")
	keysProperty(t, cmp.Compare[label], "", "x")
	keysProperty(t, cmp.Compare[int], 0, -1, math.MaxInt, math.MinInt)
	keysProperty(t, cmp.Compare[int8], 0, -1, 127, -128)
	keysProperty(t, cmp.Compare[level])
	keysProperty(t, cmp.Compare[int16], 0, -1)
	keysProperty(t, cmp.Compare[int32], 0, -1)
	keysProperty(t, cmp.Compare[int64], 0, -1, math.MinInt64)
	keysProperty(t, cmp.Compare[time.Duration], 0, -1)
	keysProperty(t, cmp.Compare[uint], 0, math.MaxUint)
	keysProperty(t, cmp.Compare[uint8], 0, 255)
	keysProperty(t, cmp.Compare[word16], 0, math.MaxUint16)
	keysProperty(t, cmp.Compare[uint32], 0, math.MaxUint32)
	keysProperty(t, cmp.Compare[uint64], 0, math.MaxUint64)
	keysProperty(t, cmp.Compare[uintptr])
	keysProperty(t, cmp.Compare[float64], 0, minusZero, nan, nan2, inf, -inf, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64)
	keysProperty(t, cmp.Compare[float32], 0, float32(minusZero), float32(nan), float32(inf), float32(-inf))
	keysProperty(t, nil, false, true)
	keysProperty(t, nil, complex(nan, 1), complex(1, nan), complex(0, 0), complex(minusZero, minusZero))
	keysProperty[complex64](t, nil)
	keysProperty(t, func(a, b pixel) int { return cmp.Compare(string(a[:]), string(b[:])) }, pixel{}, pixel{1}, pixel{0, 0, 1})
	keysProperty(t, nil, point{nan, 0}, point{nan2, minusZero}, point{1, nan})
	keysProperty(t, nil, struct{}{})
	keysProperty(t, nil, [0]string{})
	keysProperty(t, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }, [2]string{"a", ""}, [2]string{"", "a"})
	keysProperty(t, func(a, b Pair[label, int16]) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	}, Pair[label, int16]{"a", -1}, Pair[label, int16]{"a", 1})
	type flags struct{ A, B uint8 }
	keysProperty(t, func(a, b flags) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) }, flags{1, 2}, flags{2, 1})
	type several struct {
		A bool
		B int64
		C flags
		D uint64
		E float32
	}
	keysProperty(t, nil, several{A: true, B: 1}, several{B: 1}, several{D: 1}, several{C: flags{1, 0}})
	keysProperty[line](t, nil)
	keysProperty[[3][2]level](t, nil)
	keysProperty[struct {
		_ struct{}
		A [0]int
		B int8
		_ string
	}](t, nil)
}

func TestWhatLiesBetweenFieldsIsNotPartOfAKey(t *testing.T) {
	type blank struct {
		A uint8
		_ [7]uint8
	}
	type padded struct {
		A uint8
		B uint32
	}
	type behind struct{ A [2]padded }
	dirtied(t, blank{A: 1}, 3)
	dirtied(t, padded{A: 1, B: 2}, 3)
	dirtied(t, behind{[2]padded{{1, 2}, {3, 4}}}, 9)
}

// dirtied compares two copies of a key, of which one has another byte at an offset.
func dirtied[K comparable](t *testing.T, key K, offset uintptr) {
	t.Helper()
	keys := []K{key, key}
	*(*uint8)(unsafe.Add(unsafe.Pointer(&keys[1]), offset)) ^= 9
	k := mustKeys[K](t)
	if keys[0] != keys[1] || !k.Equal(keys[0], keys[1]) || k.Hash1(keys[0], 1) != k.Hash1(keys[1], 1) {
		t.Errorf("%T: what is no field tells keys apart", key)
	}
}

func TestTypesThatCannotBeKeys(t *testing.T) {
	check := func(err error, want string) {
		t.Helper()
		var te *TypeError
		if !errors.As(err, &te) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	const remedy = "use a key made of numbers, strings, arrays and structs of them"
	_, err := KeysFor[*int]()
	check(err, "type *int cannot be part of a key: "+remedy)
	_, err = KeysFor[any]()
	check(err, "type interface {} cannot be part of a key: "+remedy)
	_, err = KeysFor[chain]()
	check(err, "field chain.Next (*codec.chain) cannot be part of a key: "+remedy)
	_, err = KeysFor[Pair[string, [2]chan int]]()
	check(err, "field Pair[string,[2]chan int].Value[] (chan int) cannot be part of a key: "+remedy)
	_, err = KeysFor[struct{ At time.Time }]()
	check(err, "field struct { At time.Time }.At (time.Time) cannot be part of a key: it holds a pointer to its zone: use its UnixNano")
}

// Two seeds should place small integers, and short strings, as if by two
// unrelated draws: with 16 × 16 cells, chi square is about 255 ± 23.
func TestSeedsAreIndependent(t *testing.T) {
	const n = 1 << 16
	ints, strs := make([]int64, n), make([]string, n)
	for i := range ints {
		ints[i], strs[i] = int64(i), fmt.Sprint(i)
	}
	seeds := []uint64{0, 1, 2, 3, 256, 1 << 32, 1 << 63, 0xdeadbeef}
	pairs := make([]Pair[int32, int32], n)
	for i := range pairs {
		pairs[i] = Pair[int32, int32]{int32(i % 256), int32(i / 256)}
	}
	for _, shift := range []int{0, 20, 60} {
		for i, a := range seeds {
			for _, b := range seeds[:i] {
				if x := chi(mustKeys[int64](t), ints, a, b, shift); x > 400 {
					t.Errorf("ints, seeds %d and %d, bits from %d: chi square is %.0f", a, b, shift, x)
				}
				if x := chi(mustKeys[string](t), strs, a, b, shift); x > 400 {
					t.Errorf("strings, seeds %d and %d, bits from %d: chi square is %.0f", a, b, shift, x)
				}
				if x := chi(mustKeys[Pair[int32, int32]](t), pairs, a, b, shift); x > 400 {
					t.Errorf("pairs, seeds %d and %d, bits from %d: chi square is %.0f", a, b, shift, x)
				}
			}
		}
	}
}

func chi[K comparable](k Keys[K], keys []K, a, b uint64, shift int) float64 {
	x, y := make([]uint64, len(keys)), make([]uint64, len(keys))
	k.Hash(x, keys, a)
	k.Hash(y, keys, b)
	var cells [256]float64
	for i := range x {
		cells[x[i]>>shift&15<<4|y[i]>>shift&15]++
	}
	sum, want := 0.0, float64(len(keys))/256
	for _, c := range cells {
		sum += (c - want) * (c - want) / want
	}
	return sum
}

// Every bit of a key should flip each bit of its hash half of the time.
func TestHashAvalanche(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const rounds = 400
	for bit := range 64 {
		flips := 0
		for range rounds {
			x, seed := r.Uint64(), r.Uint64()
			flips += bits.OnesCount64(hashWord(x, mixSeed(seed)) ^ hashWord(x^1<<bit, mixSeed(seed)))
		}
		if mean := float64(flips) / rounds; mean < 30 || mean > 34 {
			t.Errorf("bit %d flips %.1f bits of 64", bit, mean)
		}
		flips = 0
		for range rounds {
			x, seed := r.Uint64(), r.Uint64()
			flips += bits.OnesCount64(hashWord(x, mixSeed(seed)) ^ hashWord(x, mixSeed(seed^1<<bit)))
		}
		if mean := float64(flips) / rounds; mean < 30 || mean > 34 {
			t.Errorf("bit %d of the seed flips %.1f bits of 64", bit, mean)
		}
	}
}

func TestHashExactTellsIntegersApart(t *testing.T) {
	exact(t, math.MinInt8, func(i int) int8 { return int8(i) }, 256)
	exact(t, 0, func(i int) uint16 { return uint16(i) }, 1<<16)
	exact(t, -50_000, func(i int) int32 { return int32(i) }, 100_000)
	exact(t, -50_000, func(i int) uint32 { return uint32(i) }, 100_000)
	exact(t, -50_000, func(i int) int { return i << 16 }, 100_000)
	exact(t, -50_000, func(i int) uint64 { return uint64(i) * mix0 }, 100_000)
	for _, k := range []*KeyType{mustKeyType[string](t), mustKeyType[float64](t), mustKeyType[bool](t), mustKeyType[[1]int](t)} {
		if k.Exact() {
			t.Errorf("keys of %s are no integers", k.Reflect())
		}
	}
}

func exact[K comparable](t *testing.T, from int, key func(int) K, n int) {
	t.Helper()
	k := mustKeyType[K](t)
	rows := make([]K, n)
	for i := range rows {
		rows[i] = key(from + i)
	}
	for seed := range uint64(3) {
		hashes, high := make([]uint64, n), map[uint64]int{}
		k.HashExact(hashes, unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(rows[0]), seed)
		for _, h := range hashes {
			high[h>>60]++
		}
		slices.Sort(hashes)
		if len(slices.Compact(hashes)) != n || !k.Exact() {
			t.Errorf("keys of %s share hashes", k.Reflect())
		}
		for _, in := range high { // they are spread over a sort's buckets
			if n > 1000 && (in > n/16*2 || in < n/16/2) {
				t.Errorf("keys of %s, seed %d: %d of %d in a sixteenth", k.Reflect(), seed, in, n)
			}
		}
	}
}

func TestHashCollisions(t *testing.T) {
	seen := map[uint64]string{}
	k := mustKeys[string](t)
	for i := range 100_000 {
		s := fmt.Sprintf("%0*d", 1+i%20, i)
		if was, ok := seen[k.Hash1(s, 9)]; ok && was != s {
			t.Fatalf("%q and %q have one hash", s, was)
		}
		seen[k.Hash1(s, 9)] = s
	}
}
