package fix

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"slices"
)

// Apply makes the changes of fixes in the text of a file. The result is
// formatted if the file was, and has its line ends and its byte order mark.
func Apply(src []byte, fixes []Fix) ([]byte, error) {
	var edits []Edit
	for _, f := range fixes {
		edits = append(edits, f.Edits...)
	}
	out, err := edited(src, edits)
	if err != nil {
		return nil, err
	}
	mark, was := unmarked(src)
	_, now := unmarked(out)
	returns := bytes.Count(was, lineEnd)
	if returns > 0 && returns < bytes.Count(was, lineEnd[1:]) {
		return out, nil // lines end in two ways, which formatting would change
	}
	was, now = unix(was), unix(now)
	if tidy, err := format.Source(was); err == nil && bytes.Equal(tidy, was) {
		if now, err = format.Source(now); err != nil {
			return nil, err
		}
	}
	if returns > 0 {
		now = bytes.ReplaceAll(now, lineEnd[1:], lineEnd)
	}
	return append(mark, now...), nil
}

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	lineEnd       = []byte("\r\n")
)

// unmarked splits a text into its byte order mark and the rest.
func unmarked(src []byte) (mark, text []byte) {
	if text, found := bytes.CutPrefix(src, byteOrderMark); found {
		return bytes.Clone(byteOrderMark), text
	}
	return nil, src
}

func unix(text []byte) []byte { return bytes.ReplaceAll(text, lineEnd, lineEnd[1:]) }

// edited makes changes in a text.
func edited(src []byte, edits []Edit) ([]byte, error) {
	var out bytes.Buffer
	at := 0
	for _, e := range inOrder(edits) {
		if e.From < at || e.To < e.From || e.To > len(src) {
			return nil, fmt.Errorf("edits at %d and before overlap", e.From)
		}
		out.Write(src[at:e.From])
		out.WriteString(e.Text)
		at = e.To
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}

// inOrder sorts edits, and leaves out what another fix does, too: the move of a
// type.
func inOrder(edits []Edit) []Edit {
	seen := map[Edit]bool{}
	edits = slices.DeleteFunc(slices.Clone(edits), func(e Edit) bool {
		again := e.shared && seen[e]
		seen[e] = true
		return again
	})
	// A line break goes before all else that is put at a place.
	slices.SortStableFunc(edits, func(a, b Edit) int {
		switch {
		case a.From != b.From:
			return cmp.Compare(a.From, b.From)
		case a.Text == "\n" && b.Text != "\n":
			return -1
		case a.Text != "\n" && b.Text == "\n":
			return 1
		}
		return cmp.Compare(a.To, b.To)
	})
	return edits
}
