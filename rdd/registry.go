package rdd

import (
	"fmt"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Generated is the generation of the code that rddgen writes and this package
// runs. Generated files compare it with their own, so that files of another
// generation do not compile.
const Generated = 1

// siteKey is how the run time knows a call of an operator: by where it is and
// the types it depends on: that of the function it is given, and what that does
// not show. Directories tell packages apart, whose import path differs between
// builds (main, tests).
type siteKey struct {
	dir   string
	file  string
	line  int
	name  string
	fn    reflect.Type
	shows reflect.Type
}

// Registry holds stage code: operators by ID, their call sites, and kernels.
type Registry struct {
	mu       sync.RWMutex
	ops      map[plan.OpID]*Op
	sites    map[siteKey]plan.OpID
	kernels  map[string]Kernel
	packages map[string]*Package // by directory
	files    map[string]bool     // generated ones, by path
	longest  int                 // operators in the longest kernel
	// instances are the generic functions that were registered for types.
	instances map[instanceKey]bool
}

var registered = newRegistry()

func newRegistry() *Registry {
	return &Registry{
		ops:      map[plan.OpID]*Op{},
		sites:    map[siteKey]plan.OpID{},
		kernels:  map[string]Kernel{},
		packages: map[string]*Package{},
		files:    map[string]bool{},

		instances: map[instanceKey]bool{},
	}
}

// Package is what a generated file registers, from its init function.
type Package struct {
	reg     *Registry
	dir     string
	sources map[string]*source
	checked sync.Once
	stale   []string
	moved   map[string]map[int]int // for files whose lines moved: generated line → line now
}

// source is a file that code was generated from.
type source struct {
	text   string
	bytes  string
	tokens string
	sites  []siteOf
	// differs says that several generated files were made of it, at different
	// times.
	differs bool
}

type siteOf struct{ line, token int }

// Register starts the registration of the package whose generated file calls
// it.
func Register() *Package {
	_, file, _, ok := runtime.Caller(1)
	if !ok {
		panic("rdd.Register: no caller")
	}
	r := registered
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[file] = true
	return r.packageOf(file)
}

// packageOf gives the package that a generated file belongs to.
func (r *Registry) packageOf(file string) *Package {
	dir := dirOf(file)
	p := r.packages[dir]
	if p == nil {
		p = &Package{reg: r, dir: dir, sources: map[string]*source{}}
		r.packages[dir] = p
	}
	return p
}

// dirOf is the directory of a file name as the compiler recorded it, which has
// slashes on every system.
func dirOf(file string) string { return path.Dir(filepath.ToSlash(file)) }

// Source registers a file that the generated code was made from: its text as
// embedded in the binary, and the hashes of the bytes and of the tokens that
// the generator saw. Several generated files of a package may have code of it.
func (p *Package) Source(name, text, bytes, tokens string) {
	if src := p.sources[name]; src != nil {
		src.differs = src.differs || src.bytes != bytes || src.tokens != tokens
		return
	}
	p.sources[name] = &source{text: text, bytes: bytes, tokens: tokens}
}

// Op registers the operator called at a line of a source: the line of the
// call's opening parenthesis, and that parenthesis' place among the file's
// tokens, by which it is found again when lines move.
func (p *Package) Op(id plan.OpID, file string, line, token int, op *Op) {
	p.reg.mu.Lock()
	defer p.reg.mu.Unlock()
	key := p.key(file, line, op)
	if other, ok := p.reg.sites[key]; ok && other != id {
		panic(fmt.Sprintf("rdd: %s:%d: %s is registered as %s and as %s", file, line, op.Name, other, id))
	}
	p.add(key, token, id, op)
}

func (p *Package) key(file string, line int, op *Op) siteKey {
	return siteKey{dir: p.dir, file: file, line: line, name: op.Name, fn: op.Func, shows: op.shows}
}

// add registers an operator under the key of its call.
func (p *Package) add(key siteKey, token int, id plan.OpID, op *Op) {
	p.reg.sites[key] = id
	p.reg.ops[id] = op
	if src := p.sources[key.file]; src != nil {
		src.sites = append(src.sites, siteOf{line: key.line, token: token})
	}
}

// Kernel registers code for a chain of operators, named as a plan names them:
// an ID, with /part for the side of a shuffle.
func (p *Package) Kernel(k Kernel, ops ...string) {
	p.reg.mu.Lock()
	defer p.reg.mu.Unlock()
	p.reg.kernels[strings.Join(ops, "\n")] = k
	p.reg.longest = max(p.reg.longest, len(ops))
}

// find gives the operator registered for a call site. Whether the code it was
// generated from is still the code that is running, the package knows.
func (r *Registry) find(dir string, site plan.Site, op *Op) (plan.OpID, *Package, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := r.packages[dir]
	if p == nil {
		return "", nil, false
	}
	key := siteKey{dir: dir, file: site.File, line: p.generatedLine(site.File, site.Line), name: op.Name, fn: op.Func, shows: op.shows}
	id, ok := r.sites[key]
	return id, p, ok
}

func (r *Registry) op(id plan.OpID) (*Op, bool) {
	if op, ok := builtins[id]; ok {
		return op, true
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	op, ok := r.ops[id]
	return op, ok
}

// most is how many operators the longest kernel has.
func (r *Registry) most() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.longest
}

// generated says whether a file is one of those that registered themselves.
func (r *Registry) generated(file string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.files[file]
}

func (r *Registry) kernel(refs string) (Kernel, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	k, ok := r.kernels[refs]
	return k, ok
}
