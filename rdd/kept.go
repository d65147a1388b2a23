package rdd

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// What a runner decodes once and keeps for further tasks: With values, and
// where shuffles lie.

// envs keeps decoded With values. The zero value is ready.
type envs struct {
	mu    sync.Mutex
	kept  map[envKey]*env
	order []envKey // the oldest first
	bytes int64    // as encoded
}

type envKey struct {
	op     plan.OpID
	digest plan.Digest
}

// env is a value that one task decodes while the others wait.
type env struct {
	once sync.Once
	v    any
	err  error
	size int64
}

// A loop makes a value a round and needs only the last ones, but a stage may
// need some of them in turn.
const (
	maxEnvs     = 64
	minEnvs     = 4
	maxEnvBytes = 128 << 20
)

func (e *envs) get(key envKey, blob func(plan.Digest) ([]byte, error), decode func([]byte) (any, error)) (any, error) {
	e.mu.Lock()
	v, ok := e.kept[key]
	if !ok {
		v = &env{err: errors.New("decode the With value: the decoder panicked in another task")}
		if e.kept == nil {
			e.kept = map[envKey]*env{}
		}
		e.kept[key] = v
		e.order = append(e.order, key)
	}
	e.mu.Unlock()
	v.once.Do(func() {
		defer func() { e.made(key, v) }()
		b, err := blob(key.digest)
		if err != nil {
			v.err = fmt.Errorf("fetch the With value: %w", err)
			return
		}
		v.size = int64(len(b))
		if v.v, v.err = decode(b); v.err != nil {
			v.err = fmt.Errorf("decode the With value: %w", v.err)
		}
	})
	return v.v, v.err
}

// made takes note of a value's size, and lets go of old ones. One that could
// not be had is tried again by the next task.
func (e *envs) made(key envKey, v *env) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v.err != nil {
		e.drop(key)
		return
	}
	e.bytes += v.size
	for len(e.order) > maxEnvs || e.bytes > maxEnvBytes && len(e.order) > minEnvs {
		e.drop(e.order[0])
	}
}

func (e *envs) drop(key envKey) {
	for i, k := range e.order {
		if k == key {
			e.order = append(e.order[:i], e.order[i+1:]...)
			break
		}
	}
	if v := e.kept[key]; v != nil && v.err == nil {
		e.bytes -= v.size
	}
	delete(e.kept, key)
}

// outputs keeps the decoded outputs of shuffles: every reduce task of a stage
// gets those of all maps. The zero value is ready.
type outputs struct {
	mu    sync.Mutex
	kept  map[plan.StageKey][]output
	bytes int64
}

type output struct {
	encoded []byte
	decoded *shuffle.Output
}

// maxOutputBytes bounds the encoded bytes that are kept.
const maxOutputBytes = 64 << 20

// get decodes outputs, or finds them as decoded before. Encoded ones are
// compared, which costs nothing where they are the same bytes in memory.
func (o *outputs) get(key plan.StageKey, encoded [][]byte) ([]*shuffle.Output, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.kept[key]
	got := make([]*shuffle.Output, len(encoded))
	for i, b := range encoded {
		if i < len(list) && bytes.Equal(list[i].encoded, b) {
			got[i] = list[i].decoded
			continue
		}
		out, err := decode[shuffle.Output](b)
		if err != nil {
			return nil, fmt.Errorf("map %d: %w", i, err)
		}
		got[i] = out
		o.bytes += int64(len(b))
		if i < len(list) {
			o.bytes -= int64(len(list[i].encoded))
			list[i] = output{b, out}
		} else if i == len(list) {
			list = append(list, output{b, out})
		}
	}
	if o.bytes > maxOutputBytes || o.kept == nil {
		o.kept, o.bytes = map[plan.StageKey][]output{}, 0
		for _, out := range list {
			o.bytes += int64(len(out.encoded))
		}
	}
	o.kept[key] = list
	return got, nil
}

// drop lets go of the outputs of a shuffle.
func (o *outputs) drop(key plan.StageKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, out := range o.kept[key] {
		o.bytes -= int64(len(out.encoded))
	}
	delete(o.kept, key)
}

// decode reads what an engine or another executor encoded.
func decode[T any](b []byte) (*T, error) {
	if err := plan.Check(b); err != nil {
		return nil, err
	}
	v := new(T)
	return v, msgpack.Unmarshal(b, v)
}
