package storage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sized(path string, size int64) Info {
	return Info{Path: path, Size: size, Regular: true, ModTime: time.Unix(1, 2)}
}

// shape writes splits as path@offset+length, splits apart by bars.
func shape(splits []Split) string {
	s := ""
	for i, sp := range splits {
		if i > 0 {
			s += " | "
		}
		for j, p := range sp.Parts {
			if j > 0 {
				s += " "
			}
			s += fmt.Sprintf("%s@%d+%d", p.Path, p.Offset, p.Length)
		}
	}
	return s
}

func TestSplits(t *testing.T) {
	const mb = 1 << 20
	unit := SplitOptions{MinBytes: 1, OpenCost: 1}
	with := func(change func(*SplitOptions)) SplitOptions {
		o := unit
		change(&o)
		return o
	}
	cases := []struct {
		name  string
		files []Info
		opt   SplitOptions
		want  string
	}{
		{"nothing", nil, unit, ""},
		{"empty files", []Info{sized("a", 0), sized("b", 0)}, unit, ""},
		{"one small file", []Info{sized("a", 10)}, unit, "a@0+10"},
		{"a file in four", []Info{sized("a", 399)}, with(func(o *SplitOptions) { o.MinSplits = 4 }),
			"a@0+99 | a@99+100 | a@199+100 | a@299+100"},
		{"cut by size", []Info{sized("a", 299)}, with(func(o *SplitOptions) { o.MaxBytes = 128 }),
			"a@0+99 | a@99+100 | a@199+100"},
		{"no splits below the least size", []Info{sized("a", 100_000)}, SplitOptions{MinSplits: 50}, "a@0+100000"},
		{"small files are packed in order", []Info{sized("a", 9), sized("b", 9), sized("e", 0), sized("c", 9), sized("d", 9)},
			with(func(o *SplitOptions) { o.MinSplits = 2 }), "a@0+9 b@0+9 | c@0+9 d@0+9"},
		{"or not", []Info{sized("a", 9), sized("b", 9)}, with(func(o *SplitOptions) { o.NoPack = true }), "a@0+9 | b@0+9"},
		{"and cut when large", []Info{sized("a", 999), sized("b", 9)},
			with(func(o *SplitOptions) { o.NoPack = true; o.MinSplits = 2 }), "a@0+504 | a@504+495 | b@0+9"},
		{"compressed files stay whole", []Info{sized("a.gz", 1000), sized("b.zst", 1000), sized("c.bz2", 1000)},
			with(func(o *SplitOptions) { o.MinSplits = 6 }), "a.gz@0+1000 | b.zst@0+1000 | c.bz2@0+1000"},
		{"all files stay whole", []Info{sized("a", 1000), sized("b", 1000)},
			with(func(o *SplitOptions) { o.MinSplits = 6; o.NoCut = true }), "a@0+1000 | b@0+1000"},
		{"and empty ones are kept then", []Info{sized("a", 0), sized("b", 9), sized("c", 0)},
			with(func(o *SplitOptions) { o.NoCut = true }), "a@0+0 b@0+9 | c@0+0"},
		{"even when all are empty", []Info{sized("a", 0)}, with(func(o *SplitOptions) { o.NoCut = true }), "a@0+0"},
		{"a cut near a border moves to it", []Info{sized("a", 95), sized("b", 105)},
			with(func(o *SplitOptions) { o.MinSplits = 2 }), "a@0+95 | b@0+105"},
		{"a cut far from it does not", []Info{sized("a", 50), sized("b", 150)},
			with(func(o *SplitOptions) { o.MinSplits = 2 }), "a@0+50 b@0+49 | b@49+101"},
		{"256 MiB by default", []Info{sized("a", 1024*mb)}, SplitOptions{OpenCost: 4},
			"a@0+268435453 | a@268435453+268435457 | a@536870910+268435457 | a@805306367+268435457"},
	}
	blocks := sized("b", 512*mb)
	for at := int64(0); at < blocks.Size; at += 64 * mb {
		blocks.Blocks = append(blocks.Blocks, Block{Offset: at, Length: 64 * mb, Hosts: []string{"h"}})
	}
	if got := Splits([]Info{blocks}, SplitOptions{}); len(got) != 4 {
		t.Errorf("of blocks of 64 MiB: %s", shape(got))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := shape(Splits(c.files, c.opt)); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSplitsFollowBlocks(t *testing.T) {
	f := sized("hdfs://nn/f", 1000)
	for i := range int64(5) {
		f.Blocks = append(f.Blocks, Block{Offset: i * 200, Length: 200, Hosts: []string{fmt.Sprint("h", i), "common"}})
	}
	splits := Splits([]Info{f}, SplitOptions{MaxBytes: 230, MinBytes: 1, OpenCost: 1})
	if got, want := shape(splits), "hdfs://nn/f@0+200 | hdfs://nn/f@200+200 | hdfs://nn/f@400+200 | hdfs://nn/f@600+200 | hdfs://nn/f@800+200"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for i, s := range splits {
		if want := []string{"common", fmt.Sprint("h", i)}; !slices.Equal(s.Hosts, want) {
			t.Errorf("split %d: hosts %v, want %v", i, s.Hosts, want)
		}
	}
	// Splits much smaller than blocks are cut inside of them.
	if n := len(Splits([]Info{f}, SplitOptions{MinSplits: 20, MinBytes: 1, OpenCost: 1})); n != 20 {
		t.Errorf("%d splits, want 20", n)
	}
}

// blocky makes a file of blocks, each on three of five hosts, which are in two racks.
func blocky(path string, size, block int64) Info {
	f := sized(path, size)
	for i := int64(0); i*block < size; i++ {
		b := Block{Offset: i * block, Length: min(block, size-i*block)}
		for k := range int64(3) {
			h := (i + k) % 5
			b.Hosts, b.Racks = append(b.Hosts, fmt.Sprint("h", h)), append(b.Racks, fmt.Sprint("/r", h%2))
		}
		f.Blocks = append(f.Blocks, b)
	}
	return f
}

func TestSplitsOfBlocks(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []Info
		opt   SplitOptions
		want  string
	}{
		{"a block each", []Info{blocky("a", 300, 100)}, SplitOptions{MaxBytes: 100}, "a@0+100 | a@100+100 | a@200+100"},
		{"also blocks somewhat smaller than a split", []Info{blocky("a", 300, 60)}, SplitOptions{MaxBytes: 100},
			"a@0+60 | a@60+60 | a@120+60 | a@180+60 | a@240+60"},
		{"large blocks are cut evenly", []Info{blocky("a", 400, 200)}, SplitOptions{MaxBytes: 110},
			"a@0+100 | a@100+100 | a@200+100 | a@300+100"},
		{"small blocks are packed", []Info{blocky("a", 200, 20)}, SplitOptions{MaxBytes: 104}, "a@0+100 | a@100+100"},
		{"a short last block goes with the one before", []Info{blocky("a", 208, 100)}, SplitOptions{MaxBytes: 100}, "a@0+100 | a@100+108"},
		{"a longer one with small files", []Info{blocky("a", 230, 100), blocky("b", 20, 100), blocky("c", 9, 100)},
			SplitOptions{MaxBytes: 100}, "a@0+100 | a@100+100 | a@200+30 b@0+20 c@0+9"},
		{"files of one block", []Info{blocky("a", 90, 100), blocky("b", 80, 100), blocky("c", 8, 100)}, SplitOptions{MaxBytes: 100},
			"a@0+90 | b@0+80 | c@0+8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opt.MinBytes, c.opt.OpenCost = 1, 1
			if got := shape(Splits(c.files, c.opt)); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSplitsKnowHostsAndRacks(t *testing.T) {
	splits := Splits([]Info{blocky("a", 200, 100)}, SplitOptions{MaxBytes: 100, MinBytes: 1, OpenCost: 1})
	want := []Split{{Hosts: []string{"h0", "h1", "h2"}, Racks: []string{"/r0", "/r1", "/r0"}}, {Hosts: []string{"h1", "h2", "h3"}, Racks: []string{"/r1", "/r0", "/r1"}}}
	for i, s := range splits {
		if s.Parts = nil; !reflect.DeepEqual(s, want[i]) {
			t.Errorf("split %d: got %+v, want %+v", i, s, want[i])
		}
	}
	// Of several small blocks only hosts with much of the split are worth a way.
	packed := Splits([]Info{blocky("a", 120, 10)}, SplitOptions{MaxBytes: 1000, MinBytes: 1, OpenCost: 1})
	if got := packed[0].Hosts; len(packed) != 1 || !slices.Equal(got, []string{"h1", "h2", "h0", "h3", "h4"}) {
		t.Errorf("got %q", got)
	}
	many := sized("m", 1000)
	for i := range int64(100) {
		many.Blocks = append(many.Blocks, Block{Offset: i * 10, Length: 10, Hosts: []string{fmt.Sprint("h", i)}})
	}
	if got := Splits([]Info{many}, SplitOptions{MinBytes: 1, OpenCost: 1})[0]; got.Hosts != nil || got.Racks != nil {
		t.Errorf("a hundredth of a split each: got %q", got.Hosts)
	}
}

// What opening costs bounds the files in a split, however small they are.
func TestSplitsBoundTheirFiles(t *testing.T) {
	var files []Info
	for i := range 100_000 {
		files = append(files, sized(fmt.Sprint(i), 1))
	}
	for _, s := range Splits(files, SplitOptions{}) {
		if len(s.Parts) > 17_500 {
			t.Fatalf("%d files in a split", len(s.Parts))
		}
	}
}

// TestSplitsCoverTheInput: every byte once, in order, balanced, and about as many as asked for.
func TestSplitsCoverTheInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := SplitOptions{
			MinSplits: rapid.IntRange(0, 100).Draw(t, "min"),
			MaxBytes:  rapid.Int64Range(1000, 1<<20).Draw(t, "max"),
			MinBytes:  rapid.Int64Range(1, 1000).Draw(t, "least"),
			OpenCost:  rapid.Int64Range(1, 100).Draw(t, "cost"),
			NoPack:    rapid.Bool().Draw(t, "nopack"),
			NoCut:     rapid.Bool().Draw(t, "nocut"),
		}
		var files []Info
		plain := !opt.NoCut && !opt.NoPack
		var total, largest int64
		for i, size := range rapid.SliceOfN(rapid.Int64Range(0, 1<<21), 0, 30).Draw(t, "sizes") {
			f := sized(fmt.Sprint("f", i), size)
			if rapid.IntRange(0, 5).Draw(t, "zip") == 0 {
				f.Path += ".gz"
				plain = false
			}
			if rapid.Bool().Draw(t, "blocks") {
				block := rapid.Int64Range(100, 1<<20).Draw(t, "block")
				for at := int64(0); at < size; at += block {
					f.Blocks = append(f.Blocks, Block{Offset: at, Length: min(block, size-at), Hosts: []string{"h"}})
				}
			}
			files = append(files, f)
			total += size + opt.OpenCost
			largest = max(largest, size)
		}
		splits := Splits(files, opt)
		if !opt.NoCut {
			files = slices.DeleteFunc(files, func(f Info) bool { return f.Size == 0 })
		}
		i, at := -1, int64(0)
		for _, s := range splits {
			if len(s.Parts) == 0 {
				t.Fatal("split without parts")
			}
			for _, p := range s.Parts {
				if p.Length <= 0 && p.FileSize > 0 {
					t.Fatalf("empty part %+v", p)
				}
				if i < 0 || at == files[i].Size {
					i, at = i+1, 0
				}
				if p.Path != files[i].Path || p.Offset != at || p.FileSize != files[i].Size {
					t.Fatalf("part %+v, want %s at %d", p, files[i].Path, at)
				}
				if (opt.NoCut || p.Compression != "") && p.Length != p.FileSize {
					t.Fatalf("cut: %+v", p)
				}
				at += p.Length
				if opt.NoPack && len(s.Parts) > 1 {
					t.Fatalf("packed: %+v", s)
				}
			}
		}
		if i != len(files)-1 || i >= 0 && at != files[i].Size {
			t.Fatalf("ends at %d in file %d of %d", at, i, len(files))
		}
		w := width(files, opt)
		for _, s := range splits {
			if plain && float64(s.Bytes()) > 2.3*w {
				t.Fatalf("split of %d bytes, aimed at %.0f", s.Bytes(), w)
			}
		}
		// Opening the file takes part of the first split; where it takes more, or splits are of a few bytes, there are
		// fewer.
		if plain && len(files) == 1 && files[0].Blocks == nil && largest > 0 && max(float64(opt.OpenCost), 16) < w {
			n := int(float64(total)/w + 0.5)
			if len(splits) < n-1 || len(splits) > n {
				t.Fatalf("%d splits, aimed at %d", len(splits), n)
			}
		}
	})
}

func TestSplitIsPlainData(t *testing.T) {
	f := sized("a.gz", 10)
	f.Blocks = []Block{{Length: 10, Hosts: []string{"h"}, Racks: []string{"r"}}}
	want := Splits([]Info{f}, SplitOptions{})
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []Split
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestNegativeOptionPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Splits(nil, SplitOptions{MaxBytes: -1})
}

// TestThin demands that the pieces and the rest of a split have its lines, each once.
func TestThin(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		var files []Info
		var want []row
		for i := range rapid.IntRange(1, 3).Draw(rt, "files") {
			content := genContent(rt)
			path := filepath.Join(dir, fmt.Sprintf("%d-%d.txt", n, i))
			write(t, path, content)
			files = append(files, expand(t, path)...)
			want = append(want, wantRows(path, content)...)
		}
		pieces, size := rapid.IntRange(1, 40).Draw(rt, "pieces"), rapid.Int64Range(1, 2000).Draw(rt, "size")
		var got []row
		for _, s := range Splits(files, SplitOptions{MaxBytes: rapid.Int64Range(1, 50_000).Draw(rt, "max"), MinBytes: 1, OpenCost: 1}) {
			some, rest := s.Thin(pieces, size)
			if len(rest.Parts) > 0 && (len(some.Parts) < pieces || some.Bytes() > s.Bytes()/2+size*int64(len(s.Parts))) {
				rt.Fatalf("%d bytes in %d pieces are taken of %d", some.Bytes(), len(some.Parts), s.Bytes())
			}
			rows, err := readRows([]Split{some, rest}, TextOptions{})
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, rows...)
		}
		slices.SortStableFunc(got, func(a, b row) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Offset, b.Offset)) })
		if err := sameRows(got, want); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestFirst cuts the last part that is taken, unless it is compressed.
