// Package driver is a program's side of the engine: it hands actions over,
// passes their results on in order to whoever asked, and waits for their ends.
//
// A [Client] is the driver of one job. It talks to the engine by a [Link], which
// is a call where the engine is in the same process, and calls of its own
// methods are what the engine answers.
package driver
