// Package journal keeps a master's records in a file: what package sched asks for
// with model.Append, in that order.
//
// A directory has one journal, which one process holds by a lock. The file begins
// with a header (magic, version, cluster) and goes on with frames: a marker, the
// length of the payload, a checksum of both, then the payload, which is the
// record's kind, the version of its encoding, the time, and the record in msgpack.
// It is only ever appended to. Appends reach the operating system before they
// return, and the disk too if one of their records asks for it; what is left is
// synced soon after by a goroutine of the journal's own.
//
// What a crash leaves at the end of the file, a frame that is not whole, is cut
// off when the file is opened. A frame that is not whole with whole ones behind it
// is damage: then the file is refused, and Repair is for people who have seen why.
//
// A write or sync that fails is the last one: nobody can say what is on the disk
// then, so nothing is tried again, and the master has to end.
package journal
