package rdd

import (
	"crypto/sha256"
	"encoding/hex"
	"go/scanner"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CodeError says that an operator has no generated code that could be run. What
// runs closures instead shows it as a notice.
type CodeError struct {
	What  string // what is wrong
	Dir   string // of the package, as compiled
	Stale bool   // there is code, of other sources
}

// Error says what is wrong and what to run.
func (e *CodeError) Error() string {
	if e.Stale {
		return e.What + ": run " + e.command()
	}
	return e.What + ": plain closures are run; " + e.command() + " makes it faster"
}

// command generates the code. The directory is known where the program runs on
// the machine that built it.
func (e *CodeError) command() string {
	const command = "go generate"
	if st, err := os.Stat(e.Dir); err != nil || !st.IsDir() {
		return command
	}
	wd, err := os.Getwd()
	if err != nil {
		return command + " " + e.Dir
	}
	rel, err := filepath.Rel(wd, e.Dir)
	switch {
	case err != nil || strings.HasPrefix(rel, filepath.Join("..", "..", "..")):
		return command + " " + e.Dir
	case rel == ".":
		return command
	case strings.HasPrefix(rel, ".."):
		return command + " " + filepath.ToSlash(rel)
	}
	return command + " ./" + filepath.ToSlash(rel)
}

func (p *Package) staleError() *CodeError {
	return &CodeError{What: strings.Join(p.stale, ", ") + " changed since go generate", Dir: p.dir, Stale: true}
}

// CheckFresh gives a *CodeError when code of a registered package was generated
// from other sources than those compiled in.
func CheckFresh() error {
	registered.mu.RLock()
	packages := slices.Collect(maps.Values(registered.packages))
	registered.mu.RUnlock()
	slices.SortFunc(packages, func(a, b *Package) int { return strings.Compare(a.dir, b.dir) })
	for _, p := range packages {
		if p.check(); len(p.stale) > 0 {
			return p.staleError()
		}
	}
	return nil
}

// HashBytes and HashTokens are how a generated file records what its sources
// were: the generator computes the same.

// HashBytes gives the hash of a source's bytes.
func HashBytes(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// HashTokens gives the hash of a source's tokens, comments left out, and the
// line of each token.
func HashTokens(text string) (hash string, lines []int) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, 0)
	h := sha256.New()
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return hex.EncodeToString(h.Sum(nil)), lines
		}
		if tok == token.SEMICOLON {
			lit = "" // one that a line's end stands for is the same token
		}
		h.Write([]byte{byte(tok)})
		h.Write([]byte(lit))
		h.Write([]byte{0})
		lines = append(lines, file.Position(pos).Line)
	}
}

// check compares the sources that are compiled in with those that the code was
// generated from. Where only comments and blank lines changed, the lines of
// the operators are found anew; where code changed, the package is stale.
func (p *Package) check() {
	p.checked.Do(func() {
		for name, src := range p.sources {
			if HashBytes(src.text) == src.bytes {
				continue
			}
			hash, lines := HashTokens(src.text)
			if hash != src.tokens {
				p.stale = append(p.stale, name)
				continue
			}
			if p.moved == nil {
				p.moved = map[string]map[int]int{}
			}
			moved, ok := src.moved(lines)
			if !ok {
				p.stale = append(p.stale, name)
				continue
			}
			p.moved[name] = moved
		}
		slices.Sort(p.stale)
	})
}

// moved gives the line at generation for each line now, or says that lines were
// joined whose operators cannot be told apart any more.
func (s *source) moved(lines []int) (map[int]int, bool) {
	moved := map[int]int{}
	for _, site := range s.sites {
		if site.token < 0 || site.token >= len(lines) {
			return nil, false
		}
		now := lines[site.token]
		if was, ok := moved[now]; ok && was != site.line {
			return nil, false
		}
		moved[now] = site.line
	}
	return moved, true
}

// generatedLine gives the line that an operator's call had when the code was
// generated.
func (p *Package) generatedLine(file string, line int) int {
	p.check()
	moved, ok := p.moved[file]
	if !ok {
		return line
	}
	if was, ok := moved[line]; ok {
		return was
	}
	return -1
}
