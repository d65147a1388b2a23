package master

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/rdd/plan"
)

// rules say who may call what, by the role that a certificate names. What is not
// here nobody may.
var rules = []trust.Rule{
	{Method: msg.MethodWork, Roles: []trust.Role{trust.Worker}},
	{Method: msg.MethodDrive, Roles: []trust.Role{trust.Worker, trust.Client, trust.Admin}},   // see submits
	{Method: msg.MethodPutBlob, Roles: []trust.Role{trust.Worker, trust.Client, trust.Admin}}, // see submits
	{Method: msg.MethodDetach, Roles: []trust.Role{trust.Client, trust.Admin}},
	{Method: msg.MethodGetBlob, Roles: []trust.Role{trust.Worker, trust.Client, trust.Admin}},
	{Method: msg.MethodAsk, Roles: []trust.Role{trust.Client, trust.Admin}},
	{Method: msg.MethodTell, Roles: []trust.Role{trust.Client, trust.Admin}}, // see administers
	{Method: msg.MethodEnrol, Roles: []trust.Role{trust.Anonymous}},
	{Method: msg.MethodRenew, Roles: []trust.Role{trust.Worker}},
}

const (
	// strangers is how many calls without a certificate are answered at a time.
	strangers = 8
	// renewAgain is the wait after a certificate could not be renewed.
	renewAgain = time.Minute
)

// access lets callers in by their certificates, and gives workers theirs.
type access struct {
	cluster   *trust.Cluster
	own       *trust.Credentials
	life      time.Duration // of workers' certificates
	dir       string
	log       *slog.Logger
	table     *trust.Authorizer
	keeper    *keeper
	strangers chan struct{} // has a token for each of their calls

	enrolling sync.Mutex // held from a token's use until that is on disk
	tokens    *trust.Redeemer

	quit chan struct{}
	done sync.WaitGroup
}

func newAccess(o Options) (*access, error) {
	a := &access{cluster: o.Trust, life: o.CertificateLife, dir: o.Dir, log: o.Log, table: trust.NewAuthorizer(rules...),
		strangers: make(chan struct{}, strangers), quit: make(chan struct{})}
	used, err := trust.LoadUsed(o.Dir)
	if err != nil {
		return nil, err
	}
	a.tokens = trust.NewRedeemer(o.Trust, trust.MaxUsed, used...)
	a.own, err = o.Trust.Authority.Credentials(trust.Request{Identity: trust.Identity{Cluster: o.Trust.ID, Role: trust.Master, Name: "master"}})
	if err != nil {
		return nil, err
	}
	a.keeper = newKeeper(credentials.NewTLS(a.own.ServerConfig(trust.Worker, trust.Client, trust.Admin, trust.Anonymous)))
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	a.done.Go(a.keep)
	return a, nil
}

// keep renews the master's own certificate, which it makes itself.
func (a *access) keep() {
	for {
		wait := time.NewTimer(max(time.Until(a.own.RenewAt()), renewAgain))
		select {
		case <-wait.C:
		case <-a.quit:
			wait.Stop()
			return
		}
		if err := a.renewOwn(); err != nil {
			a.log.Error("the master's certificate cannot be renewed", "err", err, "expires", a.own.Expires())
		}
	}
}

func (a *access) renewOwn() error {
	key, csr, err := trust.NewRequest()
	if err != nil {
		return err
	}
	chain, err := a.cluster.Authority.Sign(csr, trust.Request{Identity: a.own.Identity()})
	if err != nil {
		return err
	}
	return a.own.Renew(chain, key)
}

func (a *access) close() {
	close(a.quit)
	a.done.Wait()
}

// options make a server ask for certificates.
func (a *access) options() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.Creds(a.keeper), grpc.StreamInterceptor(a.intercept)}
}

// intercept lets only those calls through that the table allows. How many come
// without a certificate is bounded before anything of theirs is read.
func (a *access) intercept(srv any, st grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	id, err := caller(st.Context())
	if err == nil {
		err = a.table.Allow(info.FullMethod, id)
	}
	if err == nil {
		err = a.cluster.Revoked.Check(id)
	}
	if err != nil {
		a.log.Warn("call refused", "method", info.FullMethod, "caller", id.String(), "err", err)
		return status.Error(codes.PermissionDenied, err.Error())
	}
	if id.Role == trust.Anonymous {
		select {
		case a.strangers <- struct{}{}:
			defer func() { <-a.strangers }()
		default:
			return status.Error(codes.ResourceExhausted, "others are joining: try again")
		}
	}
	return next(srv, st)
}

// caller is who makes a call, by the certificate of its connection.
func caller(ctx context.Context) (trust.Identity, error) {
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			return trust.PeerIdentity(info.State)
		}
	}
	return trust.Identity{}, errors.New("a call without TLS")
}

// speaksFor says whether a worker is the one that its certificate names. Without
// certificates all are who they say.
func (a *access) speaksFor(ctx context.Context, w plan.WorkerID) error {
	if a == nil {
		return nil
	}
	id, err := caller(ctx)
	if err == nil && id.Name != string(w) {
		err = fmt.Errorf("the certificate of %s is not that of worker %s", id, w)
	}
	return err
}

// submits says whether a caller may drive a job: a worker only one that it was
// told to drive, which is what by is about.
func (a *access) submits(ctx context.Context, by plan.WorkerID) error {
	if a == nil {
		return nil
	}
	id, err := caller(ctx)
	if err == nil && id.Role == trust.Worker && id.Name != string(by) {
		err = fmt.Errorf("%w: %s may not submit: a worker drives only the jobs that it is given", trust.ErrDenied, id)
	}
	if err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	return nil
}

// administers says whether a caller may change the cluster itself.
func (a *access) administers(ctx context.Context) error {
	if a == nil {
		return nil
	}
	id, err := caller(ctx)
	if err == nil && id.Role != trust.Admin {
		err = fmt.Errorf("%w: %s is no administrator", trust.ErrDenied, id)
	}
	if err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	return nil
}

// owner is who calls, as a job remembers who submitted it; "" without certificates.
func (a *access) owner(ctx context.Context) string {
	if a == nil {
		return ""
	}
	id, err := caller(ctx)
	if err != nil {
		return "" // whom no call is allowed
	}
	return string(id.Role) + "/" + id.Name
}

// ends says whether a caller may end somebody's job: its owner and administrators
// may. Without certificates all are the one user who started the cluster.
func (a *access) ends(ctx context.Context, job plan.JobID, owner string) error {
	if a == nil || a.owner(ctx) == owner || a.administers(ctx) == nil {
		return nil
	}
	return status.Error(codes.PermissionDenied, fmt.Sprintf("%v: job %s is that of %s: only its owner and administrators may cancel it", trust.ErrDenied, job, owner))
}

// toWorkers is how the data ports of workers are reached; nil: without TLS.
func (a *access) toWorkers() *tls.Config {
	if a == nil {
		return nil
	}
	return a.own.ClientConfig(trust.Worker)
}
