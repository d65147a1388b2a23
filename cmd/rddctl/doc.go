// Rddctl runs gordd programs and says what they do.
//
//	rddctl run [--memory 256MiB] [--cores N] [--generate] PKG|BINARY [-- args]
//	rddctl explain PKG|BINARY [-- args]
//	rddctl version
//
// Run builds a program and runs it on the embedded engine, with progress and a
// summary. Explain draws the stages of its actions without running them. Each
// command's --help says more.
package main
