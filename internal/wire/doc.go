// Package wire is how a program and what started it talk: framed messages over
// a Unix socket that the program inherits.
//
// The starter makes a [Pair], gives one end to the child as an inherited file
// and its number in the environment variable [EnvVar], and sends [Options]
// first. The child answers [Started], then tells of its actions, and [Ended]
// when it is done. The starter may ask it to [Cancel]; when the socket closes
// instead, it has died, and the child cancels too.
//
// A frame is eight bytes of header (version, kind, two zero bytes, the body's
// length in big endian) and a body in msgpack, of which nothing is believed
// before it was checked. Kinds and versions are numbers that keep their meaning.
package wire
