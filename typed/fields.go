package typed

import (
	"iter"

	"github.com/gordd-project/gordd/rdd"
)

// Fields splits s around runs of white space, with exactly the results of
// strings.FieldsSeq, and faster: it looks at eight bytes at a time.
func Fields(s string) iter.Seq[string] { return rdd.Fields(s) }

// Columns cuts s at every sep, as strings.Split does, and sets columns to the parts,
// as many as there is room for; what is left of columns becomes "". It returns how
// many parts it set. It takes no memory, and less than half the time that cutting off
// one part after another does.
func Columns(s string, sep byte, columns []string) int { return rdd.Columns(s, sep, columns) }

// ParseFloat is strconv.ParseFloat for 64 bits, with exactly its results, in a third of
// the time for numbers of some fifteen digits without an exponent.
func ParseFloat(s string) (float64, error) { return rdd.ParseFloat(s) }
