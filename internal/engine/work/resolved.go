package work

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// maxResolved bounds a resolved plan with its splits, as they are unpacked.
const maxResolved = 1 << 30

// Resolved is what inputs that were listed make of a plan.
type Resolved struct {
	Plan  *plan.Plan
	Found map[plan.Files][]storage.Split // of each file source
}

// resolved is Resolved in an order that encodes.
type resolved struct {
	Plan   *plan.Plan
	Files  []plan.Files
	Splits [][]storage.Split
}

// Pack encodes what was resolved: names of files repeat, so it is compressed. The
// error wraps plan.ErrTooLarge when there are more splits than a master keeps of one
// action.
func (r *Resolved) Pack() ([]byte, error) {
	flat := resolved{Plan: r.Plan}
	for i := range r.Plan.Stages {
		for _, f := range r.Plan.Stages[i].Pipe.FileSources() {
			flat.Files, flat.Splits = append(flat.Files, *f), append(flat.Splits, r.Found[*f])
		}
	}
	b, err := msgpack.Marshal(&flat)
	if err != nil {
		return nil, fmt.Errorf("encode a resolved plan: %w", err)
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(b)
		err = errors.Join(err, w.Close())
	}
	if err == nil && packed.Len() > plan.MaxEncoded/2 {
		err = fmt.Errorf("%d bytes: %w: read the input in larger splits", packed.Len(), plan.ErrTooLarge)
	}
	if err != nil {
		return nil, fmt.Errorf("encode a resolved plan: %w", err)
	}
	return packed.Bytes(), nil
}

// Unpack is the reverse of Pack.
func Unpack(packed []byte) (*Resolved, error) {
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxResolved))
	if err == nil {
		err = plan.Check(b)
	}
	var flat resolved
	if err == nil {
		err = msgpack.Unmarshal(b, &flat)
	}
	if err == nil && (flat.Plan == nil || len(flat.Files) != len(flat.Splits)) {
		err = errors.New("it has no plan, or sources without splits")
	}
	if err != nil {
		return nil, fmt.Errorf("decode a resolved plan: %w", err)
	}
	r := &Resolved{Plan: flat.Plan, Found: map[plan.Files][]storage.Split{}}
	for i, f := range flat.Files {
		r.Found[f] = flat.Splits[i]
	}
	return r, nil
}
