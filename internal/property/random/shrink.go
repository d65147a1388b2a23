package random

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Trial runs pipelines in one program, and gives the names of those that fail.
type Trial func(p *Program) (failed []string, err error)

// Shrink looks for a smaller pipeline that fails as one does: with choices left
// out or lowered, for its types as for itself, so that operators, rows,
// partitions and fields go away. Each of so many trials is given up to batch
// candidates. What it returns is the smallest that failed, which is p when none
// did.
func Shrink(p *Pipeline, try Trial, trials, batch int) (*Pipeline, error) {
	s := &shrinker{best: p, seen: map[string]bool{}, rand: rand.New(rand.NewPCG(uint64(len(p.Text)), 3))}
	for range trials {
		recipes := s.spread(s.candidates(), batch)
		if len(recipes) == 0 {
			break
		}
		program, err := Of(recipes...)
		if err != nil {
			return s.best, err
		}
		failed, err := try(program)
		if err != nil {
			return s.best, err
		}
		for _, c := range program.Pipelines {
			if slices.Contains(failed, c.Name) && c.smaller(s.best) {
				s.best = c
			}
		}
	}
	return s.best, nil
}

type shrinker struct {
	best *Pipeline
	seen map[string]bool // recipes that were tried, or are the same as such
	rand *rand.Rand
}

// smaller says whether one is simpler than another: shorter, or as long and of
// lower choices.
func (p *Pipeline) smaller(than *Pipeline) bool {
	return cmp.Or(cmp.Compare(len(p.Text), len(than.Text)), slices.Compare(p.Recipe.Types, than.Recipe.Types), slices.Compare(p.Recipe.Pipeline, than.Recipe.Pipeline)) < 0
}

// candidates are pipelines smaller than the best that were not tried, the
// smallest first.
func (s *shrinker) candidates() (out []*Pipeline) {
	for _, r := range s.variants() {
		c := (&generator{}).follow(0, r)
		if name := c.Recipe.String(); !s.seen[name] && c.smaller(s.best) {
			s.seen[name] = true
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *Pipeline) int { return cmp.Compare(len(a.Text), len(b.Text)) })
	return slices.CompactFunc(out, func(a, b *Pipeline) bool { return a.Text == b.Text })
}

// spread chooses n of them, from the smallest to the largest: small ones help
// more, large ones are more likely to fail. Others may be tried another time.
func (s *shrinker) spread(all []*Pipeline, n int) (out []Recipe) {
	take := map[int]bool{}
	for i := range min(n, len(all)) {
		from, to := i*len(all)/min(n, len(all)), (i+1)*len(all)/min(n, len(all))
		take[from+s.rand.IntN(to-from)] = true
	}
	for i, p := range all {
		if take[i] {
			out = append(out, p.Recipe)
		} else {
			delete(s.seen, p.Recipe.String())
		}
	}
	return out
}

// variants are recipes with less in them than the best.
func (s *shrinker) variants() (out []Recipe) {
	r := s.best.Recipe
	for _, d := range s.less(r.Pipeline, s.best.steps) {
		out = append(out, Recipe{r.Types, d})
	}
	for _, d := range s.less(r.Types, nil) {
		out = append(out, Recipe{d, r.Pipeline})
	}
	// Two changes at once: what one leaves in the way, the other may remove.
	for range min(len(out), 200) {
		a, b := out[s.rand.IntN(len(out))], out[s.rand.IntN(len(out))]
		if len(a.Types)+len(b.Types) < 2*len(r.Types) || len(a.Pipeline) >= len(r.Pipeline) {
			out = append(out, Recipe{b.Types, a.Pipeline})
			continue
		}
		more := s.less(a.Pipeline, nil)
		if len(more) > 0 {
			out = append(out, Recipe{b.Types, more[s.rand.IntN(len(more))]})
		}
	}
	return out
}

// less gives lists with spans or runs of choices left out, or all 0, and with
// single ones lowered.
func (s *shrinker) less(d Draws, spans []span) (out []Draws) {
	spans = slices.Clone(spans)
	for size := len(d) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(d); from += max(size/2, 1) {
			spans = append(spans, span{from, from + size})
		}
	}
	for _, p := range spans {
		out = append(out, slices.Concat(d[:p.from], d[p.to:]))
		if zeros := slices.Concat(d[:p.from], make(Draws, p.to-p.from), d[p.to:]); !slices.Equal(zeros, d) {
			out = append(out, zeros)
		}
	}
	for i, v := range d {
		for _, lower := range []int{v / 2, v - 1} {
			if lower > 0 && lower < v {
				low := slices.Clone(d)
				low[i] = lower
				out = append(out, low)
			}
		}
	}
	return out
}
