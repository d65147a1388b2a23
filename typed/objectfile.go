package typed

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
)

// ObjectFile reads rows that SaveAsObjectFile wrote. path is as for TextFile. Files
// are cut between blocks, small ones packed together; rows are in the order of
// files, and as they were written. Files whose rows are laid out otherwise than T,
// and those that are damaged, are errors.
func ObjectFile[T any](s *Session, path string, opts ...ReadOption) RDD[T] {
	op, c := rdd.ObjectFileOp[T](), call()
	if err := typeOf[T]().err; err != nil {
		c.Err = fmt.Errorf("%s (%s): %w", op.Name, c.Site, err)
	}
	return RDD[T]{s, s.files(op, c, path, plan.Files{}, opts)}
}

// SaveAsObjectFile writes the rows as they are to files in dir, a part for each
// partition, for ObjectFile to read: compressed, with checksums, and so that a
// file can be read in several tasks. Rows of another layout, of a later release of
// the program, cannot be read back: for what is to be kept, text may be better.
// The directory appears as that of SaveAsTextFile; Overwrite is the only option
// that it takes.
func (r RDD[T]) SaveAsObjectFile(ctx context.Context, dir string, opts ...SaveOption) error {
	return newUse(r.s, r.n, typeOf[T]()).saveObjects(ctx, dir, rdd.SaveAsObjectFileOp[T](), opts)
}

// SaveAsObjectFile writes the pairs as they are to files in dir: see
// RDD.SaveAsObjectFile. ObjectFile reads them as rows of type Pair.
func (p PairRDD[K, V]) SaveAsObjectFile(ctx context.Context, dir string, opts ...SaveOption) error {
	return newUse(p.s, p.n, typeOf[Pair[K, V]]()).saveObjects(ctx, dir, rdd.SaveAsObjectFileOp[Pair[K, V]](), opts)
}

func (u *use) saveObjects(ctx context.Context, dir string, op *rdd.Op, opts []SaveOption) error {
	o := newSaving(opts)
	o.op = op
	switch {
	case o.format != nil:
		return fmt.Errorf("SaveAsObjectFile (%s): rows are written as they are: leave Format out, or save them as text", u.c.Site)
	case o.output.Compression != "":
		return fmt.Errorf("SaveAsObjectFile (%s): object files are compressed already: leave Compress out", u.c.Site)
	}
	return u.save(ctx, dir, o)
}
