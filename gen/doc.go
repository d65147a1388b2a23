// Package gen is the generator's drivers: it loads packages, has them scanned
// (gen/scan) and written (gen/emit), and compares or commits the result.
//
// Generate is pure: it reads packages and gives files and diagnostics. Nothing
// is written before Commit, and nothing is given to commit for a package that
// has errors or does not compile.
package gen
