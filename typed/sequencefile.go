package typed

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/rdd/sequencefile"
)

// Writable are the types that stand for Hadoop's classes of keys and values:
// string for Text, []byte for BytesWritable, int32 for IntWritable, int64 for
// LongWritable, float32 for FloatWritable, float64 for DoubleWritable, bool for
// BooleanWritable, struct{} for NullWritable.
type Writable interface {
	~string | ~[]byte | ~int32 | ~int64 | ~float32 | ~float64 | ~bool | ~struct{}
}

// SequenceFile reads Hadoop's SequenceFiles, of version 6: plain ones, and those
// compressed by record or block with DefaultCodec, GzipCodec or ZStandardCodec. path
// is as for TextFile. Files are cut at their markers, small ones packed together;
// pairs are in the order of files, and as they were written. Keys of BytesWritable are
// read as strings, since slices are no keys. Files of other classes than those
// that K and V stand for, with other codecs, and those that are damaged, are errors.
func SequenceFile[K interface {
	comparable
	Writable
}, V Writable](s *Session, path string, opts ...ReadOption) PairRDD[K, V] {
	return PairRDD[K, V]{s, s.files(rdd.SequenceFileOp[K, V](), call(), path, plan.Files{}, opts)}
}

// SaveAsSequenceFile writes the pairs as Hadoop's SequenceFiles in dir, a part for each
// partition. The directory appears as that of SaveAsTextFile. Compress compresses the
// blocks within the files, and they can be cut all the same: "zlib", which is Hadoop's
// DefaultCodec, "gzip" or "zstd".
func SaveAsSequenceFile[K interface {
	comparable
	Writable
}, V Writable](ctx context.Context, p PairRDD[K, V], dir string, opts ...SaveOption) error {
	return newUse(p.s, p.n, rowType{}).saveSequence(ctx, dir, rdd.SaveAsSequenceFileOp[K, V](), opts)
}

func (u *use) saveSequence(ctx context.Context, dir string, op *rdd.Op, opts []SaveOption) error {
	o := newSaving(opts)
	o.op = op
	if o.format != nil {
		return fmt.Errorf("SaveAsSequenceFile (%s): keys and values are written as they are: leave Format out, or save them as text", u.c.Site)
	}
	o.output.Blocks, o.output.Compression = o.output.Compression, ""
	if name := o.output.Blocks; name != "" {
		if _, ok := sequencefile.CodecOf(name); !ok {
			return fmt.Errorf("SaveAsSequenceFile (%s): cannot write compression %q (have zlib, gzip, zstd)", u.c.Site, name)
		}
	}
	return u.save(ctx, dir, o)
}
