package trust

import (
	"errors"
	"strings"
	"testing"
)

func TestIdentityIsItsURI(t *testing.T) {
	id := Identity{Cluster: "c1", Role: Worker, Name: "rack-2.host_7"}
	if got, want := id.String(), "spiffe://c1/worker/rack-2.host_7"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := id.url().String(), id.String(); got != want {
		t.Errorf("in a certificate: got %s, want %s", got, want)
	}
	got, err := ParseIdentity(id.String())
	if err != nil || got != id {
		t.Errorf("got %v, %v, want %v", got, err, id)
	}
}

func TestIdentitiesThatAreRefused(t *testing.T) {
	for _, uri := range []string{
		"", "spiffe://", "spiffe:///worker/a", "spiffe://c/worker", "spiffe://c/worker/", "spiffe://c/worker/a/b",
		"https://c/worker/a", "spiffe://c/root/a", "spiffe://c/Worker/a", "spiffe://c/anonymous/a",
		"spiffe://c/worker/a b", "spiffe://c/worker/a\n", "spiffe://c/worker/../x", "spiffe://c/worker/..",
		"spiffe://c/worker/-rf", "spiffe://c@d/worker/a", "spiffe://c:1/worker/a", "spiffe://c/worker/a?x", "spiffe://c/worker/ä",
		"spiffe://c/worker/" + strings.Repeat("a", maxName+1),
	} {
		if id, err := ParseIdentity(uri); !errors.Is(err, ErrIdentity) {
			t.Errorf("%q: got %v, %v", uri, id, err)
		}
	}
}

func TestErrorsAboutLongNamesAreShort(t *testing.T) {
	_, err := ParseIdentity(strings.Repeat("x", 1<<20))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("got %d bytes", len(err.Error()))
	}
}

func FuzzParseIdentity(f *testing.F) {
	f.Add("spiffe://c1/worker/a")
	f.Add("spiffe://c1/worker//")
	f.Fuzz(func(t *testing.T, uri string) {
		id, err := ParseIdentity(uri)
		if err == nil && id.String() != uri {
			t.Errorf("%q became %q", uri, id)
		}
		if err != nil && !errors.Is(err, ErrIdentity) {
			t.Errorf("%q: %v", uri, err)
		}
	})
}
