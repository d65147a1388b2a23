package rdd

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// same and pair stand for what is generated of a generic helper.
func same[T any](t T) T { return t }

func registerSame[T any](again *int) {
	p := RegisterInstance("Same", (func(T))(nil))
	if p == nil {
		*again++
		return
	}
	p.Op("map", "a.go", 4, 5, MapOp(same[T]))
	p.Op("count", "a.go", 4, 9, CountOp[T]())
	p.Op("fixed", "a.go", 4, 13, MapOp(func(n int) int { return n }).Named("Fixed"))
	p.Kernel(func(*Task, []any, any, any) {}, "map", "count")
	p.Kernel(func(*Task, []any, any, any) {}, "elsewhere", "map/key")
	registerSame[T](again) // as recursive helpers do
}

func TestInstancesAreRegisteredForTheirTypes(t *testing.T) {
	ids := map[string]plan.OpID{}
	for range 2 { // another process comes to the same
		withRegistry(t)
		again := 0
		registerSame[int](&again)
		registerSame[string](&again)
		registerSame[int](&again)
		if again != 3 {
			t.Errorf("%d registrations were made before, want 3", again)
		}
		for name, op := range map[string]*Op{
			"map int": MapOp(same[int]), "map string": MapOp(same[string]), "count int": CountOp[int](), "count string": CountOp[string](),
			"fixed": MapOp(same[int]).Named("Fixed"),
		} {
			id, _, ok := registered.find(thisDir(), at("a.go", 4), op)
			if !ok || ids[name] != "" && ids[name] != id || !strings.HasPrefix(string(id), strings.Fields(name)[0]+"-") {
				t.Errorf("%s is %s, and was %s", name, id, ids[name])
			}
			ids[name] = id
		}
	}
	if _, _, ok := registered.find(thisDir(), at("a.go", 4), MapOp(same[bool])); ok {
		t.Error("found an instance that nobody registered")
	}
	for _, of := range []string{"int", "string"} {
		for _, refs := range []plan.OpID{ids["map "+of] + "\n" + ids["count "+of], "elsewhere\n" + ids["map "+of] + "/key"} {
			if _, ok := registered.kernel(string(refs)); !ok {
				t.Errorf("no kernel for %q", refs)
			}
		}
	}
}

// TestAPackagesOwnInstanceCounts registers one that the package has generated
// code for itself.
func TestAPackagesOwnInstanceCounts(t *testing.T) {
	withRegistry(t)
	p := Register()
	p.Op("own", "a.go", 4, 5, MapOp(same[int]))
	ran := ""
	p.Kernel(func(*Task, []any, any, any) { ran = "own" }, "own")
	in := RegisterInstance("Same", (func(int))(nil))
	in.Op("map", "a.go", 4, 5, MapOp(same[int]))
	in.Kernel(func(*Task, []any, any, any) { ran = "instance" }, "map")
	if id, _, _ := registered.find(thisDir(), at("a.go", 4), MapOp(same[int])); id != "own" {
		t.Errorf("got %s", id)
	}
	k, ok := registered.kernel("own")
	if !ok {
		t.Fatal("no kernel")
	}
	if k(nil, nil, nil, nil); ran != "own" {
		t.Errorf("ran that of %s", ran)
	}
}

// TestMovedInstance moves the lines of a helper whose instance another package
// registers.
func TestMovedInstance(t *testing.T) {
	withRegistry(t)
	hash, _ := HashTokens(source1)
	Register().Source("a.go", "// A comment.\n"+source1, HashBytes(source1), hash)
	in := RegisterInstance("run", (func(int))(nil))
	in.Op("map", "a.go", 4, ordinal(source1, strings.Index(source1, "(double")), MapOp(same[int]))
	if _, _, ok := registered.find(thisDir(), at("a.go", 5), MapOp(same[int])); !ok {
		t.Error("not found where it is now")
	}
}

func TestUnregisteredInstances(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(helper, caller *Package)
		file  string
		want  string
		stale bool
	}{
		{"the caller changed", func(_, caller *Package) { caller.Source("main.go", "package p", HashBytes("package q"), "") }, "a.go",
			"main.go changed since go generate", true},
		{"the caller was not generated", func(_, _ *Package) {}, "a.go",
			"Map (a.go:4) stands in a generic function of rdd, and the package that calls it was not generated with these types (func(int) int): plain closures are run", false},
		{"a new file", func(_, _ *Package) {}, "b.go", "Map (b.go:4) was not there at go generate", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			withRegistry(t)
			helper := Register()
			helper.Source("a.go", source1, HashBytes(source1), "")
			caller := registered.packageOf("/elsewhere/main_rdd.go")
			test.setup(helper, caller)
			_, unfit := NewGraph(GraphOptions{}).generated(MapOp(same[int]), Call{Dir: thisDir(), Site: at(test.file, 4)})
			if unfit == nil || unfit.Stale != test.stale || !strings.HasPrefix(unfit.Error(), test.want) {
				t.Errorf("got %v, want %s", unfit, test.want)
			}
		})
	}
	if got := shown(CountOp[int8]()); got != "int8" {
		t.Errorf("got %s", got)
	}
	if got := shown(TextOp()); got != "none" {
		t.Errorf("got %s", got)
	}
}

type generic[T any] struct{ T T }

func TestTypeID(t *testing.T) {
	const here = "github.com/gordd-project/gordd/rdd."
	tests := []struct {
		typ  reflect.Type
		want string
	}{
		{nil, ""},
		{reflect.TypeFor[int](), ".int"},
		{reflect.TypeFor[error](), ".error"},
		{reflect.TypeFor[Registry](), here + "Registry"},
		{reflect.TypeFor[*plan.Op](), "*github.com/gordd-project/gordd/rdd/plan.Op"},
		{reflect.TypeFor[generic[plan.Op]](), here + "generic[github.com/gordd-project/gordd/rdd/plan.Op]"},
		{reflect.TypeFor[[]map[string][3]bool](), "[]map[.string][3].bool"},
		{reflect.TypeFor[chan<- chan int](), "chan<-(chan(.int))"},
		{reflect.TypeFor[chan (<-chan int)](), "chan(<-chan(.int))"},
		{reflect.TypeFor[func(int, ...string) error](), "func(.int,[].string...)(.error)"},
		{reflect.TypeFor[func(int, []string) error](), "func(.int,[].string)(.error)"},
		{reflect.TypeFor[struct {
			plan.Op
			a int `tag:"t"`
		}](), `struct{ Op true github.com/gordd-project/gordd/rdd/plan.Op "";github.com/gordd-project/gordd/rdd a false .int "tag:\"t\"";}`},
		{reflect.TypeFor[interface{ M(int) }](), "interface{ M func(.int)();}"},
		{reflect.TypeFor[any](), "interface{}"},
	}
	var all []string
	for _, test := range tests {
		got := typeID(test.typ)
		if got != test.want {
			t.Errorf("%v: got %s, want %s", test.typ, got, test.want)
		}
		all = append(all, instanceID("x", test.typ))
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != len(tests) {
		t.Error("two types have one ID")
	}
}
