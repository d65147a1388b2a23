package codec

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unsafe"
)

// plan is what compiling a type gives: its column, and a description of the
// layout whose hash is the schema.
type plan struct {
	col  column
	desc string
}

// compiler builds the column of one type.
type compiler struct {
	trail
	seen  map[reflect.Type]*sighting
	level int // of named types not done
}

// sighting is a type met while compiling. Until it is done, the way back to it
// is the column again.
type sighting struct {
	plan  plan
	again *again
	level int
	done  bool
}

func compile(t reflect.Type) (plan, error) {
	c := &compiler{seen: map[reflect.Type]*sighting{}}
	c.push(typeName(t))
	return c.compile(t)
}

func (c *compiler) compile(t reflect.Type) (plan, error) {
	if t.Name() == "" {
		return c.build(t)
	}
	if s := c.seen[t]; s != nil {
		if s.done {
			return s.plan, nil
		}
		return plan{s.again, fmt.Sprintf("level%d", s.level)}, nil
	}
	s := &sighting{again: &again{}, level: c.level}
	c.seen[t] = s
	c.level++
	p, err := c.build(t)
	c.level--
	if err != nil {
		return p, err
	}
	s.again.col, s.plan, s.done = p.col, p, true
	return p, nil
}

var (
	pairType        = reflect.TypeFor[Pair[int, int]]()
	timeType        = reflect.TypeFor[time.Time]()
	binaryMarshal   = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryUnmarshal = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	textMarshal     = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshal   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// build applies the rules of the package comment in their order.
func (c *compiler) build(t reflect.Type) (plan, error) {
	if t.Size() == 0 {
		return plan{zero{}, "0"}, nil
	}
	if t == timeType {
		return plan{instant{}, "time"}, nil
	}
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		if p, ok, err := c.marshaler(t); ok || err != nil {
			return p, err
		}
	}
	if t.Kind() == reflect.Struct && t.ConvertibleTo(timeType) {
		return plan{instant{}, "time"}, nil
	}
	if p, ok := scalar(t.Kind()); ok {
		return p, nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.record(t)
	case reflect.Array:
		return c.array(t)
	case reflect.Slice:
		return c.list(t)
	case reflect.Pointer:
		return c.pointer(t)
	case reflect.Map:
		return c.dict(t)
	case reflect.Interface:
		return c.dynamic(t)
	}
	return plan{}, c.refuse(t, c.leaveOut())
}

func (c *compiler) refuse(t reflect.Type, remedy string) error {
	return &TypeError{Type: t, Path: c.String(), Reason: "cannot be encoded", Remedy: remedy}
}

// isPair reports whether t is a Pair, which a user cannot give methods.
func isPair(t reflect.Type) bool {
	return t.PkgPath() == pairType.PkgPath() && strings.HasPrefix(t.Name(), "Pair[")
}

// scalar returns the column of a kind that needs nothing but the kind.
func scalar(k reflect.Kind) (plan, bool) {
	col := column(nil)
	switch k {
	case reflect.Bool:
		col = boolean{}
	case reflect.Int8, reflect.Uint8:
		col = fixed[uint8]{}
	case reflect.Int16, reflect.Uint16:
		col = fixed[uint16]{}
	case reflect.Int32, reflect.Uint32, reflect.Float32:
		col = fixed[uint32]{}
	case reflect.Int64, reflect.Uint64, reflect.Float64:
		col = fixed[uint64]{}
	case reflect.Int:
		return plan{word[int32](), "int64"}, true
	case reflect.Uint, reflect.Uintptr:
		return plan{word[uint32](), "uint64"}, true
	case reflect.Complex64:
		col = &array{elem: fixed[uint32]{}, size: 4, len: 2}
	case reflect.Complex128:
		col = &array{elem: fixed[uint64]{}, size: 8, len: 2}
	case reflect.String:
		col = text{}
	}
	return plan{col, k.String()}, col != nil
}

// word returns the column of integers as wide as this machine's.
func word[Narrow int32 | uint32]() column {
	if unsafe.Sizeof(uintptr(0)) == 8 {
		return fixed[uint64]{}
	}
	return wide[Narrow]{}
}

// marshaler returns the column of a type with a pair of marshalers.
func (c *compiler) marshaler(t reflect.Type) (plan, bool, error) {
	p := reflect.PointerTo(t)
	if p.Implements(binaryMarshal) && p.Implements(binaryUnmarshal) {
		return plan{&opaque{typ: t, binary: true}, "binary " + t.Name()}, true, c.own(t, binaryMarshal, binaryUnmarshal)
	}
	if _, plain := scalar(t.Kind()); plain {
		return plan{}, false, nil
	}
	if p.Implements(textMarshal) && p.Implements(textUnmarshal) {
		return plan{&opaque{typ: t}, "text " + t.Name()}, true, c.own(t, textMarshal, textUnmarshal)
	}
	return plan{}, false, nil
}

