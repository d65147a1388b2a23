package property

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Input is the random data that cases run over. Cases do not change it.
type Input struct {
	Seed     uint64
	Size     int // rows of the larger lists
	Parts    int // partitions of sources; 0: the default
	Reducers int // partitions of shuffles; 0: the default
	Cores    int // of the session, where a default depends on them

	Ints   []int64 // a few small ones, many times, negative and huge ones
	Words  []string
	Floats []float64 // NaN, both zeros and both infinities among them
	Recs   []Rec
	Pairs  []KV // with one key that has a tenth of the rows
	Left   []KV // inputs of joins: at most a few hundred
	Right  []KV
	Files  []File // text in Dir, in the order of their names
	Dir    string

	// Scratch is a directory of the run's own, for cases that write.
	Scratch string
}

// KV is a pair before it is one.
type KV struct {
	Key   string
	Value int64
}

// Pair takes a KV apart.
func (p KV) Pair() (string, int64) { return p.Key, p.Value }

// Point is what records point to.
type Point struct{ X, Y float64 }

// Rec has a field of every kind that is stored in its own way.
type Rec struct {
	ID    int64
	Name  string
	OK    bool
	Small uint8
	Score float32
	Tags  []string
	Raw   []byte
	Attrs map[string]int64
	At    *Point
	When  time.Time
	Grid  [3]int16
}

// String shows all of a record, nil apart from empty.
func (r Rec) String() string {
	at := "nil"
	if r.At != nil {
		at = fmt.Sprint(*r.At)
	}
	return fmt.Sprintf("%d %q %t %d %v %q/%t %x/%t %v/%t %s %s %v", r.ID, r.Name, r.OK, r.Small, r.Score,
		r.Tags, r.Tags == nil, r.Raw, r.Raw == nil, r.Attrs, r.Attrs == nil, at, r.When.Format(time.RFC3339Nano), r.Grid)
}

// File is a text file below Input.Dir.
type File struct {
	Path  string
	Bytes string
	Lines []string
}

// slices gives the borders of n rows in the source's partitions, as Spark cuts
// a list: partition i begins at floor(i·n/p).
func (in Input) slices(n int) [][2]int {
	p := in.Parts
	if p == 0 {
		p = in.Cores
	}
	cuts := make([][2]int, p)
	for i := range p {
		cuts[i] = [2]int{i * n / p, (i + 1) * n / p}
	}
	return cuts
}

var (
	sizes    = []int{0, 1, 5, 40, 300, 1300, 2500}
	parts    = []int{0, 1, 2, 3, 7, 11}
	reducers = []int{0, 1, 2, 3, 5, 13}
)

// NewInput makes the input of a seed and writes its files to dir.
func NewInput(seed uint64, dir string) (Input, error) {
	g := &generator{rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
	in := Input{Seed: seed, Cores: 2, Dir: dir}
	in.Size, in.Parts, in.Reducers = g.size(), pick(g, parts), pick(g, reducers)
	in.Ints = list(in.Size, g.int)
	in.Words = list(in.Size, g.word)
	in.Floats = list(in.Size, g.float)
	in.Recs = list(min(in.Size, 400), g.rec)
	in.Pairs = list(in.Size, func() KV { return g.kv(in.Size/4 + 1) })
	in.Left = list(min(in.Size, 300), func() KV { return g.kv(100) })
	in.Right = list(min(in.Size, 200), func() KV { return g.kv(120) })
	in.Files = g.files(in.Words)
	return in, in.write()
}

// size is mostly small: what is wrong with many rows is mostly wrong with a few.
// Every eighth input has some ten batches.
func (g *generator) size() int {
	if g.IntN(8) == 0 {
		return 9_000 + g.IntN(4_000)
	}
	return pick(g, sizes)
}

type generator struct{ *rand.Rand }

func pick[T any](g *generator, of []T) T { return of[g.IntN(len(of))] }

func list[T any](n int, make func() T) []T {
	out := []T{}
	for range n {
		out = append(out, make())
	}
	return out
}

func (g *generator) int() int64 {
	switch g.IntN(6) {
	case 0:
		return int64(g.Uint64())
	case 1:
		return -g.Int64N(1000)
	case 2:
		return g.Int64N(1 << 40)
	case 3:
		return pick(g, []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt32 + 1})
	default:
		return g.Int64N(50)
	}
}

