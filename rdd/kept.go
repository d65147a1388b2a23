package rdd

import (
	"errors"
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/rdd/plan"
)

// What a runner decodes once and keeps for further tasks: With values. Where
// shuffles lie is in outputs.go.

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

// decode reads what an engine or another executor encoded.
func decode[T any](b []byte) (*T, error) {
	if err := plan.Check(b); err != nil {
		return nil, err
	}
	v := new(T)
	return v, msgpack.Unmarshal(b, v)
}
