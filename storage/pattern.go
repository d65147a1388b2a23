package storage

import (
	"os"
	"path"
	"strings"
)

// maxAlternatives bounds what one pattern with braces may grow to.
const maxAlternatives = 10_000

// escapes says whether \ takes the meaning off the next character; on Windows it separates names.
const escapes = os.PathSeparator == '/'

// patternChars are those that mean something in paths of inputs.
const patternChars = ",*?[]{}"

// splitPaths cuts at commas outside of braces. Those between the hosts of a URL are no cuts:
// hdfs://a:8020,b:8020/path is one path.
func splitPaths(s string) []string {
	var paths []string
	start := 0
	scanPattern(s, func(i, depth int, c byte) bool {
		if c == ',' && depth == 0 && !inHosts(s[start:i]) {
			paths = append(paths, s[start:i])
			start = i + 1
		}
		return true
	})
	return append(paths, s[start:])
}

// inHosts says whether a path that goes on here is still before its first name.
func inHosts(begun string) bool {
	scheme, ok := schemeOf(begun)
	return ok && scheme != "file" && !strings.Contains(begun[len(scheme)+len("://"):], "/")
}

// scanPattern calls f for each byte that is not escaped, with the depth of braces around it:
// a brace itself has the depth outside of it. It ends early when f returns false and returns
// the depth at the end.
func scanPattern(s string, f func(i, depth int, c byte) bool) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && escapes {
			i++
			continue
		}
		if c == '}' && depth > 0 {
			depth--
		}
		if !f(i, depth, c) {
			break
		}
		if c == '{' {
			depth++
		}
	}
	return depth
}

// expandBraces writes out {a,b}: one pattern for each choice, in the order written.
func expandBraces(pattern string) ([]string, error) {
	todo := []string{pattern}
	var done []string
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		choices, more, err := firstBrace(p)
		if err != nil {
			return nil, newError("find input", pattern, Invalid, "%w", err)
		}
		if !more {
			done = append(done, p)
			continue
		}
		todo = append(choices, todo...)
		if len(todo)+len(done) > maxAlternatives {
			return nil, newError("find input", pattern, Invalid, "braces give more than %d patterns", maxAlternatives)
		}
	}
	return done, nil
}

type patternError string

func (e patternError) Error() string { return string(e) }

// firstBrace writes out the first pair of braces of p.
func firstBrace(p string) (choices []string, found bool, err error) {
	open, end := -1, -1
	cuts := []int{}
	scanPattern(p, func(i, depth int, c byte) bool {
		switch {
		case c == '{' && open < 0:
			open = i
			cuts = append(cuts, i)
		case c == ',' && depth == 1 && open >= 0:
			cuts = append(cuts, i)
		case c == '}' && depth == 0 && open >= 0:
			end = i
			cuts = append(cuts, i)
		}
		return end < 0
	})
	switch {
	case open < 0:
		return nil, false, nil
	case end < 0:
		return nil, false, patternError("pattern has a { without its }")
	}
	for i := range len(cuts) - 1 {
		choices = append(choices, p[:open]+p[cuts[i]+1:cuts[i+1]]+p[end+1:])
	}
	return choices, true, nil
}

// hasMeta says whether p is a pattern rather than a name.
func hasMeta(p string) bool {
	found := false
	scanPattern(p, func(_, _ int, c byte) bool {
		found = strings.IndexByte("*?[{", c) >= 0
		return !found
	})
	return found
}

// unescape takes off the escapes of a name without wildcards.
func unescape(p string) string {
	if !escapes || !strings.Contains(p, `\`) {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '\\' && i+1 < len(p) {
			i++
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// escape makes a pattern that matches just the path p. The hosts of a URL are no pattern.
func escape(p string) string {
	root, p := cutURL(p)
	if !escapes || !strings.ContainsAny(p, patternChars+`\`) {
		return root + p
	}
	var b strings.Builder
	b.WriteString(root)
	for i := range len(p) {
		if strings.IndexByte(patternChars+`\`, p[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// component is one name of a pattern.
type component struct {
	text    string
	literal bool // no wildcard; text is unescaped
	deep    bool // **
	hidden  bool // asks for names that begin with _ or . by beginning with one
}

// parsePattern cuts a pattern without braces into its names. A final ** means the files at any
// depth, so it becomes **/*.
func parsePattern(pattern string) ([]component, error) {
	var comps []component
	for _, text := range strings.Split(pattern, "/") {
		if text == "" {
			continue
		}
		c, err := parseComponent(text)
		if err != nil {
			return nil, err
		}
		if c.deep && len(comps) > 0 && comps[len(comps)-1].deep {
			continue
		}
		comps = append(comps, c)
	}
	if n := len(comps); n > 0 && comps[n-1].deep {
		comps = append(comps, component{text: "*"})
	}
	return comps, nil
}

func parseComponent(text string) (component, error) {
	if text == "**" {
		return component{deep: true}, nil
	}
	if !hasMeta(text) {
		return component{text: unescape(text), literal: true}, nil
	}
	// The shell writes [!a] for what path.Match knows as [^a].
	text = strings.ReplaceAll(text, "[!", "[^")
	if _, err := path.Match(text, ""); err != nil {
		return component{}, patternError("bad pattern " + text)
	}
	return component{text: text, hidden: isHidden(text)}, nil
}

// match says whether a name fits a component with wildcards.
func (c component) match(name string) bool {
	if isHidden(name) && !c.hidden {
		return false
	}
	ok, _ := path.Match(c.text, name) // the pattern was checked when parsed
	return ok
}

// isHidden says whether Hadoop's conventions take a name for bookkeeping, not data.
func isHidden(name string) bool {
	return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".")
}
