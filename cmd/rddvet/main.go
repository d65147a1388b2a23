// Rddvet reports what rddgen would report, for go vet:
//
//	go vet -vettool="$(go tool -n rddvet)" ./...
//
// It writes nothing. rddgen -why RDD101 explains a finding, and rddgen -fix
// makes the changes that can be made mechanically.
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/gordd-project/gordd/gen/rddvet"
)

func main() { unitchecker.Main(rddvet.Analyzer) }
