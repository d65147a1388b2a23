// Package forms encodes closed sets of messages: each has a number that keeps its
// meaning, a body in msgpack, and a check of what a body may say. Nothing of a
// body is believed before it was checked.
package forms

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/gordd-project/gordd/rdd/plan"
)

// ErrRange is wrapped by the error for a body with a number that is none of its
// kind's.
var ErrRange = errors.New("a number is none of its kind's")

// Form is how the messages of one type travel.
type Form struct {
	kind   byte
	typ    reflect.Type
	encode func(m any, most int) ([]byte, error)
	decode func(b []byte, most int) (any, error)
}

// Of is the form of messages of type *T. Bodies are refused whose message does
// not pass the check; a nil check lets all pass.
func Of[T any](kind byte, check func(*T) bool) Form {
	return Form{kind: kind, typ: reflect.TypeFor[*T](),
		encode: func(m any, most int) ([]byte, error) { return plan.EncodeWithin(m.(*T), most) },
		decode: func(b []byte, most int) (any, error) { return decode(b, most, check) },
	}
}

// Value is Of for messages that are values of type T.
func Value[T any](kind byte, check func(*T) bool) Form {
	return Form{kind: kind, typ: reflect.TypeFor[T](),
		encode: func(m any, most int) ([]byte, error) {
			v := m.(T)
			return plan.EncodeWithin(&v, most)
		},
		decode: func(b []byte, most int) (any, error) {
			m, err := decode(b, most, check)
			if err != nil {
				return nil, err
			}
			return *m, nil
		},
	}
}

func decode[T any](b []byte, most int, check func(*T) bool) (*T, error) {
	m, err := plan.DecodeWithin[T](b, most)
	if err != nil {
		return nil, err
	}
	if check != nil && !check(m) {
		return nil, fmt.Errorf("decode %T: %w", m, ErrRange)
	}
	return m, nil
}

// Table is a closed set of forms.
type Table struct {
	most   int // bytes of a body
	byType map[reflect.Type]Form
	byKind map[byte]Form
}

// NewTable makes a table of forms with bodies of at most so many bytes. Two forms of
// one kind or type are a mistake of the program, and panic.
func NewTable(most int, forms ...Form) *Table {
	t := &Table{most: most, byType: map[reflect.Type]Form{}, byKind: map[byte]Form{}}
	for _, f := range forms {
		if t.Has(f.kind) || t.byType[f.typ].typ != nil {
			panic(fmt.Sprintf("forms: kind %d or type %s is there twice", f.kind, f.typ))
		}
		t.byType[f.typ], t.byKind[f.kind] = f, f
	}
	return t
}

// Has says whether there is a form of a kind.
func (t *Table) Has(kind byte) bool { return t.byKind[kind].typ != nil }

// Types lists the types of the table's messages, in no order.
func (t *Table) Types() []reflect.Type {
	var all []reflect.Type
	for typ := range t.byType {
		all = append(all, typ)
	}
	return all
}

// Encode gives a message's kind and body.
func (t *Table) Encode(m any) (kind byte, body []byte, err error) {
	f, ok := t.byType[reflect.TypeOf(m)]
	if !ok {
		return 0, nil, fmt.Errorf("%T is no message", m)
	}
	body, err = f.encode(m, t.most)
	return f.kind, body, err
}

// Decode is the reverse of Encode.
func (t *Table) Decode(kind byte, body []byte) (any, error) {
	f, ok := t.byKind[kind]
	if !ok {
		return nil, fmt.Errorf("message of kind %d is none of ours", kind)
	}
	return f.decode(body, t.most)
}
