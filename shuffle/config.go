package shuffle

import (
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// Config is what the operators of one task share. The zero value of every field but Dir and Reduces works.
type Config struct {
	// Dir is the task's scratch directory. It must exist.
	Dir string
	// Name is the base name of the task's output file; the default is "map-" and the number of the map task.
	Name string
	// Shuffle, Map and Reduce are the identity that blocks carry: which shuffle is written, by which map task, and,
	// on the reduce side, which partition is read.
	Shuffle, Map, Reduce uint32
	// Reduces is the number of partitions written.
	Reduces int
	// Seed places keys in partitions: the same in all map tasks of a shuffle and of shuffles that must agree.
	Seed uint64
	// Place, when set, chooses the partition of a key instead of its hash.
	Place func(key unsafe.Pointer) uint32
	// TableSeed places keys in hash tables and orders what the reduce side yields. It must be the same when a task is
	// run again, and differ from task to task and from Seed. The default is derived from Seed, Shuffle, Map and Reduce,
	// for what is sorted by hash from Seed alone.
	TableSeed uint64
	// Mem is the account that memory is taken from; nil means no limit.
	Mem *Account
	// Limit bounds what one operator takes from Mem, in bytes; the default is all that Mem gives.
	Limit int64
	// Compress says that shuffle and spill blocks are compressed with s2 where that saves an eighth.
	Compress bool
	// Spilled, when set, is counted up by the bytes written to temporary files, and by those of segments that were
	// written early for want of memory.
	Spilled *int64
	// RowSum says that Output.RowSum is computed, which costs a hash of every row.
	RowSum bool
	// Inexact says that rows may differ in a last bit when the task is run again: then RowSum is of their number only.
	Inexact bool
	// Copy says that rows given to a Writer or a sort hold strings cut from larger texts, which keeping them would keep.
	Copy bool
	// BlockRows is the most rows of a block; the default is 32,768.
	BlockRows int
	// BlockBytes is about how large blocks become; the default is 256 KiB.
	BlockBytes int
	// SegmentBytes is how much memory the rows or table of a map task may take before a segment of its output is
	// written; the default is 256 MiB for a table and from 4 to 64 MiB for a Writer, depending on Reduces.
	SegmentBytes int64
	// Progress says what part of its input the task has read, from 0 to 1. It lets a Combiner give up combining when
	// keys hardly repeat; nil, or a result of 0, means to go on combining.
	Progress func() float64
	// Reading, when set, is kept up to date with the rows that the reduce side has brought together and gives out.
	Reading *Reading
	// Leave, when set, is called with the error when the values of the group in hand cannot be read further. It leaves
	// the code that ranges over them, by a panic: that code would take a part of the values for all of them.
	Leave func(err error)
	// RowsPerKey is the number of rows a key below which combining is given up; the default is 8.
	RowsPerKey float64
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = fmt.Sprintf("map-%d", c.Map)
	}
	c.Reduces = max(c.Reduces, 1)
	if c.BlockRows <= 0 {
		c.BlockRows = 32 << 10
	}
	c.BlockRows = min(c.BlockRows, block.MaxRows)
	if c.BlockBytes <= 0 {
		c.BlockBytes = 256 << 10
	}
	c.BlockBytes = min(c.BlockBytes, block.MaxBytes/4)
	if c.RowsPerKey <= 0 {
		c.RowsPerKey = 8
	}
	return c
}

// Reading is how much there is to read and how much of that is done with, in a unit of the reader's. All is 0 while
// that is not known.
type Reading struct{ Done, All int64 }

// begin says that there are all rows to give out.
func (r *Reading) begin(all int64) {
	if r != nil {
		*r = Reading{All: all}
	}
}

// did says that n more rows were given out.
func (r *Reading) did(n int) {
	if r != nil {
		r.Done += int64(n)
	}
}

// placer places rows of type row, which begin with their keys.
func (c Config) placer(keys *codec.KeyType, row *codec.Type) Placer {
	if c.Place != nil {
		return By(row, c.Place)
	}
	return HashKeys(keys, row, c.Seed, c.Reduces)
}

func (c Config) share() share { return share{account: c.Mem, limit: c.Limit} }

// Roles keep the seeds of tables apart that would otherwise share one: rows that come in the order of one table's
// slots would all fall into the same part of another.
const (
	roleCombine = 1 + iota
	roleReduce
	roleOrder
	roleLookup
)

func (c Config) tableSeed(role uint64) uint64 {
	seed := c.TableSeed
	if seed == 0 {
		seed = mix(mix(c.Seed, uint64(c.Shuffle)), uint64(c.Map)<<32|uint64(c.Reduce))
	}
	return mix(seed, role)
}

// orderSeed orders the keys that are sorted by hash. It is the same for all tasks of a plan, and no table's: rows that
// were brought together by one operator, and are by the next one, are in order then.
func (c Config) orderSeed() uint64 {
	seed := c.TableSeed
	if seed == 0 {
		seed = c.Seed
	}
	return mix(seed, roleOrder)
}

// mix spreads both words over all 64 bits.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93)
	x := hi ^ lo ^ bits.RotateLeft64(a, 32) ^ b
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>29
}

// tempFile makes a temporary file that scratch holds.
func (c Config) tempFile(kind string) (*os.File, error) {
	f, err := os.CreateTemp(c.Dir, filepath.Base(kind)+"-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("create spill file: %w", err)
	}
	return f, nil
}

// spilled counts bytes of temporary files.
func (c Config) spilled(n int64) {
	if c.Spilled != nil {
		*c.Spilled += n
	}
}

// removeFile closes and removes a file that is not needed any more.
func removeFile(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}
