package scan

import (
	"go/parser"
	"go/token"
	"testing"
)

func TestEnclosing(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "", `package p
func run() {}
func (j *job) a() {}
func (j job) b() {}
func (j *box[T]) c() {}
func (j (box[K, V])) d() {}
var x = 1
`, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"run", "job.a", "job.b", "box.c", "box.d", "var"}
	for i, d := range f.Decls {
		if got := enclosing(d); got != want[i] {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
}
