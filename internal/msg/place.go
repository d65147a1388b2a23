package msg

import (
	"fmt"
	"strings"
)

// Limits of what a worker says of its place: all of it has to fit into the tags of the gossip.
const (
	maxRack   = 64 // bytes
	maxLabels = 16
	maxLabel  = 64  // bytes
	allLabels = 200 // bytes
)

// CheckPlace returns an error for a rack or labels that no worker can have: "" is no rack, a label is KEY=VALUE with
// another key than those before it, and both are letters, digits and any of . _ / : - alone.
func CheckPlace(rack string, labels []string) error {
	if len(rack) > maxRack || !tidy(rack) {
		return fmt.Errorf("rack %q: give at most %d letters, digits and any of . _ / : -", rack, maxRack)
	}
	if len(labels) > maxLabels {
		return fmt.Errorf("%d labels: the most is %d", len(labels), maxLabels)
	}
	if n := len(strings.Join(labels, "")); n > allLabels {
		return fmt.Errorf("labels of %d bytes in all: the most is %d", n, allLabels)
	}
	seen := map[string]bool{}
	for _, l := range labels {
		key, value, ok := strings.Cut(l, "=")
		switch {
		case !ok || key == "" || len(l) > maxLabel || !tidy(key) || !tidy(value):
			return fmt.Errorf("label %q: give KEY=VALUE of at most %d letters, digits and any of . _ / : -", l, maxLabel)
		case seen[key]:
			return fmt.Errorf("label %q: there is another one with this key", l)
		}
		seen[key] = true
	}
	return nil
}

// tidy reports whether a text can be shown in lines, pages and scripts as it is.
func tidy(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("._/:-", c) >= 0:
		default:
			return false
		}
	}
	return true
}
