// Package size reads and writes numbers of bytes as people do: 256MiB, 1.5GB,
// 4096. Units are of 1024 with an i (KiB, MiB, GiB, TiB) and of 1000 without
// (KB, MB, GB, TB); a unit's first letter alone stands for the unit of 1024, as
// in the JVM's options.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var units = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

// Parse reads a number of bytes.
func Parse(s string) (int64, error) {
	s = strings.TrimSpace(s)
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit, ok := units[strings.ToLower(strings.TrimSpace(s[len(digits):]))]
	if whole, err := strconv.ParseInt(digits, 10, 64); ok && err == nil && whole >= 0 && whole <= math.MaxInt64/int64(unit) {
		return whole * int64(unit), nil // exact, beyond the 53 bits of a float too
	}
	n, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || n < 0 || n*unit >= math.MaxInt64 || math.IsNaN(n) {
		return 0, fmt.Errorf("%q is no number of bytes: write it as 256MiB, 1.5GB or 4096", s)
	}
	return int64(n * unit), nil
}

// ParseSome is Parse for sizes of which 0 stands for a default.
func ParseSome(s string) (int64, error) {
	n, err := Parse(s)
	if err == nil && n == 0 {
		err = fmt.Errorf("%q is no size: give a number from 1 on, or leave it out for the default", s)
	}
	return n, err
}

// String writes n with three digits or so and a unit of 1024.
func String(n int64) string {
	f, unit := float64(n), 0
	for math.Abs(f) >= 999.5 && unit < len("KMGTPE") {
		f, unit = f/1024, unit+1
	}
	switch {
	case unit == 0:
		return strconv.FormatInt(n, 10) + " B"
	case math.Abs(f) < 9.95:
		return fmt.Sprintf("%.1f %ciB", f, "KMGTPE"[unit-1])
	}
	return fmt.Sprintf("%.0f %ciB", f, "KMGTPE"[unit-1])
}
