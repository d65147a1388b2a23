// Package codec turns batches of rows into bytes and back, column by column.
//
// One batch format serves shuffle blocks, cached blocks, results and the values
// that travel with a plan. A [Type] is compiled from a row type by reflection the
// first time it is asked for; rows are then encoded without reflection, a column
// at a time. Rows of a struct are split into one column per field, so that
// fixed-width fields are packed and all strings of a column cost one allocation
// when they are read. A Type handles [Rows], a slice whose type only it knows, so
// that its code is compiled once and not for every row type of a program.
//
//	typ, err := codec.TypeOf[codec.Pair[string, int64]]()
//	bytes, err := typ.Append(nil, codec.RowsOf(pairs))
//	buf := typ.NewBuffer(0)
//	rest, err := typ.Decode(buf, bytes, len(pairs))
//	pairs = codec.Slice[codec.Pair[string, int64]](buf.Rows())
//
// The number of rows is not written: whoever frames a batch keeps it. A batch
// of no rows is no bytes.
//
// # Format
//
// A run is n values of one type, n known beforehand. Integers are little
// endian, uvarint is that of encoding/binary. A run of
//
//   - bool is n bytes, 0 or 1;
//   - int8 … int64, uint8 … uint64, float32, float64 is n values of that width;
//     int, uint and uintptr are 8 bytes, sign extended where narrower;
//     complex64 and complex128 are n times the real, then the imaginary part;
//   - string is n uvarint lengths, then the bytes of all n strings;
//   - a slice is n uvarints, 0 for nil and length+1 otherwise, then for each
//     row one run of its elements (rows without elements write nothing).
//     []byte is no exception;
//   - an array is for each row one run of its elements;
//   - a pointer is n bytes, 0 for nil and 1 otherwise, then for each pointer
//     that is not nil a run of one value;
//   - a map is n uvarints, 0 for nil and length+1 otherwise, then for each row
//     that has entries a run of its keys and a run of its values. Keys are in
//     the order of their bytes when encoded alone, as a run of one;
//   - a struct is for each field in order of declaration, exported or not, the
//     run of that field over all n rows. Fields named _ are left out. Nothing
//     separates the fields, so a nested struct reads as if it were flat;
//   - time.Time, and types declared as one, is n times: 8 bytes of seconds since
//     1970, 4 bytes of nanoseconds, 4 bytes of offset east of UTC in seconds,
//     the least int32 standing for UTC itself. The monotonic clock is dropped;
//     another zone keeps its offset, not its name;
//   - a type with its own MarshalBinary and UnmarshalBinary, on it or on its
//     pointer, is n times: uvarint length, then what MarshalBinary returned.
//     MarshalText and UnmarshalText are second choice, except for the kinds
//     bool, numbers and string, which travel as they are;
//   - an interface is n times: 0 for nil, otherwise uvarint length+1 of the name
//     given to [RegisterName], the name, and a run of one value of that type;
//   - a type of size zero is nothing.
//
// The rules are tried in this order: size zero, time.Time, binary pair, text
// pair, types declared as a time.Time, kind. Pointers and interfaces go by kind
// at once: a *T with a marshaler is a pointer to a T with one.
//
// # What cannot travel
//
// Functions, channels, unsafe pointers, structs of the standard library with
// unexported fields and no marshaler (sync.Mutex), interfaces no registered type
// implements, and structs whose marshaler may come from an embedded field, which
// would silently drop the others. TypeOf answers with a [*TypeError] that names the
// field.
//
// Types may be recursive through pointers, slices, maps and interfaces, and
// values may nest 1,000 levels deep; beyond that Append and Decode return
// an error. A value reached by two pointers travels twice.
//
// # Hostile bytes
//
// Decode never reads past its input, and compares every count with the fewest
// bytes that many values can take before it allocates for them. What remains is
// the difference between a value in memory and its shortest encoding: at worst
// 16 bytes for the one byte of an empty string, 24 for that of a nil slice, and
// the size of an empty map. Slices of elements of size zero are at most 1<<20
// long. Bytes that are not an encoding give an error that is [ErrCorrupt];
// whether they are the right ones is for checksums and the schema to say.
package codec
