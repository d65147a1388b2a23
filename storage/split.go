package storage

import (
	"cmp"
	"slices"
)

// Part is a range of one input file as it was at planning. It is plain data.
type Part struct {
	Path        string
	Offset      int64 // of the first byte; lines that begin in the range belong to it
	Length      int64
	FileSize    int64
	ModTime     int64  // nanoseconds of Unix time
	FileID      uint64 // of the file, 0 where the store has none
	Compression string // "", or the name of what the whole file is compressed with
}

// Split is the input of one task: parts in the order of the input, and the hosts that hold much
// of their bytes, best first, as the store names them. It is plain data.
type Split struct {
	Parts []Part
	Hosts []string
	// Racks are those of Hosts, "" where the store does not know; nil when it knows none.
	Racks []string
}

// Thin cuts a split in two: about so many pieces of so many bytes each, which are spread evenly over
// it, and the rest. All is in the first one where that is not less than a quarter of it, by the average, or where
// pieces are not read by themselves in no time: of compressed files, and of those elsewhere.
func (s Split) Thin(pieces int, size int64) (some, rest Split) {
	every := s.Bytes() / int64(pieces)
	if every/4 < size {
		return s, Split{}
	}
	for _, p := range s.Parts {
		fs, _, err := Lookup(p.Path)
		if _, local := fs.(Local); err != nil || !local || p.Compression != "" {
			return s, Split{}
		}
		for at := int64(0); at < p.Length; at += every {
			piece, left := p, p
			piece.Offset, piece.Length = p.Offset+at, min(size, p.Length-at)
			some.Parts = append(some.Parts, piece)
			left.Offset += at + piece.Length
			if left.Length = min(every, p.Length-at) - piece.Length; left.Length > 0 {
				rest.Parts = append(rest.Parts, left)
			}
		}
	}
	return some, rest
}

// First returns the beginning of a split, of about so many bytes: parts of compressed files are not cut.
func (s Split) First(size int64) (some Split) {
	for _, p := range s.Parts {
		if size <= 0 {
			break
		}
		if p.Compression == "" {
			p.Length = min(p.Length, size)
		}
		some.Parts = append(some.Parts, p)
		size -= p.Length
	}
	return some
}

// Bytes returns the bytes of the split as they are stored.
func (s Split) Bytes() int64 {
	var n int64
	for _, p := range s.Parts {
		n += p.Length
	}
	return n
}

// SplitOptions says how input is cut. The zero value works.
type SplitOptions struct {
	// MinSplits is about how many splits are wanted at least; the default is 1. Fewer come out
	// when they would be smaller than MinBytes or files cannot be cut.
	MinSplits int
	// MaxBytes is the size splits aim at when there are more bytes than MinSplits need; the
	// default is 256 MiB, and 128 MiB where blocks are known: larger splits would leave fewer
	// of them to choose from on each host.
	MaxBytes int64
	// MinBytes is the least size worth a split of its own; the default is 64 KiB.
	MinBytes int64
	// OpenCost is what opening a file costs in bytes read meanwhile, so that thousands of tiny
	// files do not end in one split; the default is 16 KiB.
	OpenCost int64
	// NoPack gives every split bytes of one file only.
	NoPack bool
	// NoCut keeps every file whole, empty ones too: they are rows for who reads whole files.
	NoCut bool
}

func (o SplitOptions) withDefaults(files []Info) SplitOptions {
	o.MinSplits = max(o.MinSplits, 1)
	if o.MaxBytes == 0 {
		o.MaxBytes = 256 << 20
		if slices.ContainsFunc(files, func(f Info) bool { return len(f.Blocks) > 0 }) {
			o.MaxBytes = 128 << 20
		}
	}
	o.MinBytes = min(cmp.Or(o.MinBytes, 64<<10), o.MaxBytes)
	o.OpenCost = cmp.Or(o.OpenCost, 16<<10)
	return o
}

// wants reports whether a file has something for its reader.
func (o SplitOptions) wants(f Info) bool { return f.Size > 0 || o.NoCut }

// Splits cuts files into splits of about equal bytes, in the order of files, so that rows come
// out ordered by file and offset. Files that are compressed as a whole stay whole, empty files
// give nothing unless NoCut is set; no bytes give no splits. It panics when an option is negative.
//
// The files are laid end to end and cut at equal distances; a cut too near the border of a file
// moves to it. Where blocks are known a split has bytes of one block, so that one host has all of
// it: a block larger than a split should be is cut evenly, and only blocks of less than half that
// size are packed together. What opening costs bounds the files in a split.
func Splits(files []Info, opt SplitOptions) []Split {
	opt = opt.withDefaults(files)
	if opt.MaxBytes < 0 || opt.MinBytes < 0 || opt.OpenCost < 0 {
		panic("storage: negative split option")
	}
	p := planner{opt: opt, width: width(files, opt)}
	for _, f := range files {
		if opt.wants(f) {
			p.file(f)
		}
	}
	p.seal()
	return p.splits
}

// width returns the bytes, with the cost of opening, that a split should have.
func width(files []Info, opt SplitOptions) float64 {
	var total float64
	for _, f := range files {
		if opt.wants(f) {
			total += float64(f.Size + opt.OpenCost)
		}
	}
	if total == 0 {
		return 1
	}
	// A tenth of a split too much is spread over the others.
	n := max(float64(opt.MinSplits), ceil(total/float64(opt.MaxBytes)-0.1))
	n = max(1, min(n, floor(total/float64(max(opt.MinBytes, 1)))))
	return total / n
}

