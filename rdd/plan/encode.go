package plan

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// MaxEncoded is the largest encoded plan or message of this package.
const MaxEncoded = 16 << 20

// ErrTooLarge is wrapped by the error for a plan beyond MaxEncoded.
var ErrTooLarge = errors.New("too large")

// Encode returns v, a value of this package, in msgpack.
func Encode[T any](v *T) ([]byte, error) { return EncodeWithin(v, MaxEncoded) }

// EncodeWithin is Encode with another limit, for what no peer sends.
func EncodeWithin[T any](v *T, most int) ([]byte, error) {
	b, err := msgpack.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if len(b) > most {
		return nil, fmt.Errorf("encode %T: %d bytes: %w: the most is %d", v, len(b), ErrTooLarge, most)
	}
	return b, nil
}

// Decode reads what Encode wrote. It refuses bytes that could cost far more
// than their length: too many, nested too deeply, or announcing more than they
// hold.
func Decode[T any](b []byte) (*T, error) { return DecodeWithin[T](b, MaxEncoded) }

// DecodeWithin is Decode with another limit.
func DecodeWithin[T any](b []byte, most int) (*T, error) {
	v := new(T)
	if len(b) > most {
		return nil, fmt.Errorf("decode %T: %d bytes: %w: the most is %d", v, len(b), ErrTooLarge, most)
	}
	if err := Check(b); err != nil {
		return nil, fmt.Errorf("decode %T: %w", v, err)
	}
	dec := msgpack.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(v); err != nil {
		return nil, fmt.Errorf("decode %T: %w", v, err)
	}
	return v, nil
}
