//go:build !unix

package wire

import (
	"errors"
	"os"
)

// Pair makes no socket on this system.
func Pair() (*Conn, *os.File, error) {
	return nil, nil, errors.New("no sockets to inherit on this system")
}

// Inherited gives nil: on this system a program runs by itself.
func Inherited() (*Conn, error) { return nil, nil }
