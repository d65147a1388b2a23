package imports

import (
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

func TestOf(t *testing.T) {
	files := []typed.Pair[string, string]{
		{Key: "file:///go/src/net/http/a.go", Value: "package http\nimport \"io\"\nimport (\n\t\"net\"\n\tx \"golang.org/x/net/idna\"\n)\nthe rest is not read"},
		{Key: "/go/src/net/http/a_test.go", Value: "package http\nimport \"testing\""},
		{Key: "/go/src/vendor/golang.org/x/net/idna/b.go", Value: "package idna\nimport \"strings\""},
		{Key: "/home/me/c.go", Value: "package c\nimport \"os\""},
		{Key: "/home/me/d.go", Value: "no Go"},
		{Key: "/home/me/e.go", Value: "package e"},
	}
	typedtest.Pairs(t, func(s *typed.Session) typed.PairRDD[string, string] {
		return Of(s.Parallelize(files, 2).MapToPair(func(f typed.Pair[string, string]) (string, string) { return f.Key, f.Value }))
	}, []typed.Pair[string, string]{
		{Key: "net/http", Value: "io"}, {Key: "net/http", Value: "net"}, {Key: "net/http", Value: "golang.org/x/net/idna"},
		{Key: "golang.org/x/net/idna", Value: "strings"}, {Key: "/home/me", Value: "os"},
	})
}
