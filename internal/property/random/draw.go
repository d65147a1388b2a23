package random

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Draws are the choices by which something was drawn, in their order. Each is
// of so many, which the generator knows; the smaller it is, the simpler is what
// it gives. Those that are missing at the end are 0.
type Draws []int

// Recipe is all that a pipeline and its types are drawn by.
type Recipe struct{ Types, Pipeline Draws }

// String is the form that [ParseRecipe] reads.
func (r Recipe) String() string { return r.Types.text() + "/" + r.Pipeline.text() }

func (d Draws) text() string {
	var words []string
	for _, n := range d.trimmed() {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ".")
}

// trimmed is without what goes without saying.
func (d Draws) trimmed() Draws {
	for len(d) > 0 && d[len(d)-1] == 0 {
		d = d[:len(d)-1]
	}
	return d
}

// mostDraws bounds what is read, far above what a pipeline takes.
const mostDraws = 100_000

// ParseRecipe reads what String gives.
func ParseRecipe(text string) (Recipe, error) {
	types, pipeline, ok := strings.Cut(text, "/")
	if !ok {
		return Recipe{}, errors.New("a recipe is two lists of numbers with a / between")
	}
	t, err := parseDraws(types)
	if err != nil {
		return Recipe{}, fmt.Errorf("types of a recipe: %w", err)
	}
	p, err := parseDraws(pipeline)
	if err != nil {
		return Recipe{}, fmt.Errorf("pipeline of a recipe: %w", err)
	}
	return Recipe{t, p}, nil
}

func parseDraws(text string) (d Draws, err error) {
	if text == "" {
		return nil, nil
	}
	words := strings.Split(text, ".")
	if len(words) > mostDraws {
		return nil, fmt.Errorf("%d numbers, which may be %d", len(words), mostDraws)
	}
	for _, w := range words {
		n, err := strconv.ParseUint(w, 10, 31)
		if err != nil {
			return nil, err
		}
		d = append(d, int(n))
	}
	return d, nil
}

// chooser makes choices: the given ones first, then at random, or always the
// simplest. It notes them.
type chooser struct {
	given Draws
	rand  *rand.Rand // nil: 0
	made  Draws
	spans []span
}

// span is where the choices for one thing are, so that it can be left out.
type span struct{ from, to int }

// IntN chooses a number less than n.
func (c *chooser) IntN(n int) int {
	v := 0
	switch at := len(c.made); {
	case at < len(c.given):
		v = c.given[at] % n
	case c.rand != nil:
		v = c.rand.IntN(n)
	}
	c.made = append(c.made, v)
	return v
}

// span begins a span and gives what ends it.
func (c *chooser) span() func() {
	from := len(c.made)
	return func() { c.spans = append(c.spans, span{from, len(c.made)}) }
}

// one says yes once in n times; no is simpler.
func (c *chooser) one(n int) bool { return c.IntN(n) == n-1 }

// pick chooses one; the first is the simplest.
func pick[T any](g *generator, of []T) T { return of[g.IntN(len(of))] }

// shuffle gives the values in some order.
func shuffle[T any](g *generator, values []T) []T {
	out := slices.Clone(values)
	for i := range len(out) - 1 {
		j := i + g.IntN(len(out)-i)
		out[i], out[j] = out[j], out[i]
	}
	return out
}
