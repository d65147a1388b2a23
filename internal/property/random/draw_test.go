package random

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestRecipesAreReadBack(t *testing.T) {
	for _, test := range []struct {
		r    Recipe
		text string
	}{
		{Recipe{}, "/"},
		{Recipe{Draws{1, 0, 12}, Draws{3}}, "1.0.12/3"},
		{Recipe{nil, Draws{0, 7, 0, 0}}, "/0.7"}, // a 0 at the end goes without saying
	} {
		if got := test.r.String(); got != test.text {
			t.Errorf("got %q, want %q", got, test.text)
		}
		got, err := ParseRecipe(test.text)
		if err != nil || !slices.Equal(got.Types, test.r.Types.trimmed()) || !slices.Equal(got.Pipeline, test.r.Pipeline.trimmed()) {
			t.Errorf("%s is read as %v, %v", test.text, got, err)
		}
	}
	for _, text := range []string{"", "1.2", "1.x/2", "1/-2", "1/2/3", "1/99999999999", "/1..2", "/" + strings.Repeat("1.", mostDraws) + "1"} {
		if r, err := ParseRecipe(text); err == nil {
			t.Errorf("%.20q is read as %.20v", text, r)
		}
	}
}

// FuzzRecipe looks for lists of numbers that give no pipeline.
func FuzzRecipe(f *testing.F) {
	f.Add("1.2.3/4.5.6")
	p, err := New(5, 4)
	if err != nil {
		f.Fatal(err)
	}
	for _, l := range p.Pipelines {
		f.Add(l.Recipe.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecipe(text)
		if err != nil {
			t.Skip()
		}
		p, err := Of(r)
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		again, err := Of(p.Pipelines[0].Recipe)
		if err != nil || !maps.Equal(p.Files, again.Files) {
			t.Errorf("%s gives another program by what was chosen for it: %v", r, err)
		}
	})
}

func TestARecipeGivesWhatTheSeedGave(t *testing.T) {
	p, err := New(9, 60)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Pipeline{p.Pipelines[0], p.Pipelines[59]} {
		alone, err := Of(l.Recipe)
		if err != nil {
			t.Fatal(err)
		}
		got := alone.Pipelines[0]
		if strings.Count(got.Text, "\n") != strings.Count(l.Text, "\n") || got.order != l.order || got.whole != l.whole {
			t.Errorf("got\n%s\nwant\n%s", got.Text, l.Text)
		}
	}
}

// TestNothingIsSimple sees what is drawn where no choices are given: shrinking
// goes there.
func TestNothingIsSimple(t *testing.T) {
	p, err := Of(Recipe{})
	if err != nil {
		t.Fatal(err)
	}
	text := p.Pipelines[0].Text
	if !strings.Contains(text, "a0 := s.Parallelize(oracle.Rows[int64](0, 0), 1)\nreturn oracle.Lines(a0.Collect(ctx))") || len(text) > 300 {
		t.Errorf("drawn:\n%s", text)
	}
}

func TestChoices(t *testing.T) {
	c := &chooser{given: Draws{5, 1}, rand: stream(1, 2, 0)}
	end := c.span()
	got := []int{c.IntN(3), c.IntN(2)}
	end()
	if !slices.Equal(got, []int{2, 1}) || !slices.Equal(c.spans, []span{{0, 2}}) {
		t.Errorf("got %v in %v", got, c.spans)
	}
	seen := map[int]bool{}
	for range 100 {
		seen[c.IntN(4)] = true
	}
	if len(seen) != 4 || len(c.made) != 102 {
		t.Errorf("%d different of %d", len(seen), len(c.made))
	}
	if c := (&chooser{}); c.one(2) || c.IntN(7) != 0 {
		t.Error("without choices the simplest is not drawn")
	}
	g := &generator{chooser: &chooser{rand: stream(1, 2, 0)}}
	all := []int{1, 2, 3, 4, 5}
	if got := shuffle(g, all); !slices.Equal(slices.Sorted(slices.Values(got)), all) || !slices.Equal(all, []int{1, 2, 3, 4, 5}) {
		t.Errorf("got %v of %v", got, all)
	}
}
