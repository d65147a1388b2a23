package encode

import (
	"crypto/sha256"
	"encoding/hex"
	goscanner "go/scanner"
	"go/token"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/scan"
)

// hashBytes and tokens.hash are computed as package rdd does (rdd/stale.go),
// which compares them with the sources that are compiled in.

func hashBytes(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// tokens are a file's tokens without comments: their hash, and the place of
// each.
type tokens struct {
	hash     string
	ordinals map[int]int // by offset
}

func (enc *Encoder) tokensOf(f *scan.File) tokens {
	t, ok := enc.tokens[f]
	if !ok {
		t = scanTokens(f.Text)
		enc.tokens[f] = t
	}
	return t
}

func scanTokens(text []byte) tokens {
	t := tokens{ordinals: map[int]int{}}
	n := 0
	h := count(text, func(offset, more int) {
		n += more
		t.ordinals[offset] = n - 1
	})
	t.hash = hashBytes(h.text)
	return t
}

// canonical lists a text's tokens with blanks between them: two texts that
// differ only in what HashTokens does not count have the same.
func canonical(text string) string {
	h := count([]byte(text), func(int, int) {})
	return strings.ReplaceAll(string(h.text), "\x00", " ")
}

// count collects the tokens of a text that count, and calls each with the offset
// of one and how many there are up to it since the last call.
func count(text []byte, each func(offset, more int)) tokenHash {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s goscanner.Scanner
	s.Init(file, text, func(token.Position, string) {}, 0)
	var t tokenHash
	for held := 0; ; {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return t
		}
		held += t.add(tok, lit)
		if tok != token.SEMICOLON && tok != token.COMMA {
			each(file.Offset(pos), held)
			held = 0
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
