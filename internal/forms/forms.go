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
	encode func(any) ([]byte, error)
	decode func([]byte) (any, error)
}

// Of is the form of messages of type *T. Bodies are refused whose message does
// not pass the check; a nil check lets all pass.
func Of[T any](kind byte, check func(*T) bool) Form {
	return Form{kind: kind, typ: reflect.TypeFor[*T](),
		encode: func(m any) ([]byte, error) { return plan.Encode(m.(*T)) },
		decode: func(b []byte) (any, error) { return decode(b, check) },
	}
}

// Value is Of for messages that are values of type T.
func Value[T any](kind byte, check func(*T) bool) Form {
	return Form{kind: kind, typ: reflect.TypeFor[T](),
		encode: func(m any) ([]byte, error) {
			v := m.(T)
			return plan.Encode(&v)
		},
		decode: func(b []byte) (any, error) {
			m, err := decode(b, check)
			if err != nil {
				return nil, err
			}
			return *m, nil
		},
	}
}

func decode[T any](b []byte, check func(*T) bool) (*T, error) {
	m, err := plan.Decode[T](b)
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
	byType map[reflect.Type]Form
	byKind map[byte]Form
}

// NewTable makes a table. Two forms of one kind or type are a mistake of the
// program, and panic.
func NewTable(forms ...Form) *Table {
	t := &Table{byType: map[reflect.Type]Form{}, byKind: map[byte]Form{}}
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
	body, err = f.encode(m)
	return f.kind, body, err
}

// Decode is the reverse of Encode.
func (t *Table) Decode(kind byte, body []byte) (any, error) {
	f, ok := t.byKind[kind]
	if !ok {
		return nil, fmt.Errorf("message of kind %d is none of ours", kind)
	}
	return f.decode(body)
}
