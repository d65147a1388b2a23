// Package scan finds the operator calls of a package, and the functions that
// they are given.
//
// It takes a type-checked package with its SSA form. The syntax tree serves
// checks (gen/check) and the copying of bodies (gen/encode), SSA the flow of RDDs
// through variables, helpers and generic instances (gen/chain). They meet at a
// call's opening parenthesis, which is also the line that the run time sees.
//
// It judges nothing and prints nothing.
package scan
