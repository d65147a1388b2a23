package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	lib "github.com/colinmarc/hdfs/v2"

	"github.com/gordd-project/gordd/storage"
)

// Errors of our own.
var (
	errNotFound     = &knownError{storage.NotFound, "no such file or directory", fs.ErrNotExist}
	errNotDir       = &knownError{storage.Invalid, "not a directory", nil}
	errIsDir        = &knownError{storage.Invalid, "is a directory", nil}
	errExists       = &knownError{storage.Exists, "exists already", fs.ErrExist}
	errErasureCoded = &knownError{storage.Invalid, "erasure coded files cannot be read: copy it to a directory with replication", nil}
	errEncrypted    = &knownError{storage.Invalid, "files of an encryption zone cannot be read: copy it out of the zone", nil}
	errOtherCluster = &knownError{storage.Invalid, "cannot be moved to another cluster", nil}
)

// knownError is an error whose kind is known.
type knownError struct {
	kind  storage.Kind
	text  string
	cause error // what errors.Is may look for
}

func (e *knownError) Error() string { return e.text }

func (e *knownError) Unwrap() error { return e.cause }

// remoteKinds are the kinds of the name node's exceptions, by the last part of their names.
var remoteKinds = map[string]storage.Kind{
	"FileNotFoundException":               storage.NotFound,
	"AccessControlException":              storage.Permission,
	"FileAlreadyExistsException":          storage.Exists,
	"AlreadyBeingCreatedException":        storage.Exists,
	"PathIsNotEmptyDirectoryException":    storage.Exists,
	"NSQuotaExceededException":            storage.NoSpace,
	"DSQuotaExceededException":            storage.NoSpace,
	"QuotaByStorageTypeExceededException": storage.NoSpace,
	"ParentNotDirectoryException":         storage.Invalid,
	"InvalidPathException":                storage.Invalid,
	"HadoopIllegalArgumentException":      storage.Invalid,
}

// causes are what errors.Is finds in errors of a kind, as with local files.
var causes = map[storage.Kind]error{storage.NotFound: fs.ErrNotExist, storage.Permission: fs.ErrPermission, storage.Exists: fs.ErrExist}

// remote returns the name of the exception that a name node answered with.
func remote(err error) (exception string, e lib.Error) {
	if !errors.As(err, &e) {
		return "", nil
	}
	name := e.Exception()
	return name[strings.LastIndexByte(name, '.')+1:], e
}

// explain makes a sentence of what a name node answered: the first line, without the stack of the
// Java program.
func explain(err error) error {
	name, e := remote(err)
	if e == nil {
		return err
	}
	text, _, _ := strings.Cut(e.Message(), "\n")
	if name == "SafeModeException" {
		text += " Changes are refused until it leaves safe mode (hdfs dfsadmin -safemode get)."
	}
	if text == "" {
		text = name
	}
	kind := remoteKinds[name]
	return &knownError{kind, text, causes[kind]}
}

// kindOf returns the kind of an error of this package.
func kindOf(err error) storage.Kind {
	var known *knownError
	if errors.As(explain(err), &known) {
		return known.kind
	}
	switch {
	case errors.Is(err, errCorrupt):
		return storage.Corrupt
	case errors.Is(err, errCredentials):
		return storage.Permission
	}
	return storage.KindOf(err)
}

// pathError says what was done where. A cancelled context stays what it is.
func pathError(op, url string, err error) error {
	var pe *storage.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pe):
		return err
	case errors.Is(err, context.Canceled):
		return err
	}
	return &storage.PathError{Op: op, Path: url, Kind: kindOf(err), Offset: -1, Err: explain(err)}
}

// libraryError makes an error of this package of one of the library's, which has taken the sentence
// off those that it knows.
func libraryError(err error, user string) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNotFound
	case errors.Is(err, fs.ErrExist):
		return errExists
	case errors.Is(err, fs.ErrPermission):
		return &knownError{storage.Permission, "permission denied for user " + user, fs.ErrPermission}
	case errors.Is(err, fs.ErrInvalid):
		return &knownError{storage.Invalid, "the name node takes no such file name, replication or block size", fs.ErrInvalid}
	}
	return err
}

// unreachable is the error of a cluster none of whose name nodes answered.
func unreachable(authority string, addresses []string, err error) error {
	return fmt.Errorf("no name node of hdfs://%s answers (asked %s; is the address right, and HDFS running?): %w",
		authority, strings.Join(addresses, ", "), err)
}
