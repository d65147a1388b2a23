package size

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "4096B": 4096, "1k": 1024, "1KB": 1000, "1KiB": 1024,
		"256MiB": 256 << 20, "256 MiB": 256 << 20, "256mib": 256 << 20, " 2g ": 2 << 30,
		"1.5GB": 15e8, "0.5GiB": 1 << 29, "3TB": 3e12, "2T": 2 << 40,
		"9223372036854775807": math.MaxInt64, "9007199254740993": 9007199254740993,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1 XB", "1e99", "99999999999T", "9223372036854775808", "nan", "inf", "0x10", "1 2", "12 MiB!"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestString(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KiB", 1 << 10: "1.0 KiB", 1536: "1.5 KiB", 10 << 10: "10 KiB",
		98 << 20: "98 MiB", 1 << 30: "1.0 GiB", 1 << 40: "1.0 TiB", math.MaxInt64: "8.0 EiB", -2048: "-2.0 KiB",
	} {
		if got := String(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<49).Draw(t, "n")
		got, err := Parse(String(n))
		if err != nil {
			t.Fatal(err)
		}
		if off := math.Abs(float64(got - n)); off > float64(n)/15 {
			t.Errorf("%d became %s became %d", n, String(n), got)
		}
	})
}

func TestParseSome(t *testing.T) {
	if n, err := ParseSome("4KiB"); n != 4096 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for _, s := range []string{"0", "0MiB", "0.0001", "-1", ""} {
		if n, err := ParseSome(s); err == nil {
			t.Errorf("%q is %d bytes", s, n)
		}
	}
}
