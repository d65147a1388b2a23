package check

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
)

// beforeMain finds work in main before typed.Main takes over: a worker is
// started from the same binary and would do it too.
func (s *checker) beforeMain() {
	if s.Types.Name() != "main" {
		return
	}
	fn, ok := s.Types.Scope().Lookup("main").(*types.Func)
	if !ok || s.fns.decls[fn] == nil {
		return
	}
	body := s.fns.decls[fn].Body
	i := slices.IndexFunc(body.List, s.startsMain)
	if i < 0 {
		return
	}
	for _, stmt := range body.List[:i] {
		s.workIn(stmt)
	}
}

// startsMain says whether a statement is a call of typed.Main.
func (s *checker) startsMain(stmt ast.Stmt) bool {
	x, ok := stmt.(*ast.ExprStmt)
	if !ok {
		return false
	}
	c, ok := ast.Unparen(x.X).(*ast.CallExpr)
	return ok && api.IsFunc(s.Named(c.Fun), api.Typed, "Main")
}

// workIn reports the first work that a statement does.
func (s *checker) workIn(stmt ast.Stmt) {
	for _, n := range s.fns.reach(stmt, func(m mention) bool { return m.called }) {
		for _, m := range s.fns.body(n).calls {
			if !m.called || !isWork(m.fn) {
				continue
			}
			at, what := m.pos, m.fn.Pkg().Name()+"."+m.fn.Name()
			if d, ok := n.(*ast.FuncDecl); ok {
				at, what = stmt.Pos(), what+" through "+d.Name.Name
			}
			s.report(at, diag.BeforeMain, what)
			return
		}
	}
}

// work are functions of the standard library that reach out of the process. What
// sets up flags and logging is none.
var work = map[string][]string{
	"os": {
		"Create", "CreateTemp", "Mkdir", "MkdirAll", "MkdirTemp", "Open", "OpenFile", "ReadDir", "ReadFile", "Remove",
		"RemoveAll", "Rename", "WriteFile",
	},
	"os/exec":      {"Command", "CommandContext"},
	"net":          {"Dial", "DialTimeout", "Listen", "ListenPacket"},
	"net/http":     {"Get", "Head", "ListenAndServe", "ListenAndServeTLS", "Post", "PostForm", "Serve"},
	"database/sql": {"Open", "OpenDB"},
	"time":         {"Sleep"},
	api.Typed:      {"NewSession"},
}

func isWork(fn *types.Func) bool {
	return fn.Pkg() != nil && fn.Signature().Recv() == nil && slices.Contains(work[fn.Pkg().Path()], fn.Name())
}
