package codec

import (
	"reflect"
	"unsafe"
)

// PairType is what code has to know of rows that are a [Pair]: their type, those
// of keys and values, and where in a row the value is. The key is at its front.
type PairType struct {
	*Type
	Key, Value *Type
	ValueAt    uintptr
}

// PairTypeOf returns the type of pairs of K and V. The error is a [*TypeError].
func PairTypeOf[K, V any]() (PairType, error) {
	return pairOf((*Pair[K, V])(nil), moveRows[Pair[K, V]], moveRows[K], moveRows[V])
}

func pairOf(pointer any, pair, key, value move) (PairType, error) {
	t := reflect.TypeOf(pointer).Elem()
	if p, ok := pairTypes.Load(t); ok {
		return p.(PairType), nil
	}
	row, err := compileType(t, pair)
	if err != nil {
		return PairType{}, err
	}
	k, err := compileType(t.Field(0).Type, key)
	if err != nil {
		return PairType{}, err
	}
	v, err := compileType(t.Field(1).Type, value)
	if err != nil {
		return PairType{}, err
	}
	p := PairType{Type: row, Key: k, Value: v, ValueAt: t.Field(1).Offset}
	pairTypes.Store(t, p)
	return p, nil
}

// ValueOf returns the value of a row.
func (p PairType) ValueOf(row unsafe.Pointer) unsafe.Pointer { return unsafe.Add(row, p.ValueAt) }
