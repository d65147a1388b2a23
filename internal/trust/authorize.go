package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrDenied is wrapped by the errors of an Authorizer.
var ErrDenied = errors.New("not allowed")

// Rule says which roles may call a method, by its full name as in
// /gordd.Master/Submit.
type Rule struct {
	Method string
	Roles  []Role
}

// Authorizer is a table of rules. What is not in it is denied to everyone.
type Authorizer struct {
	rules map[string][]Role
}

// NewAuthorizer returns an authorizer with these rules. It panics if a method
// has two, or one that is not a method's or without a role, or with an unknown
// one: tables are constants of the program.
func NewAuthorizer(rules ...Rule) *Authorizer {
	a := &Authorizer{rules: make(map[string][]Role, len(rules))}
	for _, r := range rules {
		_, twice := a.rules[r.Method]
		known := !slices.ContainsFunc(r.Roles, func(role Role) bool { return role != Anonymous && roleNumber(role) < 0 })
		if twice || !known || len(r.Roles) == 0 || strings.Count(r.Method, "/") != 2 || r.Method[0] != '/' {
			panic(fmt.Sprintf("trust: rule for %q with roles %q (one before: %t)", r.Method, r.Roles, twice))
		}
		a.rules[r.Method] = slices.Clone(r.Roles)
	}
	return a
}

// Allow returns an error that wraps ErrDenied if id may not call method.
func (a *Authorizer) Allow(method string, id Identity) error {
	if err := a.AllowLocal(method); err != nil {
		return err
	}
	if !slices.Contains(a.rules[method], id.Role) {
		who := id.String()
		if id.Role == Anonymous {
			who = "a caller without a certificate"
		}
		return fmt.Errorf("%w: %s: %s may not, only %v", ErrDenied, method, who, a.rules[method])
	}
	return nil
}

// AllowLocal is Allow for a caller with the Local token, who may do all that
// anyone may: it returns an error for methods without a rule.
func (a *Authorizer) AllowLocal(method string) error {
	if _, ok := a.rules[method]; !ok {
		return fmt.Errorf("%w: %s: no rule for it", ErrDenied, clip(method))
	}
	return nil
}

// Differences compares the table with all methods of a server, for its tests. It
// returns methods without a rule and rules without a method, sorted.
func (a *Authorizer) Differences(methods []string) (bare, stale []string) {
	for _, m := range methods {
		if _, ok := a.rules[m]; !ok {
			bare = append(bare, m)
		}
	}
	for m := range a.rules {
		if !slices.Contains(methods, m) {
			stale = append(stale, m)
		}
	}
	slices.Sort(bare)
	slices.Sort(stale)
	return bare, stale
}
