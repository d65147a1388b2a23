package trust

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const (
	attach = "/gordd.Master/Attach"
	submit = "/gordd.Master/Submit"
	join   = "/gordd.Master/Join"
)

func testTable() *Authorizer {
	return NewAuthorizer(
		Rule{attach, []Role{Worker}},
		Rule{submit, []Role{Client, Admin}},
		Rule{join, []Role{Anonymous}},
	)
}

func TestRolesMayCallWhatTheTableSays(t *testing.T) {
	a := testTable()
	allowed := map[string][]Role{attach: {Worker}, submit: {Client, Admin}, join: {Anonymous}, "/gordd.Master/Other": nil, "": nil}
	for method, want := range allowed {
		for _, role := range append([]Role{Anonymous, "", "root"}, roles...) {
			err := a.Allow(method, Identity{"c", role, "x"})
			if (err == nil) != slices.Contains(want, role) || err != nil && !errors.Is(err, ErrDenied) {
				t.Errorf("%s by %q: got %v", method, role, err)
			}
		}
		if err := a.AllowLocal(method); (err == nil) != (want != nil) {
			t.Errorf("%s with the local token: got %v", method, err)
		}
	}
	err := a.Allow(submit, Identity{Role: Anonymous})
	if err == nil || !strings.Contains(err.Error(), "without a certificate") || !strings.Contains(err.Error(), submit) {
		t.Errorf("got %v", err)
	}
}

func TestTheTableIsComparedWithAServersMethods(t *testing.T) {
	bare, stale := testTable().Differences([]string{submit, join, "/gordd.Master/New", "/gordd.Master/Cancel"})
	if want := []string{"/gordd.Master/Cancel", "/gordd.Master/New"}; !slices.Equal(bare, want) {
		t.Errorf("without a rule: got %v, want %v", bare, want)
	}
	if want := []string{attach}; !slices.Equal(stale, want) {
		t.Errorf("without a method: got %v, want %v", stale, want)
	}
}

func TestTablesThatPanic(t *testing.T) {
	for name, rules := range map[string][]Rule{
		"two rules for one": {{attach, []Role{Worker}}, {attach, []Role{Admin}}},
		"no role":           {{attach, nil}},
		"an unknown role":   {{attach, []Role{"root"}}},
		"no method":         {{"", []Role{Worker}}},
		"half a method":     {{"Attach", []Role{Worker}}},
		"no slash before":   {{"gordd/Master/Attach", []Role{Worker}}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			NewAuthorizer(rules...)
		})
	}
}
