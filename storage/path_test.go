package storage

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestPathsOfAnyStore(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("local paths are written for POSIX here")
	}
	for _, c := range []struct{ path, root, dir, base, joined string }{
		{"/a/b", "", "/a", "b", "/a/b/x/y"},
		{"/a/b/", "", "/a/b", "b", "/a/b/x/y"},
		{"/", "", "/", "/", "/x/y"},
		{"/a//b/../c", "", "/a", "c", "/a/c/x/y"},
		{"hdfs://nn:9000/a/b", "hdfs://nn:9000", "hdfs://nn:9000/a", "b", "hdfs://nn:9000/a/b/x/y"},
		{"hdfs://nn/a", "hdfs://nn", "hdfs://nn/", "a", "hdfs://nn/a/x/y"},
		{"hdfs://nn", "hdfs://nn", "hdfs://nn/", "/", "hdfs://nn/x/y"},
		{"hdfs:///a", "hdfs://", "hdfs:///", "a", "hdfs:///a/x/y"},
		{"s3://bucket/../x", "s3://bucket", "s3://bucket/", "x", "s3://bucket/x/x/y"},
	} {
		root, _ := cutURL(c.path)
		if root != c.root {
			t.Errorf("cutURL(%q): root %q, want %q", c.path, root, c.root)
		}
		if got := baseOf(c.path); got != c.base {
			t.Errorf("baseOf(%q) = %q, want %q", c.path, got, c.base)
		}
		if got := Join(c.path, "x", "y"); got != c.joined {
			t.Errorf("Join(%q, x, y) = %q, want %q", c.path, got, c.joined)
		}
		if c.path == Join(c.path) {
			if got := dirOf(c.path); got != c.dir {
				t.Errorf("dirOf(%q) = %q, want %q", c.path, got, c.dir)
			}
		}
	}
	for in, want := range map[string]string{
		"file:/a": "/a", "file:///a": "/a", "file://localhost/a": "/a", "file:a": "file:a", "/file:/a": "/file:/a", "a": "a",
	} {
		if got := stripFile(in); got != want {
			t.Errorf("stripFile(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSplitPaths(t *testing.T) {
	if !escapes {
		t.Skip("no escapes here")
	}
	for in, want := range map[string][]string{
		"a":             {"a"},
		"a,b":           {"a", "b"},
		"{a,b},c":       {"{a,b}", "c"},
		"{a,{b,c}}/d,e": {"{a,{b,c}}/d", "e"},
		`a\,b,c`:        {`a\,b`, "c"},
		`\{a,b`:         {`\{a`, "b"},
		"}a,b":          {"}a", "b"},
		"":              {""},
		"a,":            {"a", ""},
		`a\`:            {`a\`},
		// Hosts of a URL are one thing.
		"hdfs://a:1,b:2/x,/y":    {"hdfs://a:1,b:2/x", "/y"},
		"y,hdfs://a,b/{x,y},z":   {"y", "hdfs://a,b/{x,y}", "z"},
		"file:///a,b,/c://d,e":   {"file:///a", "b", "/c://d", "e"},
		"hdfs:///a,hdfs://n/b,c": {"hdfs:///a", "hdfs://n/b", "c"},
	} {
		if got := splitPaths(in); !slices.Equal(got, want) {
			t.Errorf("splitPaths(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestExpandBraces(t *testing.T) {
	for in, want := range map[string]string{
		"a":             "a",
		"{a,b}":         "a b",
		"x{a,b}y{1,2}z": "xay1z xay2z xby1z xby2z",
		"{a,{b,c}d}e":   "ae bde cde",
		"{,x}":          " x",
		"{}":            "",
		"a}b":           "a}b",
	} {
		got, err := expandBraces(in)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("expandBraces(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestEscapeRoundTrip(t *testing.T) {
	if !escapes {
		t.Skip("no escapes here")
	}
	for _, p := range []string{"plain", "a,b", `{x}[y]*?\z`, `\`, "ü,", "hdfs://a:1,b:2/x,y*"} {
		e := escape(p)
		if hasMeta(e) || len(splitPaths(e)) != 1 || unescape(e) != p {
			t.Errorf("%q escapes to %q, and back to %q", p, e, unescape(e))
		}
	}
}
