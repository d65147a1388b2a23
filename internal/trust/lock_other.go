//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package trust

import (
	"errors"
	"os"
)

// lockFile has no locks to give here: who announces does without, and what was
// announced counts until it is taken back.
func lockFile(_ *os.File, alone bool) error {
	if alone {
		return nil
	}
	return errors.ErrUnsupported
}
