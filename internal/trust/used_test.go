package trust

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A token that was used stays used for the process after.
func TestUsedTokensOutliveTheProcess(t *testing.T) {
	c, dir := testCluster(t), t.TempDir()
	if used, err := LoadUsed(dir); err != nil || len(used) > 0 {
		t.Fatalf("in an empty directory: %v, %v", used, err)
	}
	first := NewRedeemer(c, MaxUsed)
	var tokens []Token
	for range 3 {
		tok, err := c.NewToken(Worker, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.Redeem(tok.Text(), time.Now()); err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, tok)
	}
	if err := first.Save(dir); err != nil {
		t.Fatal(err)
	}
	used, err := LoadUsed(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first.Used(), used); d != "" {
		t.Error(d)
	}
	second := NewRedeemer(c, MaxUsed, used...)
	for _, tok := range tokens {
		if _, err := second.Redeem(tok.Text(), time.Now()); !errors.Is(err, ErrUsed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestBadUsedTokens(t *testing.T) {
	id := strings.Repeat("ab", 16)
	for name, text := range map[string]string{
		"no time": id + "\n", "short": "abcd 1\n", "not hex": strings.Repeat("x", 32) + " 1\n", "below zero": id + " -1\n",
		"late": id + " 99999999999999\n", "empty line": "\n", "many": strings.Repeat(id+" 1\n", MaxUsed+1),
	} {
		if used, err := parseUsed(text); err == nil {
			t.Errorf("%s: %v", name, used)
		}
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, usedFile), "x\n", 0o600)
	if _, err := LoadUsed(dir); err == nil || !strings.Contains(err.Error(), "line 1 is no token's") {
		t.Errorf("got %v", err)
	}
	put(t, filepath.Join(dir, usedFile), "", 0o644)
	if _, err := LoadUsed(dir); err == nil || !strings.Contains(err.Error(), "open to others") {
		t.Errorf("got %v", err)
	}
	if err := NewRedeemer(testCluster(t), 1).Save(filepath.Join(dir, "missing")); err == nil {
		t.Error("saved in a directory that is not there")
	}
}

func FuzzParseUsed(f *testing.F) {
	f.Add(strings.Repeat("ab", 16) + " 1800000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		if used, err := parseUsed(text); err == nil && len(used) > MaxUsed {
			t.Fatalf("%d tokens", len(used))
		}
	})
}
