package trust

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoLocal is wrapped by the error of FindLocal when there is no token for an
// address.
var ErrNoLocal = errors.New("no token of this user")

// Local is the token of a server on loopback. Who can read its file is the same
// user on the same machine, and may do everything.
type Local struct {
	token string
	path  string
}

// keptToken is the file in a server's own directory with its token.
const keptToken = "local.token"

// NewLocal makes the token of a server that listens on addr, with its final port.
// A file that is there is replaced: it is of a server that had the port before,
// since only one can have it. One that starts again in its own directory, keep, has
// the token that it had there, so that those who know it need not ask again; with
// "" for keep the token is new.
func NewLocal(addr, keep string) (*Local, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, fmt.Errorf("make the local token: %w", err)
	}
	name, err := localName(addr)
	if err != nil {
		return nil, fmt.Errorf("make the local token: %w", err)
	}
	token, err := tokenOf(keep)
	if err != nil {
		return nil, fmt.Errorf("make the local token: %w", err)
	}
	l := &Local{token: token, path: filepath.Join(dir, name)}
	if err := writeFile(dir, name, []byte(l.token)); err != nil {
		return nil, fmt.Errorf("make the local token: %w", err)
	}
	return l, nil
}

// tokenOf gives the token of a server's directory, drawn the first time, or a new
// one without a directory.
func tokenOf(dir string) (string, error) {
	if dir == "" {
		return drawn(), nil
	}
	b, err := readFile(dir, keptToken)
	if errors.Is(err, fs.ErrNotExist) {
		token := drawn()
		return token, writeFile(dir, keptToken, []byte(token))
	}
	if err == nil && !goodToken(string(b)) {
		err = fmt.Errorf("%s has something else in it: remove it", filepath.Join(dir, keptToken))
	}
	return string(b), err
}

// drawn is a new token.
func drawn() string { return base64.RawURLEncoding.EncodeToString(random(keySize)) }

// goodToken says whether a text can be a token.
func goodToken(s string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(raw) == keySize
}

// Check reports whether token is the server's, in a time that does not tell how
// much of it is right.
func (l *Local) Check(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(l.token)) == 1
}

// Secret returns the token itself, as FindLocal does for others.
func (l *Local) Secret() string { return l.token }

// Close removes the token's file, unless another server has replaced it.
func (l *Local) Close() error {
	token, err := readFile(filepath.Split(l.path))
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(token) != l.token {
		return nil
	}
	return errors.Join(err, os.Remove(l.path))
}

// FindLocal returns the token of the server at a loopback address, made by the
// same user. If there is none the error wraps ErrNoLocal.
func FindLocal(addr string) (string, error) {
	dir, err := runtimeDir()
	if err != nil {
		return "", fmt.Errorf("find the local token: %w", err)
	}
	name, err := localName(addr)
	if err != nil {
		return "", fmt.Errorf("find the local token: %w", err)
	}
	b, err := readFile(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w for a server at %s: is it running, and as the same user?", ErrNoLocal, addr)
	}
	if err != nil {
		return "", fmt.Errorf("find the local token: %w", err)
	}
	if !goodToken(string(b)) {
		return "", fmt.Errorf("find the local token: %s has something else in it", filepath.Join(dir, name))
	}
	return string(b), nil
}

// localName is the name of the token's file for an address, of a form that is
// safe whatever was typed.
func localName(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if !IsLoopback(addr) {
		return "", fmt.Errorf("%s is not a loopback address", addr)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%s has no port of a server", addr)
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	host = net.ParseIP(host).String()
	return fmt.Sprintf("%s-%d.token", strings.ReplaceAll(host, ":", "_"), n), nil
}

// runtimeDir returns the directory for this user's tokens, and makes it: in
// XDG_RUNTIME_DIR, or else in the directory for temporary files, where others
// may have put something in the way.
func runtimeDir() (string, error) {
	dir := filepath.Join(os.TempDir(), "gordd"+userSuffix())
	if xdg := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(xdg) {
		dir = filepath.Join(xdg, "gordd")
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir) // not Stat: a symbolic link is refused
	if err != nil {
		return "", err
	}
	return dir, checkPrivate(dir, info, true)
}

// IsLoopback reports whether an address, with or without a port, can only be
// reached from this machine. Of names only localhost is: what others resolve to
// may change.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = strings.Trim(addr, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// ErrInsecure is wrapped by the error of Policy.
var ErrInsecure = errors.New("refused to listen without certificates")

// Policy returns an error that wraps ErrInsecure if a server must not listen on
// addr: on what other machines can reach it needs certificates and a gossip key,
// or else the user's word that everyone there may run code here.
func Policy(addr string, secured, insecure bool) error {
	if secured || insecure || IsLoopback(addr) {
		return nil
	}
	return fmt.Errorf("%w on %s: everyone who reaches it could run code as this user. "+
		"Make certificates and a gossip key with rddctl cluster init and give the directory with --cluster, "+
		"or listen on 127.0.0.1, or say --insecure-listen if the network is closed", ErrInsecure, addr)
}
