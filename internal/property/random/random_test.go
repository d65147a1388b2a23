package random

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/property/random/oracle"
)

var (
	seed      = flag.Uint64("seed", 1, "the seed of the first package")
	pipelines = flag.Int("pipelines", 20, "how many pipelines a package has")
	programs  = flag.Int("programs", 1, "how many packages are run, with seeds from -seed on")
	keep      = flag.String("keep", "", "write the packages below this directory and leave them there")
	trials    = flag.Int("trials", 25, "how many packages are built to make a pipeline that fails smaller")
	wrong     = flag.Bool("wrong", false, "test that a failure of a wrong interpreter is made smaller, too")
	recipe    = flag.String("recipe", "", "run pipelines of these recipes, with commas between, instead")
)

// TestRandomPipelines runs random pipelines in all modes and compares them
// with the interpreter.
func TestRandomPipelines(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a package")
	}
	if *recipe != "" {
		runRecipes(t, strings.Split(*recipe, ","))
		return
	}
	for i := range *programs {
		at := *seed + uint64(i)
		t.Run(fmt.Sprint("seed=", at), func(t *testing.T) {
			p, err := New(at, *pipelines)
			if err != nil {
				t.Fatal(err)
			}
			(&session{t: t, dir: folder(t, fmt.Sprint(at)), trials: *trials}).run(p, fmt.Sprintf("-seed %d -pipelines %d", at, *pipelines))
		})
	}
}

