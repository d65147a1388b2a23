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
	// Refused says that closures may not take the place of generated code.
	Refused bool
}

// Error says what is wrong and what to run.
func (e *CodeError) Error() string {
	if e.Stale {
		return e.What + ": run " + e.command()
	}
	if e.Refused {
		return e.What + ", and a cluster runs generated code only: run " + e.command()
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
	if p := registered.stale(); p != nil {
		return p.staleError()
	}
	return nil
}

// stale gives the first package whose code is of other sources; nil if there is
// none.
func (r *Registry) stale() *Package {
	r.mu.RLock()
	packages := slices.Collect(maps.Values(r.packages))
	r.mu.RUnlock()
	slices.SortFunc(packages, func(a, b *Package) int { return strings.Compare(a.dir, b.dir) })
	for _, p := range packages {
		if p.check(); len(p.stale) > 0 {
			return p
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

// HashTokens gives the hash of a source's tokens, and the line of each token
// that counts. What gofmt may change does not count: comments, layout, commas and
// semicolons that a line's end or a closing bracket makes needless, the case of
// numbers, the order of imports.
func HashTokens(text string) (hash string, lines []int) {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, 0)
	var t tokenHash
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			sum := sha256.Sum256(t.text)
			return hex.EncodeToString(sum[:]), lines
		}
		for range t.add(tok, lit) {
			lines = append(lines, file.Line(pos))
		}
	}
}

// tokenHash collects the texts of the tokens that count. Their numbers would
// depend on the release of Go.
type tokenHash struct {
	text []byte
	held token.Token // a comma or semicolon, which counts if no bracket closes
	last token.Token
	// imports is where the specs of the import declaration in hand begin in
	// text; 0: there is none, or it has no parentheses.
	imports int
}

// add adds a token, and gives how many tokens count now that did not before: one
// that was held is counted with what follows it.
func (t *tokenHash) add(tok token.Token, lit string) int {
	if tok == token.SEMICOLON || tok == token.COMMA {
		n := 0
		if t.held != 0 && t.held != tok {
			n = t.flush()
		}
		t.held = tok
		return n
	}
	n := 1
	if tok == token.RPAREN || tok == token.RBRACE {
		t.held = 0
	} else {
		n += t.flush()
	}
	if t.imports > 0 && tok == token.RPAREN {
		t.sortImports()
	}
	switch {
	case tok == token.INT || tok == token.FLOAT || tok == token.IMAG:
		lit = strings.ToLower(lit)
	case !tok.IsLiteral() && tok != token.ILLEGAL:
		lit = tok.String()
	}
	t.text = append(append(t.text, lit...), 0)
	if tok == token.LPAREN && t.last == token.IMPORT {
		t.imports = len(t.text)
	}
	t.last = tok
	return n
}

// flush counts the token that was held.
func (t *tokenHash) flush() int {
	if t.held == 0 {
		return 0
	}
	t.text = append(append(t.text, t.held.String()...), 0)
	t.held = 0
	return 1
}

// sortImports puts the specs of an import declaration in order.
func (t *tokenHash) sortImports() {
	specs := strings.Split(string(t.text[t.imports:]), ";\x00")
	slices.Sort(specs)
	t.text = append(t.text[:t.imports], strings.Join(specs, ";\x00")...)
	t.imports = 0
}

// check compares the sources that are compiled in with those that the code was
// generated from. Where only comments and blank lines changed, the lines of
// the operators are found anew; where code changed, the package is stale.
func (p *Package) check() {
	p.checked.Do(func() {
		for name, src := range p.sources {
			if src.differs {
				p.stale = append(p.stale, name)
				continue
			}
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
