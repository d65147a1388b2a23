package trust

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newToken(t testing.TB, c *Cluster, life time.Duration) Token {
	t.Helper()
	token, err := c.NewToken(Worker, life)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenIsItsText(t *testing.T) {
	c := testCluster(t)
	token := newToken(t, c, 0)
	if left := time.Until(token.Expiry); left > TokenLife || left < TokenLife-time.Minute {
		t.Errorf("good for %v", left)
	}
	text := token.Text()
	if !strings.HasPrefix(text, "rdd1.") || len(text) > 200 {
		t.Errorf("got %d characters", len(text))
	}
	got, err := ParseToken(" " + text + "\n") // as it is pasted
	if err != nil || got != token {
		t.Errorf("got %v, %v, want %v", got, err, token)
	}
	if got.Authority != c.Authority.Fingerprint() || got.Cluster != c.ID {
		t.Error("it names another authority")
	}
	if shown := fmt.Sprint(token); strings.Contains(shown, text[len(text)-20:]) {
		t.Errorf("shown as %s", shown)
	}
}

func TestATokenIsTakenOnce(t *testing.T) {
	c := testCluster(t)
	r := NewRedeemer(c, 10)
	token := newToken(t, c, time.Hour)
	got, err := r.Redeem(token.Text(), time.Now())
	if err != nil || got != token {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := r.Redeem(token.Text(), time.Now()); !errors.Is(err, ErrUsed) || !errors.Is(err, ErrToken) {
		t.Errorf("the second time: got %v", err)
	}
	// Nor after a restart.
	r = NewRedeemer(c, 10, r.Used()...)
	if _, err := r.Redeem(token.Text(), time.Now()); !errors.Is(err, ErrUsed) {
		t.Errorf("after a restart: got %v", err)
	}
}

func TestATokenIsTakenOnceByManyAtOnce(t *testing.T) {
	c := testCluster(t)
	r := NewRedeemer(c, 10)
	text := newToken(t, c, 0).Text()
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := r.Redeem(text, time.Now()); err == nil {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 1 {
		t.Errorf("taken %d times", n)
	}
}

func TestTokensExpire(t *testing.T) {
	c := testCluster(t)
	token := newToken(t, c, time.Minute)
	for late, want := range map[time.Duration]error{
		-time.Hour: nil, 0: nil, skew: nil, skew + time.Second: ErrExpired, 24 * time.Hour: ErrExpired,
	} {
		if _, err := NewRedeemer(c, 10).Redeem(token.Text(), token.Expiry.Add(late)); !errors.Is(err, want) {
			t.Errorf("%v late: got %v, want %v", late, err, want)
		}
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	c := testCluster(t)
	good := newToken(t, c, 0)
	text := good.Text()
	raw, err := base64.RawURLEncoding.DecodeString(text[len(tokenPrefix):])
	if err != nil {
		t.Fatal(err)
	}
	r := NewRedeemer(c, 10)
	for i := range raw { // whatever byte is changed
		raw[i] ^= 1
		_, err := r.Redeem(tokenPrefix+base64.RawURLEncoding.EncodeToString(raw), time.Now())
		if !errors.Is(err, ErrToken) {
			t.Errorf("byte %d changed: got %v", i, err)
		}
		raw[i] ^= 1
	}
	for name, bad := range map[string]string{
		"nothing":       "",
		"another form":  "rdd2" + text[4:],
		"cut off":       text[:len(text)-3],
		"cut short":     text[:30],
		"not in base64": tokenPrefix + "!!",
		"too long":      text + strings.Repeat("A", maxTokenText),
		"of another":    newToken(t, otherCluster(t), 0).Text(),
	} {
		if _, err := r.Redeem(bad, time.Now()); !errors.Is(err, ErrToken) || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := r.Redeem(text, time.Now()); err != nil {
		t.Errorf("refused afterwards: %v", err)
	}
}

func TestTheRedeemersMemoryIsBounded(t *testing.T) {
	c := testCluster(t)
	r := NewRedeemer(c, 2)
	now := time.Now()
	first, second, third := newToken(t, c, time.Minute), newToken(t, c, time.Hour), newToken(t, c, time.Hour)
	for _, token := range []Token{first, second} {
		if _, err := r.Redeem(token.Text(), now); err != nil {
			t.Fatal(err)
		}
	}
	// Rather than forget one that could come again it takes no more.
	if _, err := r.Redeem(third.Text(), now); !errors.Is(err, ErrToken) || errors.Is(err, ErrUsed) {
		t.Errorf("got %v", err)
	}
	later := first.Expiry.Add(skew + time.Second)
	if _, err := r.Redeem(third.Text(), later); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if _, err := r.Redeem(first.Text(), later); !errors.Is(err, ErrExpired) {
		t.Errorf("got %v", err)
	}
	if n := len(r.Used()); n != 2 {
		t.Errorf("remembers %d", n)
	}
}

func TestTokensThatAreNotMade(t *testing.T) {
	c := testCluster(t)
	for _, life := range []time.Duration{-1, time.Millisecond, maxTokenLife + 1} {
		if _, err := c.NewToken(Worker, life); err == nil {
			t.Errorf("made for %v", life)
		}
	}
	for _, role := range []Role{"", Anonymous, "root"} {
		if _, err := c.NewToken(role, 0); !errors.Is(err, ErrIdentity) {
			t.Errorf("role %q: got %v", role, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	c := testCluster(f)
	r := NewRedeemer(c, 1)
	f.Add(newToken(f, otherCluster(f), 0).Text())
	f.Add("rdd1.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Error(err)
			}
			return
		}
		if token.Text() != strings.TrimSpace(text) {
			t.Errorf("%q became %q", text, token.Text())
		}
		if _, err := r.Redeem(text, noon); err == nil {
			t.Error("a forged token was taken")
		}
	})
}
