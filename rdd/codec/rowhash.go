package codec

import (
	"unsafe"

	"github.com/zeebo/xxh3"
)

// Hasher hashes whole rows of a type, by all that is encoded of them. It is not safe
// for concurrent use. The hashes are the same in all processes of a program, and no
// proof against rows that somebody chose to have the same.
type Hasher struct {
	typ   *Type  // of rows that have to be encoded, or nil
	parts []leaf // of all others: strings, and memory without gaps
	buf   []byte // scratch
}

// Hasher returns a hasher of rows of t.
func (t *Type) Hasher() *Hasher {
	p := &Packer{}
	if !p.flatten(t.col, 0) {
		return &Hasher{typ: t}
	}
	return &Hasher{parts: joined(p.leaves)}
}

// joined brings leaves together that lie side by side.
func joined(leaves []leaf) []leaf {
	parts := leaves[:0]
	for _, l := range leaves {
		if n := len(parts) - 1; n >= 0 && l.size > 0 && parts[n].size > 0 && parts[n].at+uintptr(parts[n].size) == l.at {
			parts[n].size += l.size
			continue
		}
		parts = append(parts, l)
	}
	return parts
}

// Sum makes each of hashes the hash of a row and of what it was, and adds them up. The
// rows begin at first and are stride bytes apart. The error is that of [Type.Append].
func (h *Hasher) Sum(hashes []uint64, first unsafe.Pointer, stride uintptr) (sum uint64, err error) {
	if h.typ != nil {
		return h.encoded(hashes, first, stride)
	}
	if len(h.parts) == 1 { // the most common ones, at once
		switch l := h.parts[0]; l.size {
		case 8:
			for i, x := range hashes {
				sum += foldWord(x, *(*uint64)(at(unsafe.Add(first, l.at), stride, i)))
			}
			return sum, nil
		case 16:
			for i, x := range hashes {
				sum += foldWords(x, at(unsafe.Add(first, l.at), stride, i))
			}
			return sum, nil
		}
	}
	for _, l := range h.parts {
		l.hash(hashes, unsafe.Add(first, l.at), stride)
	}
	for _, x := range hashes {
		sum += x
	}
	return sum, nil
}

// hash makes each of hashes the hash of a part of a row and of what it was.
func (l leaf) hash(hashes []uint64, p unsafe.Pointer, stride uintptr) {
	switch l.size {
	case 0:
		for i, x := range hashes {
			s := *(*string)(at(p, stride, i))
			hashes[i] = foldBytes(x, unsafe.Pointer(unsafe.StringData(s)), len(s))
		}
	case 4:
		for i, x := range hashes {
			hashes[i] = foldWord(x, uint64(*(*uint32)(at(p, stride, i))))
		}
	case 8:
		for i, x := range hashes {
			hashes[i] = foldWord(x, *(*uint64)(at(p, stride, i)))
		}
	case 16:
		for i, x := range hashes {
			hashes[i] = foldWords(x, at(p, stride, i))
		}
	default:
		for i, x := range hashes {
			hashes[i] = foldBytes(x, at(p, stride, i), l.size)
		}
	}
}

func foldWord(hash, word uint64) uint64 { return fold(hash^word^mix1, mix2) }

// foldWords folds the two words at p.
func foldWords(hash uint64, p unsafe.Pointer) uint64 {
	return fold(hash^*(*uint64)(p)^mix1, *(*uint64)(unsafe.Add(p, 8))^mix2)
}

// foldBytes folds n bytes at p, two words at a time, and their number.
func foldBytes(hash uint64, p unsafe.Pointer, n int) uint64 {
	left := n
	for ; left > 16; left -= 16 {
		hash = foldWords(hash, p)
		p = unsafe.Add(p, 16)
	}
	lo, hi := uint64(0), uint64(0)
	switch {
	case left > 8: // words that overlap
		lo, hi = *(*uint64)(p), *(*uint64)(unsafe.Add(p, left-8))
	case left >= 4:
		lo, hi = uint64(*(*uint32)(p)), uint64(*(*uint32)(unsafe.Add(p, left-4)))
	case left > 0:
		lo = uint64(*(*byte)(p)) | uint64(*(*byte)(unsafe.Add(p, left>>1)))<<8 | uint64(*(*byte)(unsafe.Add(p, left-1)))<<16
	}
	return fold(hash^lo^mix1, hi^mix2^uint64(n)*mix0)
}

// encoded is Sum of rows that hold what only their encoding shows.
func (h *Hasher) encoded(hashes []uint64, first unsafe.Pointer, stride uintptr) (sum uint64, err error) {
	for i, x := range hashes {
		if h.buf, err = h.typ.Append(h.buf[:0], Rows{at(first, stride, i), 1}); err != nil {
			return 0, err
		}
		hashes[i] = xxh3.HashSeed(h.buf, x^mix1)
		sum += hashes[i]
	}
	return sum, nil
}
