package rdd

import (
	"unsafe"

	"github.com/gordd-project/gordd/storage"
)

var (
	wholeFiles = builtin(wholeFilesOp("WholeTextFiles", func(t *Task, p storage.Part) (string, error) {
		b, err := storage.ReadWhole(t, p, maxWhole)
		return unsafe.String(unsafe.SliceData(b), len(b)), err // nobody else has b
	}))
	binaryFiles = builtin(wholeFilesOp("BinaryFiles", func(t *Task, p storage.Part) ([]byte, error) {
		p.Compression = "" // the bytes as they are stored
		return storage.ReadWhole(t, p, maxWhole)
	}))
)

// maxWhole is the largest file that becomes one row.
const maxWhole = 1 << 30

// WholeFilesOp is the source of whole files, as pairs of path and text.
func WholeFilesOp() *Op { return wholeFiles }

// BinaryFilesOp is the source of whole files, as pairs of path and bytes.
func BinaryFilesOp() *Op { return binaryFiles }

// wholeFilesOp makes a row of each file of a split, one at a time, so that no more
// than one is in memory for it.
func wholeFilesOp[V string | []byte](name string, read func(*Task, storage.Part) (V, error)) *Op {
	return one(name, nil, &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		return func(feed Feed) error {
			out := &Rows[Pair[string, V]]{Rows: make([]Pair[string, V], 1)}
			for i, part := range in.split.Parts {
				content, err := read(t, part)
				if err != nil {
					return err
				}
				t.counters.BytesRead += int64(len(content))
				out.Rows[0] = Pair[string, V]{Key: part.Path, Value: content}
				out.where = plain(i)
				if !feed(out) {
					return nil
				}
			}
			return nil
		}, nil
	}})
}
