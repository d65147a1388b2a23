package oracle

import (
	"errors"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gordd-project/gordd/typed"
)

// notes are what functions without a result were given, by what they were told
// to note it under. Functions capture nothing, and these run in the process
// that asks for it afterwards.
var notes struct {
	sync.Mutex
	by map[string]map[int][]string // by partition; 0 where it is not known
}

func note(where string, part int, do func([]string) []string) {
	notes.Lock()
	defer notes.Unlock()
	if notes.by == nil {
		notes.by = map[string]map[int][]string{}
	}
	if notes.by[where] == nil {
		notes.by[where] = map[int][]string{}
	}
	notes.by[where][part] = do(notes.by[where][part])
}

// Note takes note of a row.
func Note(where string, row any) {
	line := Show(row)
	note(where, 0, func(lines []string) []string { return append(lines, line) })
}

// NoteAll takes note of the rows of a partition, in place of what an attempt
// before has noted.
func NoteAll[T any](where string, t *typed.Task, rows iter.Seq[T]) error {
	lines, err := Lines(slices.Collect(rows), nil)
	if err == nil && t.Err() == nil { // a cancelled one has not seen all
		note(where, t.Partition(), func([]string) []string { return lines })
	}
	return err
}

// NotePairs is NoteAll of pairs.
func NotePairs[K, V any](where string, t *typed.Task, rows iter.Seq2[K, V]) error {
	var all []Pair[K, V]
	for k, v := range rows {
		all = append(all, Pair[K, V]{Key: k, Value: v})
	}
	lines, err := Pairs(all, nil)
	if err == nil && t.Err() == nil {
		note(where, t.Partition(), func([]string) []string { return lines })
	}
	return err
}

// Noted gives what was noted, partition by partition, and forgets it.
func Noted(where string, err error) ([]string, error) {
	notes.Lock()
	defer notes.Unlock()
	parts := notes.by[where]
	delete(notes.by, where)
	lines := []string{}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		lines = append(lines, parts[part]...)
	}
	return lines, err
}

// rejected counts the rows that the interpreter leaves out.
var rejected atomic.Int64

// Reject rejects a row; the interpreter has no task.
func Reject(t *typed.Task, row any) {
	if t == nil {
		rejected.Add(1)
		return
	}
	t.Reject(row, errors.New("rejected"))
}

// address is what a pointer in a row looks like.
var address = regexp.MustCompile(`0x[0-9a-f]{6,}`)

// setAside takes away the files of rows that were set aside, and gives their
// lines in order.
func setAside(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	var lines []string
	for _, name := range names {
		b, e := os.ReadFile(name)
		err = errors.Join(err, e, os.Remove(name))
		for line := range strings.Lines(string(b)) {
			// The directory of what is read is another in each run.
			path, rest, _ := strings.Cut(line, "\t")
			line = filepath.Base(path) + "\t" + strings.TrimSuffix(rest, "\n")
			lines = append(lines, address.ReplaceAllString(line, "0x"))
		}
	}
	slices.Sort(lines)
	return lines, err
}
