// Package model is a package's pipelines as plain data: what the generator
// found in the user's source (gen/scan) and what it writes code from (gen/emit).
//
// There is no go/types in it. Types, constructors and bodies are texts that are
// ready to stand in the generated file: imported packages go by the names in
// [Package.Imports].
package model

import "fmt"

// Package is one package with operator calls.
type Package struct {
	Path   string // import path
	Name   string
	Dir    string // absolute
	Output string // base name of the generated file
	// Constraint is the build constraint of the generated file.
	Constraint string
	RDD        string // the name by which the generated file imports the run time
	Files      []File
	Imports    []Import
	// Ops are the operators. Those before First are in another generated file
	// of the package, which is built wherever this one is.
	Ops     []Op
	First   int
	Kernels []Kernel
	// Generics are the generic functions whose operators are registered for
	// the types that callers ask for, and Calls the registrations of those of
	// other packages, with types.
	Generics []*Generic
	Calls    []string
	Cuts     []Cut
	Notes    []Note
	// Taken are the names that local variables of generated code must not have.
	Taken map[string]bool
}

// File is a source file with operator calls.
type File struct {
	Name   string // base name
	Var    string // the generated variable that embeds it
	Bytes  string // hash of its bytes
	Tokens string // hash of its tokens
}

// Generic is a generic function of the package, whose operators generated code
// has generic code for.
type Generic struct {
	Func   string   // Dedupe, Flow.Size
	Name   string   // of the function that registers them: RddRegisterDedupe
	Params string   // type parameters: K comparable, V any
	Args   string   // their names: K, V
	Calls  []string // registrations of what it uses, with types
}

// Import is a package that generated code may name.
type Import struct{ Name, Path string }

// Pos is a position in the user's source.
type Pos struct {
	File   string // base name
	Line   int
	Column int
}

// String returns file:line.
func (p Pos) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Op is one call of an operator, for one set of type arguments.
type Op struct {
	ID    string
	Name  string // as the user calls it
	Pos   Pos    // of the call's opening parenthesis
	Token int    // ordinal of that parenthesis among the file's tokens
	In    Shape  // of the rows that its function takes
	Out   Shape
	Step  Step // what a kernel does with its function; none for operators without a narrow part
	Ends  End  // how a kernel fills the sink that it may end in
	// EndTypes are the type arguments of that sink.
	EndTypes []Type
	Env      *Type // of the With value
	Ctor     Ctor
	// Batch is the name for the loop over the function, where the constructor
	// takes it.
	Batch string
	Funcs []Func
	// Generic is the function that the operator stands in, if it depends on its
	// type parameters.
	Generic *Generic
}

// Type is a type as the generated file writes it.
type Type string

// Ctor makes the operator: rdd.Name[Types](hoisted functions…).
type Ctor struct {
	Name  string
	Types []Type // written out, where they do not follow from the functions
	Args  []string
	// As is the name that the operator goes by, where the constructor makes
	// it by another.
	As string
	// Func is the index of the function by whose type the operator is found.
	Func int
}

// Kind is the kind of a row.
type Kind uint8

// The kinds of rows.
const (
	Row        Kind = iota // T
	Pair                   // K, V
	Group                  // K and its values V
	Joined                 // K with left L and right R
	CoGrouped              // K with the values V and W of both sides
	CoGrouped3             // K with the values V, W and X of three sides
)

// Shape is the type of a batch's rows: its kind and the types in it.
type Shape struct {
	Kind  Kind
	Types []Type
}

// Takes says what of a row an operator's function is given.
type Takes uint8

// What a function takes.
const (
	TakesNothing  Takes = iota // there is no function
	TakesRow                   // T, or K and V of a pair
	TakesValue                 // V of a pair
	TakesGroup                 // a key and its values
	TakesSides                 // left and right of a joined row
	TakesCoGroup               // a key and the values of both sides
	TakesCoGroup3              // a key and the values of three sides
)

// Gives says what becomes of a function's result.
type Gives uint8

// What a step gives.
const (
	GivesNothing   Gives = iota // the operator is not a step of a kernel
	GivesRow                    // the result is the row
	GivesPair                   // the two results are the pair
	GivesValue                  // the result is the value, the key stays
	GivesKey                    // the result is the key of the row
	GivesSame                   // the row stays if the result is true
	GivesOnlyKey                // the key of a pair
	GivesOnlyValue              // the value of a pair
	GivesSwapped                // the pair with key and value exchanged
	GivesPeeked                 // the row stays, the function has no result
)

// Step is how a kernel applies an operator to a row.
type Step struct {
	Takes Takes
	Gives Gives
	Seq   bool // the result is a sequence of what it gives
	Try   bool // the function's last result is an error
}

// End is how a kernel fills the sink of an operator.
type End uint8

// The ends.
const (
	EndRows     End = iota // there is none: the kernel fills a batch
	EndPairs               // a combiner takes key and value
	EndDistinct            // a combiner takes the row as key
	EndKeyed               // a combiner takes the row under the key that the function gives
	EndOnes                // a combiner counts keys
	EndCount               // an accumulator counts rows
	EndReduce              // an accumulator combines rows
	EndAdd                 // an accumulator is changed by the function
)

// Func is a function that the user gives to an operator.
type Func struct {
	Name   string   // by which a literal is declared
	Call   string   // how kernels call it: that name, strings.FieldsSeq, Sum.Add
	Params []string // its parameters' names, the With value's first; empty where unknown
	Types  []Type   // its parameters' types
	Result []Type
	Body   *Body // of a literal
	// Faster is what kernels may call in its place, with the same results.
	Faster string
}

// Body is a literal that generated code copies.
type Body struct {
	Pos  Pos    // of its keyword
	Text string // what follows the keyword func, already rewritten
	// Bound says that a kernel binds the literal to a local variable: the
	// compiler inlines functions that are called once far beyond its budget.
	Bound bool
}

// Part is an operator in a kernel.
type Part struct {
	Op   int    // index in Package.Ops
	Name string // "" is its function, others are "map", "key"
}

// Kernel is a chain of operators that one function runs.
type Kernel struct {
	Name  string
	Parts []Part
	// Generic is the function that operators of it belong to, if any does.
	Generic *Generic
}

// Cut is a place where a chain could not be followed.
type Cut struct {
	Pos Pos
	Why string
}

// Note is something that -explain tells.
type Note struct {
	Pos  Pos
	Text string
}

// Empty says whether there is nothing to generate.
func (p *Package) Empty() bool {
	return len(p.Ops) == p.First && len(p.Kernels)+len(p.Generics)+len(p.Calls) == 0
}

// Ref is the name under which a kernel is registered for a part.
func (p *Package) Ref(part Part) string {
	if part.Name == "" {
		return p.Ops[part.Op].ID
	}
	return p.Ops[part.Op].ID + "/" + part.Name
}
