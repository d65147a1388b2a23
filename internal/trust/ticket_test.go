package trust

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

var testKey = TicketKey{1, 2, 3}

func testTicket() Ticket {
	return Ticket{
		Job: "job-7", Stage: sha256.Sum256([]byte("stage")), Map: 12, Seq: 1 << 40,
		First: 3, Last: 5, Epoch: 2, Expiry: noon.Add(time.Hour),
	}
}

func keys(job string, epoch uint64) (TicketKey, bool) { return testKey, job == "job-7" && epoch == 2 }

func seal(t testing.TB, ticket Ticket) []byte {
	t.Helper()
	b, err := testKey.Seal(ticket)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATicketOpensAsSealed(t *testing.T) {
	want := testTicket()
	got, err := OpenTicket(seal(t, want), noon, keys)
	if err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	text, err := testKey.SealText(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenTicketText(text, noon, keys); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if strings.ContainsAny(text, "+/=") || len(text) > 140 {
		t.Errorf("%d characters: %s", len(text), text)
	}
}

func TestATicketIsForItsBlocksOnly(t *testing.T) {
	k := testTicket()
	other := sha256.Sum256([]byte("other"))
	for name, tc := range map[string]struct {
		got, want bool
	}{
		"first reducer":   {k.Allows(k.Stage, 12, 1<<40, 3), true},
		"last reducer":    {k.Allows(k.Stage, 12, 1<<40, 5), true},
		"one before":      {k.Allows(k.Stage, 12, 1<<40, 2), false},
		"one after":       {k.Allows(k.Stage, 12, 1<<40, 6), false},
		"another map":     {k.Allows(k.Stage, 11, 1<<40, 3), false},
		"another attempt": {k.Allows(k.Stage, 12, 1<<40+1, 3), false},
		"another stage":   {k.Allows(other, 12, 1<<40, 3), false},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %t", name, tc.got)
		}
	}
}

func TestTicketsExpireAMinuteLate(t *testing.T) {
	ticket := testTicket()
	b := seal(t, ticket)
	for late, want := range map[time.Duration]error{0: nil, skew: nil, skew + time.Second: ErrExpired, -1000 * time.Hour: nil} {
		if _, err := OpenTicket(b, ticket.Expiry.Add(late), keys); !errors.Is(err, want) {
			t.Errorf("%v late: got %v, want %v", late, err, want)
		}
	}
}

func TestTicketsThatAreRefused(t *testing.T) {
	good := seal(t, testTicket())
	for i := range good {
		for _, bit := range []byte{1, 0x80} {
			b := bytes.Clone(good)
			b[i] ^= bit
			if _, err := OpenTicket(b, noon, keys); !errors.Is(err, ErrTicket) {
				t.Errorf("byte %d changed: got %v", i, err)
			}
		}
		if _, err := OpenTicket(good[:i], noon, keys); !errors.Is(err, ErrTicket) {
			t.Errorf("cut to %d bytes: got %v", i, err)
		}
	}
	other := testTicket()
	other.Job = "job-8"
	_, unknown := OpenTicket(seal(t, other), noon, keys)
	key := TicketKey{9}
	b, err := key.Seal(testTicket())
	if err != nil {
		t.Fatal(err)
	}
	_, forged := OpenTicket(b, noon, keys)
	if unknown == nil || forged == nil || unknown.Error() != forged.Error() {
		t.Errorf("an unknown job can be told from a bad signature: %v, %v", unknown, forged)
	}
	for _, text := range []string{"", "!", strings.Repeat("A", 1000)} {
		if _, err := OpenTicketText(text, noon, keys); !errors.Is(err, ErrTicket) {
			t.Errorf("%q: got %v", clip(text), err)
		}
	}
}

func TestTicketsThatAreNotSealed(t *testing.T) {
	for name, change := range map[string]func(*Ticket){
		"no job":          func(k *Ticket) { k.Job = "" },
		"a long job":      func(k *Ticket) { k.Job = strings.Repeat("j", 256) },
		"no reducers":     func(k *Ticket) { k.First, k.Last = 2, 1 },
		"an early expiry": func(k *Ticket) { k.Expiry = time.Time{} },
		"a late expiry":   func(k *Ticket) { k.Expiry = time.Unix(1<<50, 0) },
	} {
		k := testTicket()
		change(&k)
		if _, err := testKey.Seal(k); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
	k := testTicket()
	k.Job, k.Map, k.Seq, k.Last, k.Epoch = strings.Repeat("j", 255), math.MaxUint32, math.MaxUint64, math.MaxUint32, math.MaxUint64
	b := seal(t, k)
	all := func(string, uint64) (TicketKey, bool) { return testKey, true }
	if got, err := OpenTicket(b, noon, all); err != nil || got != k {
		t.Errorf("the largest: got %v, %v", got, err)
	}
}

func TestTicketKeysAreNotShown(t *testing.T) {
	key := NewTicketKey()
	if key == (TicketKey{}) || key == NewTicketKey() {
		t.Error("not drawn")
	}
	for _, form := range []string{"%v", "%s", "%+v", "%#v", "%q"} {
		if s := fmt.Sprintf(form, key); !strings.Contains(s, "***") {
			t.Errorf("%s shows %s", form, s)
		}
	}
}

func FuzzOpenTicket(f *testing.F) {
	f.Add(seal(f, testTicket()))
	f.Fuzz(func(t *testing.T, b []byte) {
		ticket, err := parseTicket(b)
		if err != nil {
			if !errors.Is(err, ErrTicket) {
				t.Error(err)
			}
			return
		}
		again, err := testKey.Seal(ticket)
		if err != nil {
			t.Fatalf("%v cannot be sealed: %v", ticket, err)
		}
		// Signed by us it would be the same bytes: one form for one ticket.
		if n := len(b) - sha256.Size; !bytes.Equal(again[:n], b[:n]) {
			t.Errorf("% x became % x", b[:n], again[:n])
		}
		if _, err := OpenTicket(again, ticket.Expiry, func(string, uint64) (TicketKey, bool) { return testKey, true }); err != nil {
			t.Error(err)
		}
	})
}
