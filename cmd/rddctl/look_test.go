package main

import (
	"io"
	"os"
	"testing"

	"github.com/gordd-project/gordd/internal/status"
)

// printed gives what f writes to standard output.
func printed(t *testing.T, f func() error) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	before := os.Stdout
	os.Stdout = file
	err = f()
	os.Stdout = before
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPrint(t *testing.T) {
	type row []any
	for _, c := range []struct {
		name, output, want string
		rows               []row
	}{
		{name: "nothing", output: "table", want: "ID  TEXT\n"},
		{name: "columns", output: "table", rows: []row{{"a", 1}, {"longer", "two words"}}, want: "ID      TEXT\na       1\nlonger  two words\n"},
		{name: "no text", output: "table", rows: []row{{"a", ""}}, want: "ID  TEXT\na   -\n"},
		{name: "text that would be more", output: "table", rows: []row{{"a\tb", "c\nd\x1b[2J"}}, want: "ID   TEXT\na b  c d [2J\n"},
		{name: "no rows as JSON", output: "json", rows: []row{}, want: "[]\n"},
		{name: "JSON", output: "json", rows: []row{{"a\n", 1}}, want: "[\n  [\n    \"a\\n\",\n    1\n  ]\n]\n"},
	} {
		l := look{output: c.output}
		got := printed(t, func() error {
			return l.print(c.rows, "ID TEXT", func(add func(...any)) {
				for _, r := range c.rows {
					add(r...)
				}
			})
		})
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestPrintJob(t *testing.T) {
	j := status.Job{ID: "j", Name: "a\nname", User: "u", State: "failed", Cause: "why", Duration: 1.2345,
		Actions: []status.Action{{N: 1, Name: "Collect", Site: "main.go:3", State: "failed", Done: 2, Of: 4, Cause: "why",
			Tags: []string{"a", "b"}, Description: "load the rows"}}}
	head := "j  a name  of u, driver on the submitter's machine: failed after 1.23s\nwhy\n"
	table := "ACTION  NAME     SITE       STATE   DONE  OF  TAGS  DESCRIPTION    CAUSE\n" +
		"1       Collect  main.go:3  failed  2     4   a,b   load the rows  why\n"
	l := look{output: "table"}
	if got := printed(t, func() error { return l.printJob(&j) }); got != head+table {
		t.Errorf("got\n%s\nwant\n%s", got, head+table)
	}
	j.Driver, j.Cause, j.Owner, j.LeftOut = "w", "", "client/alice", []string{"linux/arm64", "darwin/arm64"}
	j.Programs = []status.Program{{Platform: "linux/amd64"}}
	head = "j  a name  of u (client/alice), driver on worker w: failed after 1.23s\n" +
		"its program is for linux/amd64: workers of linux/arm64, darwin/arm64 get no tasks of it\n"
	if got := printed(t, func() error { return l.printJob(&j) }); got != head+table {
		t.Errorf("got\n%s\nwant\n%s", got, head+table)
	}
	j.HotKeys = status.HotKeys{Keys: 1, Parts: 7}
	head += "joins: 1 hot key split into 7 parts\n"
	if got := printed(t, func() error { return l.printJob(&j) }); got != head+table {
		t.Errorf("got\n%s\nwant\n%s", got, head+table)
	}
}

func TestAge(t *testing.T) {
	for seconds, want := range map[float64]string{0: "", 0.5: "500ms", 61: "1m1s"} {
		if got := age(seconds); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
}
