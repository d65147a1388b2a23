package rdd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sameFloat compares ParseFloat with strconv's, errors and signs of zeros included.
func sameFloat(s string) error {
	got, err := ParseFloat(s)
	want, wantErr := strconv.ParseFloat(s, 64)
	said, wantSaid := fmt.Sprint(err), fmt.Sprint(wantErr)
	if math.Float64bits(got) != math.Float64bits(want) || said != wantSaid {
		return fmt.Errorf("%q: got %v, %s, want %v, %s", s, got, said, want, wantSaid)
	}
	return nil
}

func TestParseFloatEdges(t *testing.T) {
	for _, s := range []string{
		"", "-", ".", "-.", "+", "+1", "1", "-1", "0", "-0", "-0.0", ".5", "-.5", "5.", "1.2.3", "1..2", "..", "1e5", "1E-5", "0x1p-2", "1_000", "inf", "NaN", "-Inf",
		" 1", "1 ", "1,5", "1-", "--1", "9007199254740992", "9007199254740993", "9007199254740994", "900719925474099.3", "9999999999999999999", "18446744073709551616",
		"99999999999999999999", "0.000000000000000001", "0.00000000000000001", ".0000000000000000001", "123456789012345.6", "000000000000000000.1", "1/2", "1:2", "\xff", "1\x00",
	} {
		if err := sameFloat(s); err != nil {
			t.Error(err)
		}
	}
}

func TestParseFloatRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	n := rounds()
	for range n {
		f := (rng.Float64() - 0.5) * math.Pow10(rng.IntN(16))
		for _, s := range []string{strconv.FormatFloat(f, 'f', rng.IntN(9), 64), strconv.FormatFloat(f, 'g', -1, 64)} {
			if err := sameFloat(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	var b []byte
	for range n {
		b = b[:0]
		for range rng.IntN(22) {
			b = append(b, "0123456789012345678901234567890123456789.-+eE_x"[rng.IntN(47)])
		}
		if err := sameFloat(string(b)); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParseFloat(f *testing.F) {
	f.Add("-12.50")
	f.Fuzz(func(t *testing.T, s string) {
		if err := sameFloat(s); err != nil {
			t.Error(err)
		}
	})
}

// rounds is how many random texts are tried.
func rounds() int {
	if testing.Short() {
		return 20_000
	}
	return 200_000
}

// sameColumns compares Columns with strings.Split.
func sameColumns(s string, sep byte, room int) error {
	got := slices.Repeat([]string{"old"}, room)
	n := Columns(s, sep, got)
	want := strings.Split(s, string([]byte{sep}))
	want = want[:min(len(want), room)]
	if n != len(want) {
		return fmt.Errorf("%q at %q: %d columns, want %d", s, sep, n, len(want))
	}
	want = append(want, make([]string, room-n)...)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%q at %q: got %q, want %q", s, sep, got, want)
	}
	return nil
}

func TestColumnsRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var b []byte
	for range rounds() {
		b = b[:0]
		for range rng.IntN(200) {
			b = append(b, "||{}\xfc\x00\x01ab\x7b"[rng.IntN(10)])
		}
		for _, sep := range []byte{'|', 0, 0xfc} {
			if err := sameColumns(string(b), sep, rng.IntN(60)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzColumns(f *testing.F) {
	f.Add("a|b||c", byte('|'), 3)
	f.Fuzz(func(t *testing.T, s string, sep byte, room int) {
		if err := sameColumns(s, sep, int(uint(room)%64)); err != nil {
			t.Error(err)
		}
	})
}

// benchLines are like those of TPC-H's lineitem.
func benchLines() []string {
	rng := rand.New(rand.NewPCG(9, 10))
	lines := make([]string, 1<<12)
	for i := range lines {
		lines[i] = fmt.Sprintf("%d|%d|%d|%d|%d|%d.%02d|0.%02d|0.%02d|N|O|1996-03-%02d|1996-02-12|1996-03-22|%s|%s|egular courts above the|",
			rng.IntN(6_000_000), rng.IntN(200_000), rng.IntN(10_000), 1+rng.IntN(7), 1+rng.IntN(50), 900+rng.IntN(100_000), rng.IntN(100),
			rng.IntN(10), rng.IntN(8), 1+rng.IntN(31), []string{"DELIVER IN PERSON", "NONE", "COLLECT COD"}[rng.IntN(3)], []string{"TRUCK", "AIR", "SHIP"}[rng.IntN(3)])
	}
	return lines
}

func BenchmarkColumns(b *testing.B) {
	lines := benchLines()
	perLine := func(b *testing.B, cut func(line string)) {
		for b.Loop() {
			for _, line := range lines {
				cut(line)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(lines)), "ns/line")
	}
	var f [11]string
	b.Run("Columns", func(b *testing.B) { perLine(b, func(line string) { Columns(line, '|', f[:]) }) })
	b.Run("Cut", func(b *testing.B) {
		perLine(b, func(line string) {
			for i := range f {
				f[i], line, _ = strings.Cut(line, "|")
			}
		})
	})
}

func BenchmarkParseFloat(b *testing.B) {
	b.Run("ParseFloat", func(b *testing.B) {
		for b.Loop() {
			if _, err := ParseFloat("-12.345"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for b.Loop() {
			if _, err := strconv.ParseFloat("-12.345", 64); err != nil {
				b.Fatal(err)
			}
		}
	})
}