var words = []string{
	"", "a", "b", "the", "of", "Straße", "日本語", "e\u0301", "café", "👩‍🚀", "not utf-8 \xff\xfe", "sixteen bytes ab", "fifteen bytes a",
	"seventeen bytes b", strings.Repeat("long ", 60), "zz", "0", "\u00a0", "a b c", "eight by", "12345678",
}

func (g *generator) word() string {
	switch g.IntN(5) {
	case 0:
		return fmt.Sprintf("w%d", g.IntN(1000))
	case 1:
		return fmt.Sprintf("a word of more than fifteen bytes %d", g.IntN(300))
	default:
		return pick(g, words)
	}
}

var special = []float64{
	math.NaN(), math.Copysign(0, -1), 0, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1, -1,
	math.Float64frombits(0xfff8000000000001), // a NaN of another sign
}

func (g *generator) float() float64 {
	switch g.IntN(4) {
	case 0:
		return g.NormFloat64()
	case 1:
		return pick(g, special)
	default:
		return float64(g.IntN(40) - 20)
	}
}

func (g *generator) kv(keys int) KV {
	k := g.IntN(keys)
	if g.IntN(10) == 0 {
		k = 0
	}
	return KV{fmt.Sprintf("k%d", k), g.Int64N(2000) - 1000}
}

func (g *generator) rec() Rec {
	r := Rec{ID: g.int(), Name: g.word(), OK: g.IntN(2) == 0, Small: uint8(g.IntN(256)), Score: float32(g.float())}
	if g.IntN(3) > 0 {
		r.Tags = list(g.IntN(4), g.word)
		r.Raw = []byte(g.word())
		r.At = &Point{g.float(), g.float()}
	}
	if g.IntN(3) > 0 {
		r.Attrs = map[string]int64{}
		for range g.IntN(5) {
			r.Attrs[g.word()] = g.int()
		}
	}
	r.When = time.Unix(g.Int64N(1<<33)-1<<32, g.Int64N(1e9)).UTC()
	if g.IntN(2) == 0 {
		r.When = r.When.In(time.FixedZone("", 3600*(g.IntN(20)-10)))
	}
	for i := range r.Grid {
		r.Grid[i] = int16(g.IntN(1 << 16))
	}
	return r
}

// files spreads lines over four files: with both ends of lines, without the
// last one, compressed, and one that is empty.
func (g *generator) files(lines []string) []File {
	cut := func(i int) []string { return lines[i*len(lines)/3 : (i+1)*len(lines)/3] }
	return []File{
		textFile("a.txt", cut(0), "\n", true),
		textFile("b.txt", cut(1), "\r\n", false),
		textFile("c.txt", nil, "\n", false),
		textFile("d.txt.gz", cut(2), "\n", true),
	}
}

func textFile(name string, lines []string, end string, last bool) File {
	text := strings.Join(lines, end)
	if last && len(lines) > 0 {
		text += end
	}
	// Without its end, an empty last line is none.
	if n := len(lines); !last && n > 0 && lines[n-1] == "" {
		lines = lines[:n-1]
	}
	return File{Path: name, Bytes: text, Lines: lines}
}

func (in Input) write() error {
	for _, f := range in.Files {
		b := []byte(f.Bytes)
		if strings.HasSuffix(f.Path, ".gz") {
			var buf bytes.Buffer
			w := gzip.NewWriter(&buf)
			if _, err := w.Write(b); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			b = buf.Bytes()
		}
		if err := os.WriteFile(filepath.Join(in.Dir, f.Path), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// Name is a string with a name.
type Name string

// Place is a key of several parts, a float among them.
type Place struct {
	City string
	At   float64
	Side [2]bool
}