func TestFirst(t *testing.T) {
	part := func(length int64, compression string) Part {
		return Part{Path: "/a", Offset: 7, Length: length, FileSize: 4000, Compression: compression}
	}
	s := Split{Parts: []Part{part(100, ""), part(50, "gzip"), part(300, ""), part(1, "")}}
	for size, want := range map[int64][]Part{
		0:   nil,
		10:  {part(10, "")},
		100: s.Parts[:1],
		101: s.Parts[:2],
		160: {part(100, ""), part(50, "gzip"), part(10, "")},
		999: s.Parts,
	} {
		if got := s.First(size); !slices.Equal(got.Parts, want) {
			t.Errorf("%d: got %v, want %v", size, got.Parts, want)
		}
	}
}

func TestThinWhole(t *testing.T) {
	for name, p := range map[string]Part{
		"short":      {Path: "/a", Length: 399, FileSize: 399},
		"compressed": {Path: "/a.gz", Length: 4000, FileSize: 4000, Compression: "gzip"},
		"elsewhere":  {Path: "nowhere://a", Length: 4000, FileSize: 4000},
	} {
		s := Split{Parts: []Part{p}}
		if some, rest := s.Thin(10, 10); len(rest.Parts) > 0 || !reflect.DeepEqual(some, s) {
			t.Errorf("%s: got %v and %v", name, some, rest)
		}
	}
}
