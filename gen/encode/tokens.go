package encode

import (
	"crypto/sha256"
	"encoding/hex"
	goscanner "go/scanner"
	"go/token"

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
		t = scanTokens(f.Source)
		enc.tokens[f] = t
	}
	return t
}

func scanTokens(text []byte) tokens {
	t := tokens{ordinals: map[int]int{}}
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s goscanner.Scanner
	s.Init(file, text, func(token.Position, string) {}, 0)
	h := sha256.New()
	for n := 0; ; n++ {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			t.hash = hex.EncodeToString(h.Sum(nil))
			return t
		}
		if tok == token.SEMICOLON {
			lit = ""
		}
		h.Write([]byte{byte(tok)})
		h.Write([]byte(lit))
		h.Write([]byte{0})
		t.ordinals[file.Offset(pos)] = n
	}
}

// canonical lists a text's tokens with single blanks between them: two texts
// that differ in layout and comments only have the same.
func canonical(text string) string {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s goscanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, 0)
	var out []byte
	for {
		_, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			return string(out)
		case tok == token.SEMICOLON:
			lit = ";"
		case lit == "":
			lit = tok.String()
		}
		out = append(append(out, lit...), ' ')
	}
}
