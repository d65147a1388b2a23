// Rddvet reports what rddgen would report, for go vet:
//
//	go vet -vettool="$(go tool -n rddvet)" ./...
//
// It writes nothing. rddgen -why RDD101 explains a finding. For findings that can
// be repaired mechanically it suggests the changes that rddgen -fix makes: go vet
// -fix makes them, as do editors that run analyzers.
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/gordd-project/gordd/gen/rddvet"
)

func main() { unitchecker.Main(rddvet.Analyzer) }
