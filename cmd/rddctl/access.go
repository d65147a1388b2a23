package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/worker"
)

const (
	// credentialsVar names the directory of credentials for all commands.
	credentialsVar = "RDD_CREDENTIALS"
	// tokenVar has a join token, which others do not see there.
	tokenVar = "RDD_TOKEN"
	// codeDenied is the exit code when somebody may not do what was asked for.
	codeDenied = 4
	// knockWait is how long a master may take to say whether it lets somebody in.
	knockWait = 10 * time.Second
)

func denied(err error) error { return &launch.Error{Code: codeDenied, Err: err} }

// access is how a member or driver proves that it may talk to a master.
type access struct {
	credentials string // directory
	insecure    bool
}

// flags adds the flags. That of the members, who listen too, has another name.
func (a *access) flags(c *cobra.Command, insecure string) {
	f := c.Flags()
	f.StringVar(&a.credentials, "credentials", "", "directory of credentials (environment: "+credentialsVar+")")
	f.BoolVar(&a.insecure, insecure, false, "go without certificates although other machines are reached: everybody in that network can run code")
}

// load reads the credentials that the flag or the environment names; nil if
// neither does.
func (a *access) load() (*trust.Credentials, error) {
	if a.credentials == "" {
		a.credentials = os.Getenv(credentialsVar)
	}
	if a.credentials == "" {
		return nil, nil
	}
	c, err := trust.LoadCredentials(a.credentials)
	if err != nil {
		return nil, denied(err)
	}
	return c, nil
}

// door is what it takes to talk to a master, and to the workers of its cluster.
type door struct {
	dial []grpc.DialOption
	// fetch is the TLS of what is fetched from workers; nil: there is none.
	fetch *tls.Config
	// as is who calls, by certificate; the zero value without one.
	as trust.Identity
	// gossip is the key of the gossip on this machine; nil: there is none.
	gossip []byte
}

// to finds the way to a master: with credentials by TLS, on this machine with the
// token of the user who started it.
func (a *access) to(ctx context.Context, master string) (*door, error) {
	c, err := a.load()
	switch {
	case err != nil:
		return nil, err
	case c != nil:
		config := c.ClientConfig(trust.Master)
		if err := knock(ctx, master, config); err != nil {
			return nil, err
		}
		return &door{dial: []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(config))}, fetch: c.ClientConfig(trust.Worker), as: c.Identity()}, nil
	}
	return a.plain(ctx, master)
}

// plain is the way without certificates.
func (a *access) plain(ctx context.Context, master string) (*door, error) {
	d := &door{dial: []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}}
	if !trust.IsLoopback(master) {
		if !a.insecure {
			return nil, fmt.Errorf("%s is another machine: give --credentials DIR (rddctl cluster init makes them), or say that the network is closed: --help names the flag", master)
		}
		return d, nil
	}
	token, err := trust.FindLocal(master)
	switch {
	case err == nil:
		d.dial, d.gossip = append(d.dial, msg.WithToken(token)), localGossipKey(token)
		return d, nil
	case errors.Is(err, trust.ErrNoLocal) && a.insecure:
		return d, nil
	case errors.Is(err, trust.ErrNoLocal) && speaksTLS(ctx, master):
		return nil, denied(fmt.Errorf("master %s wants a certificate: give --credentials DIR", master))
	}
	return nil, &launch.Error{Code: codeNoCluster, Err: fmt.Errorf("master %s: %w", master, err)}
}

// knock makes a connection to see whether a master lets somebody in: what a
// certificate lacks is said here, and not as a connection that does not last.
func knock(ctx context.Context, master string, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, knockWait)
	defer cancel()
	conn, err := dialTLS(ctx, master, config)
	if err == nil {
		// A server has refused a certificate only after its client is done.
		late, _ := ctx.Deadline()
		_ = conn.SetDeadline(late)
		_, err = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	if err == nil {
		return nil
	}
	code := codeNoCluster
	var op *net.OpError
	if errors.Is(err, trust.ErrPeer) || errors.As(err, &op) && op.Op == "remote error" {
		code = codeDenied
	}
	return &launch.Error{Code: code, Err: fmt.Errorf("master %s: %w", master, err)}
}

