package diag

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is an entry of the catalogue: something that is found in users' code.
type Kind struct {
	ID      string // RDD101: never used for anything else
	Warning bool   // generation goes on
	Title   string // one line
	// Wording and Remedy are formats of the same arguments, named by index.
	Wording string
	Remedy  string
	// Args are the names of the arguments, for documentation.
	Args []string
	// Why says what goes wrong otherwise, in a sentence or two.
	Why string
}

// Message words a finding.
func (k *Kind) Message(args ...any) string { return fmt.Sprintf(k.Wording+": "+k.Remedy, args...) }

// Form is the message with the names of its arguments in angle brackets.
func (k *Kind) Form() string {
	args := make([]any, len(k.Args))
	for i, name := range k.Args {
		args[i] = "<" + name + ">"
	}
	return k.Message(args...)
}

// Kinds is the catalogue, in order of the IDs.
func Kinds() []*Kind {
	all := slices.Clone(catalogue)
	slices.SortFunc(all, func(a, b *Kind) int { return strings.Compare(a.ID, b.ID) })
	return all
}

var catalogue []*Kind

// entry adds a kind to the catalogue.
func entry(k Kind) *Kind {
	catalogue = append(catalogue, &k)
	return &k
}

func args(names ...string) []string { return names }

// What functions take along.
var (
	Captures = entry(Kind{
		ID: "RDD101", Title: "a function captures a variable", Args: args("operator", "variable", "type", "remedy"),
		Wording: "function of %[1]s captures %[2]s (%[3]s)", Remedy: "%[4]s",
		Why: "A function runs on workers, where the variables of the driver are not. With encodes the value and sends it along; the function takes it as its first parameter.",
	})
	Assigns = entry(Kind{
		ID: "RDD102", Title: "a function assigns a variable of the driver", Args: args("variable", "function"),
		Wording: "%[1]s is assigned inside %[2]s: workers change a copy", Remedy: "count with a typed.Counter in With, or give it as a result of an action: Reduce, Aggregate or Count",
		Why: "The assignment is made in a worker, by several tasks at once, and is lost. Only results come back, and what is added to accumulators. A package variable that is filled once, by sync.Once or its like, or under a lock, and read by the same code is a cache, which is fine.",
	})
	MethodValue = entry(Kind{
		ID: "RDD103", Title: "a method value carries its receiver", Args: args("method value", "receiver", "type", "value", "method expression"),
		Wording: "method value %[1]s carries its receiver %[2]s (%[3]s)", Remedy: "use With(%[4]s) and %[5]s",
		Why: "The receiver of a method value is captured like a variable. With sends it, and the method expression takes it as its first argument.",
	})
	UnknownFunction = entry(Kind{
		ID: "RDD104", Title: "a function is not known when generating", Args: args("expression"),
		Wording: "function value %[1]s is not known when generating", Remedy: "pass a literal or a named function",
		Why: "Workers run what was generated. Which function a variable or a call gives is known only when the program runs.",
	})
	NotCalled = entry(Kind{
		ID: "RDD105", Title: "an operator is not called where it stands", Args: args("operator", "use"),
		Wording: "%[1]s %[2]s: generated code cannot follow it", Remedy: "call it",
		Why: "An operator that is deferred, started with go or used as a value has no call at a line by which the run time could find its code.",
	})
	StageInStage = entry(Kind{
		ID: "RDD109", Title: "stage code uses an RDD", Args: args("operator", "use"),
		Wording: "function of %[1]s %[2]s: stages cannot start stages", Remedy: "join, or collect and use With",
		Why: "Functions run in tasks. RDDs, sessions and their operators belong to the driver.",
	})
	FormatAway = entry(Kind{
		ID: "RDD118", Title: "typed.Format stands outside of an action's call",
		Wording: "typed.Format stands outside of SaveAsTextFile: its function is not known when generating", Remedy: "write it in the call",
		Why: "The function that writes rows is stage code of the action that it is given to.",
	})
)