func floor(x float64) float64 { return float64(int64(x)) }

func ceil(x float64) float64 {
	if f := floor(x); f < x {
		return f + 1
	}
	return x
}

type planner struct {
	opt    SplitOptions
	width  float64
	at     float64 // where the next file begins, in bytes and opening costs laid end to end
	bin    int     // which split the last part went to, by its place; full: to one that takes no more
	splits []Split
	held   holders // of the last split
}

// full is the place of a split to which nothing is added.
const full = -1

// file places one file: whole when it is small or cannot be cut, else cut at multiples of width.
func (p *planner) file(f Info) {
	if p.opt.NoPack {
		// Every file begins a split of its own.
		p.at, p.bin = 0, full
	}
	begin := p.at + float64(p.opt.OpenCost)
	var from int64
	for _, cut := range p.cuts(f, begin) {
		p.add(f, from, cut, begin)
		from = cut
	}
	p.add(f, from, f.Size, begin)
	p.at = begin + float64(f.Size)
}

// cuts returns the offsets at which f is cut, when its bytes begin at the given place.
func (p *planner) cuts(f Info, begin float64) []int64 {
	if p.opt.NoCut || CompressionOf(f.Path) != "" {
		return nil
	}
	least := max(int64(p.width/8), 1)
	var cuts []int64
	last := int64(0)
	cut := func(at int64) {
		if at-last >= least && f.Size-at >= least {
			cuts = append(cuts, at)
			last = at
		}
	}
	if len(f.Blocks) > 0 && p.large(f.Blocks[0].Length) {
		for _, b := range f.Blocks {
			n := max(int64(float64(b.Length)/p.width+0.5), 1)
			for k := int64(1); k <= n; k++ {
				cut(b.Offset + int64(float64(b.Length)*float64(k)/float64(n)))
			}
		}
		return cuts
	}
	for k := floor(begin/p.width) + 1; ; k++ {
		at := int64(k*p.width - begin)
		if at >= f.Size {
			return cuts
		}
		cut(nearBlock(f.Blocks, at, int64(p.width/2)))
	}
}

// large says whether bytes of one block are enough for a split.
func (p *planner) large(bytes int64) bool { return 2*float64(bytes) >= p.width }

// nearBlock moves a cut to the next border of a block, if it is in reach: then no host is asked
// for half of a small block.
func nearBlock(blocks []Block, at, reach int64) int64 {
	i, _ := slices.BinarySearchFunc(blocks, at, func(b Block, at int64) int {
		return cmp.Compare(b.Offset+b.Length, at)
	})
	if i == len(blocks) || blocks[i].Length > 2*reach {
		return at
	}
	if b := blocks[i]; at-b.Offset < b.Offset+b.Length-at {
		return b.Offset
	}
	return blocks[i].Offset + blocks[i].Length
}

// add puts a range into the split in whose place its middle lies, or, if it is the better part
// of a block, into one of its own.
func (p *planner) add(f Info, from, to int64, begin float64) {
	bin := int((begin + float64(from+to)/2) / p.width)
	if len(f.Blocks) > 0 && p.large(to-from) {
		bin = full
	}
	if len(p.splits) == 0 || bin != p.bin || bin == full || p.opt.NoPack {
		p.seal()
		p.splits = append(p.splits, Split{})
	}
	p.bin = bin
	s := &p.splits[len(p.splits)-1]
	s.Parts = append(s.Parts, Part{
		Path:        f.Path,
		Offset:      from,
		Length:      to - from,
		FileSize:    f.Size,
		ModTime:     f.ModTime.UnixNano(),
		FileID:      f.ID,
		Compression: CompressionOf(f.Path),
	})
	p.held.add(f.Blocks, from, to)
}

// seal gives the last split its hosts.
func (p *planner) seal() {
	if len(p.held) > 0 {
		s := &p.splits[len(p.splits)-1]
		s.Hosts, s.Racks = p.held.best(s.Bytes())
	}
	p.held = holders{}
}

// holder is a host that has some bytes of a split.
type holder struct {
	rack  string
	bytes int64
}

// holders are the hosts of a split, by name.
type holders map[string]holder

// add counts the bytes of a range by host. A block may have a host by several names.
func (h holders) add(blocks []Block, from, to int64) {
	for _, b := range blocks {
		n := min(to, b.Offset+b.Length) - max(from, b.Offset)
		if n <= 0 {
			continue
		}
		for i, host := range b.Hosts {
			x := h[host]
			x.bytes += n
			if i < len(b.Racks) {
				x.rack = b.Racks[i]
			}
			h[host] = x
		}
	}
}

const (
	mostHosts = 8 // of a split: three replicas by address and by name, and some
	muchOf    = 5 // a host with less than this part of a split is not worth going to
)

// best returns the hosts with most of a split's bytes, and their racks. Those that have less than
// half of what the best one has are left out.
func (h holders) best(bytes int64) (hosts, racks []string) {
	most := int64(0)
	for _, x := range h {
		most = max(most, x.bytes)
	}
	known := false
	for name, x := range h {
		if 2*x.bytes >= most && muchOf*x.bytes >= bytes {
			hosts = append(hosts, name)
			known = known || x.rack != ""
		}
	}
	slices.SortFunc(hosts, func(a, b string) int {
		return cmp.Or(cmp.Compare(h[b].bytes, h[a].bytes), cmp.Compare(a, b))
	})
	hosts = hosts[:min(len(hosts), mostHosts)]
	if known {
		for _, name := range hosts {
			racks = append(racks, h[name].rack)
		}
	}
	return hosts, racks
}