// noMaster says of the error of a knock that somebody is there, who is no master.
func noMaster(err error) bool {
	var launched *launch.Error
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return false
	}
	return errors.As(err, &launched) && launched.Code == codeNoCluster
}

func dialTLS(ctx context.Context, address string, config *tls.Config) (net.Conn, error) {
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	d := tls.Dialer{Config: config}
	return d.DialContext(ctx, "tcp", address)
}

// speaksTLS says whether a server wants TLS, whoever it is: nothing is sent to it.
func speaksTLS(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, knockWait)
	defer cancel()
	conn, err := dialTLS(ctx, address, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// callError is the error of a call to a master that went wrong, in the words of who
// answered.
func callError(err error) *launch.Error {
	code := codeNoCluster
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		code = codeDenied
	}
	return &launch.Error{Code: code, Err: &callWords{err}}
}

// callWords is an error without what gRPC writes around the words of the other end.
type callWords struct{ err error }

func (w *callWords) Unwrap() error { return w.err }

func (w *callWords) Error() string { return wordsOf(w.err, w.err.Error()) }

// wordsOf takes out of a text, which is err's, what is gRPC's in err and those that it
// wraps.
func wordsOf(err error, text string) string {
	switch e := err.(type) { //nolint:errorlint // it looks at each of them
	case interface{ GRPCStatus() *status.Status }:
		return strings.Replace(text, err.Error(), e.GRPCStatus().Message(), 1)
	case interface{ Unwrap() error }:
		return wordsOf(e.Unwrap(), text)
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			text = wordsOf(wrapped, text)
		}
	}
	return text
}

// joiner is how a worker comes to its credentials.
type joiner struct {
	access
	token string
}

func (j *joiner) flags(c *cobra.Command) {
	j.access.flags(c, "insecure-listen")
	c.Flags().StringVar(&j.token, "token", "", "join token, of rddctl cluster token (environment: "+tokenVar+", which others do not see)")
}

// credentialsDir is where a worker that enrols keeps what it got, in its own
// directory.
const credentialsDir = "credentials"

// enrol gives a worker's credentials: those of --credentials, those that it has
// kept from an earlier time, or new ones for its token. With none of these there
// are none.
func (j *joiner) enrol(ctx context.Context, master, name, dir string) (*trust.Credentials, error) {
	if c, err := j.load(); c != nil || err != nil {
		return c, err
	}
	if j.token == "" {
		j.token = os.Getenv(tokenVar)
	}
	kept := filepath.Join(dir, credentialsDir)
	c, err := trust.LoadCredentials(kept)
	switch {
	case err == nil:
		j.credentials = kept
		return c, nil
	case j.token == "" && errors.Is(err, os.ErrNotExist):
		return nil, nil
	case j.token == "":
		return nil, denied(fmt.Errorf("%w: get a new token with rddctl cluster token", err))
	}
	t, err := trust.ParseToken(j.token)
	if err != nil {
		return nil, denied(err)
	}
	if err := knock(ctx, master, trust.JoinConfig(t)); err != nil {
		return nil, err
	}
	c, gossip, err := worker.Enrol(ctx, master, t, name)
	if err != nil {
		failed := callError(err)
		if errors.Is(err, worker.ErrRefused) {
			failed.Code = codeDenied
		}
		return nil, failed
	}
	j.credentials = kept
	return c, errors.Join(c.Save(kept), trust.SaveGossipKey(kept, gossip))
}

// listen listens on an address if what the member has to protect itself with
// allows it.
func listen(address string, secured, insecure bool) (net.Listener, error) {
	if err := trust.Policy(address, secured, insecure); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &launch.Error{Code: codeNoCluster, Err: err}
	}
	if !secured && !trust.IsLoopback(address) {
		_, _ = fmt.Fprintf(os.Stderr, "rddctl: WARNING: %s takes calls without certificates: everyone who reaches it can run code as this user\n", l.Addr())
	}
	return l, nil
}

// advertised is a listener's address as others reach it.
func advertised(l net.Listener, given string) (string, error) {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	if given != "" {
		if h, p, err := net.SplitHostPort(given); err == nil && h != "" && p != "" {
			return given, nil
		}
		return net.JoinHostPort(given, port), nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("others cannot call %s: say under which address they reach this machine, with --advertise", l.Addr())
	}
	return l.Addr().String(), nil
}