// What the run time and generated code could not tell apart or name.
var (
	SameLine = entry(Kind{
		ID: "RDD106", Title: "two operators of one name on one line", Args: args("operator"),
		Wording: "two %[1]s of the same type on one line", Remedy: "put each on its own line",
		Why: "A call is known at run time by its file, line, operator and function type.",
	})
	LocalType = entry(Kind{
		ID: "RDD107", Title: "a type is declared inside a function", Args: args("type"),
		Wording: "%[1]s (type) is declared inside a function: generated code cannot name it", Remedy: "declare it at package level",
		Why: "Generated code stands beside the function, where the type is not in scope.",
	})
	HiddenParameter = entry(Kind{
		ID: "RDD108", Title: "instances of a generic helper look alike", Args: args("operator", "type parameters", "remedy"),
		Wording: "function of %[1]s depends on type parameter %[2]s, which its type does not show: instances cannot be told apart",
		Remedy:  "let it show: %[3]s",
		Why: "All instances of a generic function have the same lines; only the function's type tells their operators apart at run time. " +
			"A value of With is the function's first parameter, so that its type becomes part of the function's: any value will do, and the function need not use it. " +
			"A type parameter that is in the type of the rows, or of a result, shows already.",
	})
	UnexportedType = entry(Kind{
		ID: "RDD112", Title: "a type is not exported by its package", Args: args("type", "package"),
		Wording: "%[1]s (type) is not exported by package %[2]s: generated code cannot name it", Remedy: "export it, or use another type",
		Why: "Generated code stands in the package with the operators, and writes out the types of rows.",
	})
	UsesC = entry(Kind{
		ID: "RDD132", Title: "a literal uses C", Args: args("operator"),
		Wording: "the literal given to %[1]s uses package C: generated code cannot name what is in it", Remedy: "declare the function at package level, and pass its name",
		Why: "The body of a literal is copied to the generated file, which does not import C. A declared function stays where it is: instead of Map(func(n int64) int64 { return int64(C.twice(C.int(n))) }) write Map(twice), and declare func twice(n int64) int64 { return int64(C.twice(C.int(n))) }.",
	})
	DeclaredName = entry(Kind{
		ID: "RDD130", Title: "a package declares a predeclared name", Args: args("name"),
		Wording: "package declares %[1]s, which generated code needs", Remedy: "rename it",
		Why: "In the package's scope the name means the package's own.",
	})
)

// What can travel.
var (
	NotEncodable = entry(Kind{
		ID: "RDD111", Title: "an element type cannot be encoded", Args: args("type", "reason", "remedy"),
		Wording: "element type %[1]s: %[2]s", Remedy: "%[3]s",
		Why: "Rows are encoded when they go from one task to another. Functions and channels have no encoding, and fields that another package hides cannot be read.",
	})
	UnknownConcrete = entry(Kind{
		ID: "RDD113", Title: "an element type has an interface of unknown types", Args: args("type", "reason"),
		Wording: "element type %[1]s: %[2]s", Remedy: "use a concrete type, or register them with codec.RegisterName",
		Why: "A decoder must know which types it may make for an interface.",
	})
	FloatKey = entry(Kind{
		ID: "RDD114", Warning: true, Title: "a key holds floating-point numbers", Args: args("what"),
		Wording: "%[1]s: all NaN are one key, and sums that should be equal may not be", Remedy: "key by an integer or string",
		Why: "Results of floating-point arithmetic differ in the last bits where one would call them equal, and make two keys.",
	})
	PointerKey = entry(Kind{
		ID: "RDD115", Title: "a key holds a pointer", Args: args("type", "path", "remedy"),
		Wording: "key type %[1]s contains pointer %[2]s: addresses differ between workers", Remedy: "%[3]s",
		Why: "Two workers never agree on an address, so equal keys would not meet.",
	})
	NoText = entry(Kind{
		ID: "RDD128", Title: "rows have no text form", Args: args("type", "remedy"),
		Wording: "values of type %[1]s have no text form", Remedy: "%[2]s",
		Why: "SaveAsTextFile writes strings and bytes as they are, numbers and booleans as strconv does, and what has MarshalText by that; a pair is key, tab, value. How anything else should look it cannot know.",
	})
	EnvCannotTravel = entry(Kind{
		ID: "RDD116", Title: "a With value cannot travel", Args: args("reason"),
		Wording: "With: %[1]s", Remedy: "open or make it inside MapPartitions, or send what it is made from",
		Why: "The value of With is encoded and sent to every worker.",
	})
	SharedAccumulator = entry(Kind{
		ID: "RDD129", Title: "an accumulator is where tasks cannot have their own", Args: args("accumulator"),
		Wording: "With: accumulator %[1]s is behind a pointer, slice, map or array, which tasks share", Remedy: "make it the With value, or a field of it",
		Why: "A value of With is decoded once in a worker, for all tasks there. Each of them gets a copy of its own with accumulators of its own, and a copy shares what is behind pointers, slices and maps.",
	})
	InterfaceKey = entry(Kind{
		ID: "RDD117", Title: "a key holds an interface", Args: args("type", "path"),
		Wording: "key type %[1]s contains interface %[2]s: its values have no common order or hash", Remedy: "key by a concrete type",
		Why: "Partitioning and sorting need one hash and one order for all keys.",
	})
)

