package plan

import (
	"strings"
	"testing"
)

func TestLabels(t *testing.T) {
	many := make([]string, MaxTags+1)
	for i := range many {
		many[i] = "t"
	}
	for name, c := range map[string]struct {
		labels Labels
		err    string // "": none
	}{
		"none":                {},
		"both":                {labels: Labels{Description: "load the users’ table", Tags: []string{"nightly", "a b"}}},
		"the most":            {labels: Labels{Description: strings.Repeat("d", MaxDescription), Tags: append(many[:MaxTags-1:MaxTags-1], strings.Repeat("t", MaxTag))}},
		"long description":    {Labels{Description: strings.Repeat("d", MaxDescription+1)}, "has 1025 bytes: the most is 1024"},
		"lines":               {Labels{Description: "a\nb"}, "is not one line"},
		"escapes":             {Labels{Description: "a\x1b[2J"}, "is not one line"},
		"not text":            {Labels{Description: "\xff"}, "is not one line"},
		"many tags":           {Labels{Tags: many}, "has 33 tags: the most is 32"},
		"no tag":              {Labels{Tags: []string{"a", ""}}, "a tag is empty"},
		"long tag":            {Labels{Tags: []string{strings.Repeat("t", MaxTag+1)}}, "has 129 bytes: the most is 128"},
		"tags in one":         {Labels{Tags: []string{"a,b"}}, "has a comma"},
		"a tag of two lines":  {Labels{Tags: []string{"a\nb"}}, "is not one line"},
		"a tag that is bytes": {Labels{Tags: []string{"\xff"}}, "is not one line"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.labels.Check()
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, want %q", err, c.err)
			}
		})
	}
}
