package random

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// containing fails pipelines whose source has all of some words.
func containing(words ...string) Trial {
	return func(p *Program) (failed []string, err error) {
		for _, l := range p.Pipelines {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(l.Text, w) }) {
				failed = append(failed, l.Name)
			}
		}
		return failed, nil
	}
}

// long finds a long pipeline that fails.
func long(t *testing.T, try Trial) *Pipeline {
	t.Helper()
	for seed := range uint64(100) {
		p, err := New(seed, 100)
		if err != nil {
			t.Fatal(err)
		}
		failed, _ := try(p)
		for _, l := range p.Pipelines {
			if slices.Contains(failed, l.Name) && len(l.Text) > 4000 {
				return l
			}
		}
	}
	t.Fatal("no such pipeline is drawn")
	return nil
}

func TestShrinkKeepsWhatFails(t *testing.T) {
	for _, words := range [][]string{
		{"SortBy("}, {"Repartition(", "Join("}, {"WholeTextFiles("},
	} {
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			try := containing(words...)
			from := long(t, try)
			got, err := Shrink(from, try, 24, 24)
			if err != nil {
				t.Fatal(err)
			}
			if failed, _ := try(&Program{Pipelines: []*Pipeline{got}}); len(failed) == 0 {
				t.Errorf("does not fail:\n%s", got.Text)
			}
			t.Logf("%d from %d bytes", len(got.Text), len(from.Text))
			if len(got.Text)*3 > len(from.Text)*2 {
				t.Errorf("still %d of %d bytes:\n%s", len(got.Text), len(from.Text), got.Text)
			}
			again, err := Of(got.Recipe)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(again.Pipelines[0].Text, "\n") != strings.Count(got.Text, "\n") {
				t.Errorf("the recipe gives another pipeline:\n%s", again.Pipelines[0].Text)
			}
		})
	}
}

func TestShrinkIsBounded(t *testing.T) {
	from := long(t, containing("Join("))
	trials, most := 0, 0
	got, err := Shrink(from, func(p *Program) (failed []string, err error) {
		trials++
		most = max(most, len(p.Pipelines))
		return nil, nil
	}, 4, 10)
	if err != nil || got != from || trials != 4 || most != 10 {
		t.Errorf("%d trials of at most %d pipelines, %v", trials, most, err)
	}
	if _, err := Shrink(from, func(*Program) ([]string, error) { return nil, errors.New("no disk") }, 4, 10); err == nil {
		t.Error("the error of a trial is lost")
	}
}

func TestShrinkDoesNotTryTwice(t *testing.T) {
	from := long(t, containing("Filter("))
	seen := map[string]bool{}
	_, err := Shrink(from, func(p *Program) (failed []string, err error) {
		for _, l := range p.Pipelines {
			if r := fmt.Sprint(l.Recipe); seen[r] {
				t.Errorf("tried twice: %s", r)
			} else {
				seen[r] = true
			}
		}
		return nil, nil
	}, 5, 20)
	if err != nil || len(seen) < 50 {
		t.Errorf("%d were tried: %v", len(seen), err)
	}
}

// TestAFailureIsMadeSmall has an interpreter that is wrong in Values.
func TestAFailureIsMadeSmall(t *testing.T) {
	if !*wrong {
		t.Skip("compiles several packages: run it with -wrong")
	}
	p, err := again([]*Pipeline{long(t, containing("oracle.Values(", "return oracle.Lines(", "Collect(ctx)"))})
	if err != nil {
		t.Fatal(err)
	}
	told := &listener{TB: t}
	s := &session{t: told, dir: t.TempDir() + "/wrong", trials: 4, spoil: func(p *Program) {
		for name, text := range p.Files {
			p.Files[name] = strings.ReplaceAll(text, "oracle.Values(", "spoilt(")
		}
		p.Files["main.go"] += "\nfunc spoilt[K, V any](d oracle.Data[oracle.Pair[K, V]]) oracle.Data[V] {\n\treturn append(oracle.Values(d), make([]V, 1))\n}\n"
	}}
	s.run(p, "-as before")
	if len(told.errors) == 0 || !strings.Contains(told.errors[0], "rows, want") && !strings.Contains(told.errors[0], "row ") {
		t.Fatalf("not found: %q, %q", told.errors, told.logs)
	}
	last := told.logs[len(told.logs)-1]
	m := regexp.MustCompile(`(?s)of (\d+) bytes instead of (\d+):.*oracle.Values.*-recipe (\S+)$`).FindStringSubmatch(last)
	if m == nil {
		t.Fatalf("told: %s", last)
	}
	r, err := ParseRecipe(m[3])
	if err != nil {
		t.Fatal(err)
	}
	if least, err := Of(r); err != nil || !strings.Contains(last, least.Pipelines[0].Text) {
		t.Errorf("the recipe gives another pipeline: %v\n%s", err, last)
	}
	is, _ := strconv.Atoi(m[1])
	if was, _ := strconv.Atoi(m[2]); is == 0 || is*2 > was {
		t.Errorf("%d bytes of %d", is, was)
	}
}

// listener keeps what it is told.
type listener struct {
	testing.TB
	errors, logs []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.errors = append(l.errors, fmt.Sprintf(format, args...))
}

func (l *listener) Logf(format string, args ...any) {
	l.logs = append(l.logs, fmt.Sprintf(format, args...))
}
