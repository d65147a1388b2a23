// Package scan finds the pipelines in a package: operator calls, the functions
// given to them, and the chains that they form.
//
// It takes a type-checked package with its SSA form and gives a
// [model.Package], or diagnostics that say what is wrong and what to do. The
// syntax tree serves checks and the copying of bodies, SSA the flow of RDDs
// through variables, helpers and generic instances. They meet at a call's
// opening parenthesis, which is also the line that the run time sees.
//
// It knows the typed API by name, never imports it, and prints nothing.
package scan
