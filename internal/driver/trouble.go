package driver

import (
	"errors"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// Trouble makes an error fit to travel. What programs tell apart stays: failed
// tasks and paths.
func Trouble(err error) *wire.Trouble {
	if err == nil {
		return nil
	}
	t := &wire.Trouble{Text: err.Error()}
	_ = errors.As(err, &t.Stage)
	var path *storage.PathError
	if errors.As(err, &path) {
		t.Path, t.Kind = path.Path, int(path.Kind)
	}
	return t
}

// Cause is the reverse of Trouble.
func Cause(t *wire.Trouble) error {
	if t == nil {
		return nil
	}
	return &travelled{t}
}

// travelled is an error that came from another process.
type travelled struct{ *wire.Trouble }

func (e *travelled) Error() string { return e.Text }

// As finds the causes that have types here.
func (e *travelled) As(target any) bool {
	switch target := target.(type) {
	case **plan.StageError:
		*target = e.Stage
		return e.Stage != nil
	case **storage.PathError:
		*target = &storage.PathError{Path: e.Path, Kind: storage.Kind(e.Kind), Offset: -1, Err: errors.New(e.Text)}
		return e.Path != ""
	}
	return false
}
