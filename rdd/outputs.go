package rdd

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// outputs keeps the decoded outputs of shuffles, and their files open: every reduce
// task of a stage reads those of all maps. The zero value is ready.
type outputs struct {
	mu    sync.Mutex
	kept  map[plan.StageKey][]*output
	bytes int64
	files openFiles
}

// output is that of one map.
type output struct {
	encoded []byte
	decoded *shuffle.Output
	file    mapFile
}

// maxOutputBytes bounds the encoded bytes that are kept.
const maxOutputBytes = 64 << 20

// get decodes outputs, or finds them as decoded before. Encoded ones are
// compared, which costs nothing where they are the same bytes in memory.
func (o *outputs) get(key plan.StageKey, encoded [][]byte) ([]*output, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kept == nil {
		o.kept = map[plan.StageKey][]*output{}
	}
	list := o.kept[key]
	defer func() { o.kept[key] = list }()
	got := make([]*output, len(encoded))
	for i, b := range encoded {
		if i < len(list) && bytes.Equal(list[i].encoded, b) {
			got[i] = list[i]
			continue
		}
		out, err := decode[shuffle.Output](b)
		if err != nil {
			return nil, fmt.Errorf("map %d: %w", i, err)
		}
		got[i] = &output{encoded: b, decoded: out, file: mapFile{path: out.Path, files: &o.files}}
		o.bytes += int64(len(b))
		if i < len(list) {
			o.forget(list[i])
			list[i] = got[i]
		} else if i == len(list) {
			list = append(list, got[i])
		}
	}
	for other := range o.kept {
		if other != key && o.bytes > maxOutputBytes {
			o.remove(other)
		}
	}
	return got, nil
}

// drop lets go of the outputs of a shuffle.
func (o *outputs) drop(key plan.StageKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remove(key)
}

// remove is drop for who has the mutex.
func (o *outputs) remove(key plan.StageKey) {
	for _, out := range o.kept[key] {
		o.forget(out)
	}
	delete(o.kept, key)
}

func (o *outputs) forget(out *output) {
	o.bytes -= int64(len(out.encoded))
	out.file.drop()
}

// input is what a task reads of partition r.
func (out *output) input(r int) shuffle.Input {
	in := out.decoded.Input(r)
	in.Open = out.file.open
	return in
}

// openFiles counts the files that are kept open, up to what the system allows. The
// zero value is ready.
type openFiles struct {
	mu   sync.Mutex
	once sync.Once
	left int
}

// take asks for one more.
func (f *openFiles) take() bool {
	f.once.Do(func() { f.left = mostOpen() })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return false
	}
	f.left--
	return true
}

func (f *openFiles) give() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left++
}

// mapFile is the file of a map's output. Where there are many of them, opening one
// for each of its many small parts costs more than reading these.
type mapFile struct {
	path  string
	files *openFiles

	mu    sync.Mutex
	kept  *os.File // nil: it is not kept open
	users int      // that read it
	gone  bool     // dropped: the last user closes it
}

// open opens the file, or gives it as it is open already.
func (m *mapFile) open() (io.ReaderAt, io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		f, err := os.Open(m.path)
		if err != nil {
			return nil, nil, err
		}
		if m.gone || !m.files.take() {
			return f, f, nil
		}
		m.kept = f
	}
	m.users++
	return m.kept, &user{m: m}, nil
}

// user is one who reads a file that is kept open.
type user struct {
	m    *mapFile
	once sync.Once
}

// Close says that the user does not read any more.
func (u *user) Close() error {
	u.once.Do(func() {
		u.m.mu.Lock()
		defer u.m.mu.Unlock()
		u.m.users--
		u.m.close()
	})
	return nil
}

// drop has the file closed as soon as nobody reads it.
func (m *mapFile) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = true
	m.close()
}

// close closes a file that nobody will read. The mutex is held.
func (m *mapFile) close() {
	if m.gone && m.users == 0 && m.kept != nil {
		_ = m.kept.Close() // it was only read
		m.kept = nil
		m.files.give()
	}
}
