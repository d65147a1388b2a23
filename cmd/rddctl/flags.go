package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gordd-project/gordd/internal/size"
)

// bytesFlag is a flag with a number of bytes.
type bytesFlag int64

func (b *bytesFlag) String() string {
	if *b == 0 {
		return ""
	}
	return size.String(int64(*b))
}

func (b *bytesFlag) Set(s string) error {
	n, err := size.ParseSome(s)
	*b = bytesFlag(n)
	return err
}

func (b *bytesFlag) Type() string { return "bytes" }

// flagError names the flag that may have been meant.
func flagError(c *cobra.Command, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return fmt.Errorf("%w; %s --help says more", err, c.CommandPath())
	}
	if near := nearest(c, name); near != "" {
		return fmt.Errorf("%w; did you mean --%s? What belongs to the program follows --", err, near)
	}
	return fmt.Errorf("%w; what belongs to the program follows --; %s --help says more", err, c.CommandPath())
}

// nearest finds the flag whose name is least far from an unknown one.
func nearest(c *cobra.Command, name string) string {
	best, least := "", 3
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if d := distance(f.Name, name); d < least || strings.HasPrefix(f.Name, name) && least > 0 {
			best, least = f.Name, min(d, least)
		}
	})
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
