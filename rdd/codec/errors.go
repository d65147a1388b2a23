package codec

import (
	"fmt"
	"reflect"
)

// TypeError reports a type that cannot travel, or cannot be a key.
type TypeError struct {
	Type   reflect.Type // the type at fault
	Path   string       // where it is, such as Order.Lines[].Notify
	Reason string       // why not
	Remedy string       // what to do about it
}

// Error says what cannot travel, where it is and what to do, in one line.
func (e *TypeError) Error() string {
	what := "field " + e.Path
	if e.Path == typeName(e.Type) {
		what = "type " + e.Path
	} else {
		what += fmt.Sprintf(" (%s)", e.Type)
	}
	return fmt.Sprintf("%s %s: %s", what, e.Reason, e.Remedy)
}

// typeName is the start of a path: the name without its package, or the whole
// type where it has none.
func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}

// trail is the way from the type asked for to the one at hand.
type trail struct {
	path  []string // the root's name, then .Field, [], [key]
	owner []string // the named structs passed through
}

func (t *trail) push(step string) { t.path = append(t.path, step) }
func (t *trail) pop()             { t.path = t.path[:len(t.path)-1] }

func (t *trail) String() string {
	s := ""
	for _, p := range t.path {
		s += p
	}
	return s
}

// leaveOut is the remedy for what cannot travel at all.
func (t *trail) leaveOut() string {
	if len(t.owner) == 0 {
		return "leave it out"
	}
	return fmt.Sprintf("leave it out, or give %s MarshalBinary and UnmarshalBinary", t.owner[len(t.owner)-1])
}