// own makes sure that the methods of t are not those of an embedded field. A
// struct that embeds a time.Time is a marshaler too, of nothing but the time.
func (c *compiler) own(t reflect.Type, methods ...reflect.Type) error {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			continue
		}
		e := f.Type
		if e.Kind() != reflect.Pointer && e.Kind() != reflect.Interface {
			e = reflect.PointerTo(e)
		}
		for _, m := range methods {
			if e.Implements(m) {
				c.push("." + f.Name)
				return &TypeError{Type: f.Type, Path: c.String(), Reason: "cannot be encoded when embedded",
					Remedy: fmt.Sprintf("its %s would stand for the whole %s: give the field a name", m.Method(0).Name, typeName(t))}
			}
		}
	}
	return nil
}

func (c *compiler) record(t reflect.Type) (plan, error) {
	if c.hidden(t) {
		return plan{}, c.refuse(t, c.leaveOut())
	}
	if t.Name() != "" && !isPair(t) {
		c.owner = append(c.owner, t.Name())
		defer func() { c.owner = c.owner[:len(c.owner)-1] }()
	}
	rec := &record{}
	var desc strings.Builder
	desc.WriteString("{")
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		c.push("." + f.Name)
		p, err := c.compile(f.Type)
		if err != nil {
			return plan{}, err
		}
		c.pop()
		desc.WriteString(p.desc + ";")
		rec.add(field{f.Name, f.Offset, p.col})
	}
	if rec.least == 0 {
		return plan{}, c.refuse(t, "it has no field with a name: declare one, or leave it out")
	}
	desc.WriteString("}")
	return plan{rec, desc.String()}, nil
}

// add appends a field, in place of a nested struct its fields.
func (c *record) add(f field) {
	c.least = satAdd(c.least, f.col.min())
	switch col := f.col.(type) {
	case zero:
	case *record:
		for _, in := range col.fields {
			c.fields = append(c.fields, field{f.name + "." + in.name, f.offset + in.offset, in.col})
		}
	default:
		c.fields = append(c.fields, f)
	}
}

// hidden reports whether t is a struct of the standard library with fields that
// are none of our business. A user's own unexported fields travel.
func (c *compiler) hidden(t reflect.Type) bool {
	if !standard(t.PkgPath()) {
		return false
	}
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			return true
		}
	}
	return false
}

// stdRoots are the first elements of import paths of the standard library: a
// user's module may have a path without a dot as well.
const stdRoots = " archive bufio bytes cmp compress container context crypto database debug embed encoding errors" +
	" expvar flag fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp" +
	" runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe uuid vendor weak "

func standard(pkg string) bool {
	root, _, _ := strings.Cut(pkg, "/")
	return root != "" && strings.Contains(stdRoots, " "+root+" ")
}

// elem compiles the type of an element.
func (c *compiler) elem(step string, t reflect.Type) (plan, error) {
	c.push(step)
	p, err := c.compile(t)
	if err == nil {
		c.pop()
	}
	return p, err
}

func (c *compiler) array(t reflect.Type) (plan, error) {
	p, err := c.elem("[]", t.Elem())
	return plan{&array{elem: p.col, size: t.Elem().Size(), len: t.Len()}, fmt.Sprintf("[%d]%s", t.Len(), p.desc)}, err
}

func (c *compiler) list(t reflect.Type) (plan, error) {
	p, err := c.elem("[]", t.Elem())
	return plan{&list{elem: p.col, typ: t, size: t.Elem().Size()}, "[]" + p.desc}, err
}

func (c *compiler) pointer(t reflect.Type) (plan, error) {
	p, err := c.elem("", t.Elem())
	return plan{&pointer{elem: p.col, typ: reflect.SliceOf(t.Elem()), size: t.Elem().Size()}, "*" + p.desc}, err
}

func (c *compiler) dict(t reflect.Type) (plan, error) {
	k, err := c.elem("[key]", t.Key())
	if err != nil {
		return plan{}, err
	}
	v, err := c.elem("[]", t.Elem())
	d := &dict{key: k.col, val: v.col, typ: t, keys: reflect.SliceOf(t.Key()), vals: reflect.SliceOf(t.Elem())}
	switch t.Key().Kind() {
	case reflect.Interface, reflect.Struct, reflect.Array:
		d.check = true
	}
	return plan{d, "map[" + k.desc + "]" + v.desc}, err
}

func (c *compiler) dynamic(t reflect.Type) (plan, error) {
	if !holdable(t) {
		return plan{}, c.refuse(t, "use a concrete type, or name the types it holds with codec.RegisterName")
	}
	return plan{&dynamic{typ: t}, "any"}, nil
}
