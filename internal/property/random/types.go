package random

import (
	"fmt"
	"strings"
)

// kind says what can be done with the values of a type.
type kind int

const (
	whole   kind = iota // integers
	decimal             // floats
	text
	truth
	list
	array
	table // map
	pointer
	record
	other // nothing but what every type has
)

// typ is a type of a generated program.
type typ struct {
	name   string // as it is written
	kind   kind
	key    bool // comparable and without pointers
	elem   *typ // of lists, arrays, tables, pointers
	fields []field
}

type field struct {
	name string
	typ  *typ
}

// ordered says whether < is defined.
func (t *typ) ordered() bool { return t.kind == whole || t.kind == decimal || t.kind == text }

var (
	int64Type  = &typ{name: "int64", kind: whole, key: true}
	uint64Type = &typ{name: "uint64", kind: whole, key: true}
	stringType = &typ{name: "string", kind: text, key: true}
	boolType   = &typ{name: "bool", kind: truth, key: true}
)

// drawTypes draws the types of a group. They are few, since every operator is
// compiled for each of their combinations; another group has others.
func (g *generator) drawTypes() {
	g.own = nil
	ints := []string{"int64", "int64", "int", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "uint"}
	basic := []*typ{
		{name: pick(g, ints), kind: whole, key: true},
		{name: "string", kind: text, key: true},
		{name: pick(g, []string{"float64", "float64", "float32"}), kind: decimal, key: true},
		{name: "bool", kind: truth, key: true},
	}
	g.types = shuffle(g, basic[:2+g.IntN(2)+g.IntN(2)])
	if base := pick(g, g.types); g.one(2) {
		g.declare(&typ{name: g.typeName("N"), kind: base.kind, key: true}, base.name)
	}
	for range pick(g, []int{0, 1, 2, 2, 3, 3}) {
		switch g.IntN(6) - 1 {
		case 0, 1:
			g.drawRecord()
		case 2, 3:
			g.drawSpecial()
		default:
			g.types = append(g.types, g.drawCompound())
		}
	}
}

// typeName makes a name for a type.
func (g *generator) typeName(prefix string) string {
	g.serial++
	return fmt.Sprintf("%s%d", prefix, g.serial)
}

// drawSpecial draws a type that the library, its codec or the generator treats
// in a way of its own.
func (g *generator) drawSpecial() {
	elem := pick(g, g.types)
	switch g.IntN(8) {
	case 0:
		g.types = append(g.types, &typ{name: "time.Time", kind: other})
	case 1:
		g.declare(&typ{name: g.typeName("L"), kind: list, elem: elem}, "[]"+elem.name)
	case 2:
		g.declare(&typ{name: g.typeName("M"), kind: table, elem: elem}, "map[string]"+elem.name)
	case 3:
		k := g.keyType()
		g.types = append(g.types, &typ{name: fmt.Sprintf("typed.Pair[%s, %s]", k.name, elem.name), kind: record, key: elem.key,
			fields: []field{{"Key", k}, {"Value", elem}}})
	case 4:
		g.types = append(g.types, &typ{name: "Box[" + elem.name + "]", kind: record, key: elem.key,
			fields: []field{{"N", int64Type}, {"V", elem}}})
	case 5: // a large key
		if elem.kind == array || elem.kind == record {
			elem = stringType
		}
		g.types = append(g.types, &typ{name: fmt.Sprintf("[%d]%s", 20+g.IntN(60), elem.name), kind: array, elem: elem, key: elem.key})
	case 6:
		g.types = append(g.types, &typ{name: "Coded", kind: other, key: true})
	default:
		g.types = append(g.types, &typ{name: "complex128", kind: other})
	}
}

// envType draws the type of a With value.
func (g *generator) envType() *typ {
	if !g.one(3) {
		return g.anyType()
	}
	elem := g.anyType()
	return pick(g, []*typ{
		{name: "[]" + elem.name, kind: list, elem: elem},
		{name: "map[string]" + elem.name, kind: table, elem: elem},
		{name: "struct{ A " + elem.name + "; B []string }", kind: record, fields: []field{{"A", elem}}},
		{name: "*" + elem.name, kind: pointer, elem: elem},
	})
}

func (g *generator) declare(t *typ, as string) {
	g.own = append(g.own, fmt.Sprintf("type %s %s", t.name, as))
	g.types = append(g.types, t)
}

// drawCompound draws a type without a name.
func (g *generator) drawCompound() *typ {
	elem := pick(g, g.types)
	switch g.IntN(6) {
	case 0, 1:
		return &typ{name: "[]" + elem.name, kind: list, elem: elem}
	case 2:
		return &typ{name: "*" + elem.name, kind: pointer, elem: elem}
	case 3:
		k := pick(g, g.types)
		if !k.key || k.kind != whole && k.kind != text && k.kind != truth { // a map with a NaN in it cannot be read by key
			k = stringType
		}
		return &typ{name: fmt.Sprintf("map[%s]%s", k.name, elem.name), kind: table, elem: elem}
	default:
		return &typ{name: fmt.Sprintf("[%d]%s", g.IntN(4), elem.name), kind: array, elem: elem, key: elem.key}
	}
}

// drawRecord draws a struct, with fields that are exported and not, embedded,
// or of the struct itself.
func (g *generator) drawRecord() {
	t := &typ{name: g.typeName("S"), kind: record, key: true}
	comparable := g.one(2)
	var b strings.Builder
	b.WriteString("struct {\n")
	for j := range g.IntN(5) {
		ft := pick(g, g.types)
		if comparable && !ft.key {
			ft = stringType
		}
		if !comparable && g.one(4) {
			ft = g.drawCompound()
		}
		if g.one(4) {
			ft = g.such(func(t *typ) bool { return t.kind == record && (t.key || !comparable) })
		}
		name := fmt.Sprintf("%s%d", pick(g, []string{"F", "F", "f"}), j)
		if ft.kind == record && g.one(2) && strings.HasPrefix(ft.name, "S") && !strings.Contains(b.String(), "\n"+ft.name+"\n") {
			name = ft.name
			fmt.Fprintf(&b, "%s\n", ft.name)
		} else {
			fmt.Fprintf(&b, "%s %s\n", name, ft.name)
		}
		t.key = t.key && ft.key
		t.fields = append(t.fields, field{name, ft})
	}
	if !comparable && g.one(4) {
		fmt.Fprintf(&b, "Next *%s\n", t.name)
		t.key = false
		t.fields = append(t.fields, field{"Next", &typ{name: "*" + t.name, kind: pointer, elem: t}})
	}
	if len(t.fields) > 0 && g.one(6) {
		b.WriteString("_ int32\n")
	}
	b.WriteString("}")
	g.declare(t, b.String())
	if len(t.fields) > 0 {
		f := pick(g, t.fields)
		g.own = append(g.own, fmt.Sprintf("func (s %s) Get() %s { return s.%s }", t.name, f.typ.name, f.name))
		t.fields = append(t.fields, field{"Get()", f.typ})
	}
}

// such gives a type that ok says yes to; there must be one among the first.
func (g *generator) such(ok func(*typ) bool) *typ {
	for range 20 {
		if t := pick(g, g.types); ok(t) {
			return t
		}
	}
	return stringType
}

func (g *generator) anyType() *typ { return pick(g, g.types) }
func (g *generator) keyType() *typ { return g.such(func(t *typ) bool { return t.key }) }