// What differs in a worker.
var (
	ProcessState = entry(Kind{
		ID: "RDD119", Title: "stage code reads arguments or environment", Args: args("what", "code", "reason", "remedy"),
		Wording: "%[1]s is read by %[2]s: workers have %[3]s", Remedy: "%[4]s",
		Why: "A worker is another process, started by an agent with other arguments and another environment.",
	})
	ChangedVariable = entry(Kind{
		ID: "RDD120", Title: "stage code reads a package variable that changes", Args: args("variable", "change", "place", "code", "remedy"),
		Wording: "package variable %[1]s is %[2]s (%[3]s) and read by %[4]s: workers see its initial value", Remedy: "%[5]s",
		Why: "A worker runs the package's initialization, not main: what is changed later is not changed there. Functions of the module that stage code calls are looked into, in other packages too.",
	})
	NoInstance = entry(Kind{
		ID: "RDD121", Warning: true, Title: "no code for an instance of a generic helper", Args: args("function", "reason", "remedy"),
		Wording: "no code can be generated for %[1]s: %[2]s; its operators run as plain closures, which a cluster refuses",
		Remedy:  "%[3]s",
		Why:     "The code of a generic helper is generated in its package, and registered for types by the packages that call it. They must be able to name the types and to find the code, and the run time to tell the instances apart.",
	})
	Indeterminate = entry(Kind{
		ID: "RDD122", Warning: true, Title: "rows differ when a task runs again", Args: args("operator", "what", "remedy"),
		Wording: "results of the function of %[1]s depend on %[2]s: they differ when a task runs again", Remedy: "%[3]s",
		Why: "Tasks are run again when a worker is lost, and sometimes twice at once. Results must not depend on which run counts. The order of rows may differ; what is in them may not.",
	})
	Apart = entry(Kind{
		ID: "RDD123", Warning: true, Title: "stage code acts apart from its task", Args: args("what", "consequence", "remedy"),
		Wording: "%[1]s: %[2]s", Remedy: "%[3]s",
		Why: "Many tasks share a process, and a task ends when its function returns. What ends the process, or goes on behind the task, harms the others.",
	})
	AssignedLater = entry(Kind{
		ID: "RDD125", Warning: true, Title: "a variable is assigned after With took its value", Args: args("variable"),
		Wording: "%[1]s is assigned after With(%[1]s), and not used: the change is not seen", Remedy: "assign it before, or call With later",
		Why: "With encodes the value when it is called, where a closure would read the variable when it runs.",
	})
	WritesEnv = entry(Kind{
		ID: "RDD126", Title: "a function changes its With value", Args: args("operator", "expression"),
		Wording: "function of %[1]s changes %[2]s of its With value, which other tasks read", Remedy: "change a copy, or give it as a result",
		Why: "A value of With is decoded once in a worker, and all tasks share what it points to: pointers, maps and slices. The change is a data race, and is lost.",
	})
	BeforeMain = entry(Kind{
		ID: "RDD127", Warning: true, Title: "work in main before typed.Main", Args: args("call"),
		Wording: "main calls %[1]s before typed.Main: every worker does, too", Remedy: "do it in the function given to typed.Main",
		Why: "A worker is the same program, started again: it runs main until typed.Main takes over. Flags and logging may be set up there.",
	})
	SeveralIterators = entry(Kind{
		ID: "RDD124", Warning: true, Title: "a function returns one of several iterators", Args: args("operator"),
		Wording: "function of %[1]s returns several iterators: its loop is not inlined", Remedy: "return one iterator, with the condition inside",
		Why: "The compiler inlines a loop over an iterator it can see. Results are the same, some ten times slower.",
	})
)

// What stands in the way of generating at all.
var (
	OldLanguage = entry(Kind{
		ID: "RDD110", Title: "the module's language is older than 1.27", Args: args("version"),
		Wording: "go.mod says go %[1]s; loop variables and generic methods need 1.27", Remedy: "go mod edit -go=1.27",
		Why: "The operators are generic methods, which Go has since 1.27.",
	})
	Stale = entry(Kind{
		ID: "RDD140", Title: "generated code is out of date", Args: args("what", "command"),
		Wording: "%[1]s", Remedy: "%[2]s",
		Why: "Found by rddgen -check. A cluster does not run code that was generated from other sources.",
	})
	Broken = entry(Kind{
		ID: "RDD141", Title: "a package does not compile", Args: args("packages"),
		Wording: "%[1]s does not compile", Remedy: "nothing was written",
		Why: "What is called from a package that does not compile cannot be found, so that pipelines would be missing from the generated file.",
	})
)
