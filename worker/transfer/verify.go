package transfer

import (
	"fmt"

	"github.com/gordd-project/gordd/shuffle/block"
)

// verifier looks at the bytes of an output's partitions as they come: every
// segment, and every partition in it, must be whole blocks written for it.
type verifier struct {
	shuffle, mapTask uint32
	span             span
	lens             [][]int64
	seg, part        int
	left             int64 // bytes of the open partition to come
	open             bool
	blocks           block.Checker
	passed           int64 // of the partitions before the open one
}

func newVerifier(src *Source, s span, lens [][]int64) *verifier {
	return &verifier{shuffle: src.Shuffle, mapTask: uint32(src.Attempt.Partition), span: s, lens: lens}
}

// next opens the next partition that has bytes, if there is one.
func (v *verifier) next() bool {
	for ; v.seg < len(v.lens); v.seg, v.part = v.seg+1, 0 {
		for ; v.part < len(v.lens[v.seg]); v.part++ {
			if n := v.lens[v.seg][v.part]; n > 0 {
				v.open, v.left = true, n
				v.blocks.Reset(block.ID{Shuffle: v.shuffle, Map: v.mapTask, Reduce: v.span.from + uint32(v.part), Segment: uint32(v.seg)})
				return true
			}
		}
	}
	return false
}

// write looks at the next bytes.
func (v *verifier) write(p []byte) error {
	for len(p) > 0 {
		if !v.open && !v.next() {
			return fmt.Errorf("%w: %d bytes too many", block.ErrCorrupt, len(p))
		}
		n := min(int64(len(p)), v.left)
		if _, err := v.blocks.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
		if v.left -= n; v.left > 0 {
			continue
		}
		if err := v.blocks.End(); err != nil {
			return err
		}
		v.passed += v.lens[v.seg][v.part]
		v.open = false
		v.part++
	}
	return nil
}

// verified is the number of bytes up to the end of the last block that is right.
func (v *verifier) verified() int64 {
	if v.open {
		return v.passed + v.blocks.Passed()
	}
	return v.passed
}

// rewind makes the verifier expect the bytes after verified once more.
func (v *verifier) rewind() {
	if v.open {
		v.blocks.Rewind()
		v.left = v.lens[v.seg][v.part] - v.blocks.Passed()
	}
}