func runRecipes(t *testing.T, texts []string) {
	var all []Recipe
	for _, text := range texts {
		r, err := ParseRecipe(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	p, err := Of(all...)
	if err != nil {
		t.Fatal(err)
	}
	(&session{t: t, dir: folder(t, "recipe"), trials: *trials}).run(p, "-recipe "+*recipe)
}

// folder is where a package is written.
func folder(t *testing.T, name string) string {
	if *keep != "" {
		return filepath.Join(*keep, name)
	}
	return filepath.Join(t.TempDir(), name)
}

// session runs a program and what it is made smaller to.
type session struct {
	t      testing.TB
	dir    string
	trials int
	spoil  func(*Program) // what is wrong, in a test of what finds it
}

func (s *session) attempt(p *Program, dir string, faults int) ([]oracle.Finding, took, error) {
	if s.spoil != nil {
		s.spoil(p)
	}
	return attempt(s.t.Context(), p, dir, faults)
}

// command replays something.
func command(flags string) string {
	return "go test ./internal/property/random -run TestRandomPipelines " + flags
}

// shownFindings bounds what is told of a program.
const shownFindings = 20

func (s *session) run(p *Program, flags string) {
	found, took, err := s.attempt(p, s.dir, 1)
	if err != nil {
		s.t.Errorf("%v\n\t%s", err, command(flags))
		s.isolate(p, kindsOf(err)[0])
		return
	}
	n := len(p.Pipelines)
	s.t.Logf("%d pipelines: generated in %v, built in %v, run in %v: %v each", n, took.generate, took.build, took.run, took.each(n))
	for i, f := range found {
		if i == shownFindings {
			s.t.Errorf("and %d more", len(found)-i)
			break
		}
		s.t.Errorf("%s, %s: %s\n\t%s", f.Case, f.Mode, f.Error, command(flags))
	}
	s.least(p, found)
}

// shownLeast bounds how many kinds of failures of a program are made smaller.
const shownLeast = 2

// least makes the smallest pipeline of each kind of failure smaller.
func (s *session) least(p *Program, found []oracle.Finding) {
	byKind := map[string]*Pipeline{}
	for _, f := range found {
		for _, l := range p.Pipelines {
			if old := byKind[kindOf(f)]; l.Name == f.Case && (old == nil || len(l.Text) < len(old.Text)) {
				byKind[kindOf(f)] = l
			}
		}
	}
	for i, kind := range slices.Sorted(maps.Keys(byKind)) {
		if i < shownLeast {
			s.shrink(byKind[kind], 24, func(p *Program) (failed []string, err error) {
				found, _, err := s.attempt(p, s.dir+"-smaller", 3) // what fails may depend on the faults
				for _, f := range found {
					if kindOf(f) == kind {
						failed = append(failed, f.Case)
					}
				}
				if err != nil {
					s.t.Logf("a smaller package: %v", err)
				}
				return failed, nil
			})
		}
	}
}

// isolate finds a pipeline with which a package cannot be built, or not run to
// its end, for a reason of one kind, and makes it smaller.
func (s *session) isolate(p *Program, kind string) {
	broken := func(all []*Pipeline) bool {
		p, err := again(all)
		if err == nil {
			_, _, err = s.attempt(p, s.dir+"-smaller", 1)
		}
		return err != nil && slices.Contains(kindsOf(err), kind)
	}
	all := p.Pipelines
	for budget := s.trials; len(all) > 1; budget-- {
		half := all[:len(all)/2]
		switch {
		case budget <= 0:
			return
		case broken(half):
			all = half
		case broken(all[len(all)/2:]):
			all = all[len(all)/2:]
		default:
			s.t.Logf("%d pipelines do this together, from %s on", len(all), all[0].Name)
			return
		}
	}
	s.shrink(all[0], 1, func(p *Program) (failed []string, err error) {
		if broken(p.Pipelines) {
			failed = append(failed, p.Pipelines[0].Name)
		}
		return failed, nil
	})
}

// again makes a program of some pipelines of another.
func again(all []*Pipeline) (*Program, error) {
	var recipes []Recipe
	for _, l := range all {
		recipes = append(recipes, l.Recipe)
	}
	return Of(recipes...)
}

// shrink makes a pipeline smaller, and tells how to replay what is left.
func (s *session) shrink(l *Pipeline, batch int, try Trial) {
	if s.trials == 0 {
		return
	}
	alone, err := again([]*Pipeline{l})
	if err != nil {
		s.t.Error(err)
		return
	}
	switch failed, err := try(alone); {
	case err != nil:
		s.t.Error(err)
		return
	case len(failed) == 0:
		s.t.Logf("%s does not fail alone, or not always:\n%s\n\t%s", l.Name, l.Text, command("-recipe "+l.Recipe.String()))
		return
	}
	least, err := Shrink(alone.Pipelines[0], try, s.trials, batch)
	if err != nil {
		s.t.Error(err)
	}
	// Its names hold its number in the package that it was tried in.
	if alone, err = again([]*Pipeline{least}); err != nil {
		s.t.Error(err)
		return
	}
	least = alone.Pipelines[0]
	s.t.Logf("the smallest that fails so, of %d bytes instead of %d:\n%s\n\t%s", len(least.Text), len(l.Text), least.Text, command("-recipe "+least.Recipe.String()))
}

var (
	rowsDiffer = regexp.MustCompile(`^(not as fused: )?(row \d+ of |\d+ rows, want )`)
	aside      = regexp.MustCompile(`^set aside|were set aside, want`)
	reasons    = regexp.MustCompile(`(?m)^(?:\S+\.go:\d+:\d+|generate|panic|fatal error): .*$`)
	paths      = regexp.MustCompile(`\S*/|\S+\.go\b`)
	details    = regexp.MustCompile(`"[^"]*"|[0-9]+|a\d+`)
)

// kindOf says what findings have in common that may have one cause.
func kindOf(f oracle.Finding) string {
	switch {
	case rowsDiffer.MatchString(f.Error):
		return "rows"
	case aside.MatchString(f.Error):
		return "aside"
	}
	kind, _, _ := strings.Cut(details.ReplaceAllString(f.Error, "#"), "\n")
	return cmp.Or(kind, "?")
}

// kindsOf says why a package cannot be built or not run to its end, with one
// for each of several reasons and at least one.
func kindsOf(err error) (kinds []string) {
	lines := reasons.FindAllString(err.Error(), -1)
	if len(lines) == 0 {
		first, _, _ := strings.Cut(err.Error(), "\n")
		lines = []string{first}
	}
	for _, l := range lines {
		kinds = append(kinds, details.ReplaceAllString(paths.ReplaceAllString(l, ""), "#"))
	}
	return kinds
}
