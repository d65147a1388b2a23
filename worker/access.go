package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/trust"
)

const (
	// callWait is how long the master may take to answer for a certificate.
	callWait = 30 * time.Second
	// renewRetry is how long before the next try to renew one.
	renewRetry = time.Minute
)

// Enrol asks a master for the certificate of a worker that has a join token. It
// gives the key of the gossip too. The token goes only to a master of the cluster
// that made it.
func Enrol(ctx context.Context, master string, t trust.Token, name string) (c *trust.Credentials, gossip []byte, err error) {
	conn, err := grpc.NewClient(master, grpc.WithTransportCredentials(credentials.NewTLS(trust.JoinConfig(t))))
	if err != nil {
		return nil, nil, fmt.Errorf("enrol with master %s: %w", master, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	key, csr, err := trust.NewRequest()
	if err != nil {
		return nil, nil, err
	}
	answer, err := certificate(ctx, conn, msg.MethodEnrol, msg.Enrol{Token: t.Text(), Name: name, Request: csr})
	if err != nil {
		return nil, nil, fmt.Errorf("enrol with master %s: %w", master, err)
	}
	if c, err = trust.NewCredentials(answer.Chain, key); err != nil {
		return nil, nil, fmt.Errorf("enrol with master %s: %w", master, err)
	}
	want := trust.Identity{Cluster: t.Cluster, Role: trust.Worker, Name: name}
	if c.Identity() != want {
		return nil, nil, fmt.Errorf("enrol with master %s: the certificate is for %s, not for %s", master, c.Identity(), want)
	}
	return c, answer.Gossip, nil
}

// ErrRefused is wrapped by the errors of Enrol that are the master's answer.
var ErrRefused = errors.New("refused")

// certificate makes a call that is answered by a certificate.
func certificate(ctx context.Context, conn *grpc.ClientConn, method string, ask any) (got msg.Enrolled, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	st, err := msg.Dial(ctx, conn, method)
	if err != nil {
		return got, err
	}
	m, err := st.Ask(ask)
	if err != nil {
		return got, err
	}
	switch m := m.(type) {
	case msg.Enrolled:
		return m, nil
	case msg.Refused:
		return got, fmt.Errorf("%w: %s", ErrRefused, m.Why)
	}
	return got, fmt.Errorf("the master says %T", m)
}

// secure adds what certificates there are to the options of connections.
func (o *Options) secure() (server, fetch *tls.Config) {
	c := o.Credentials
	if c == nil {
		return nil, nil
	}
	o.Dial = append([]grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(c.ClientConfig(trust.Master)))}, o.Dial...)
	return c.ServerConfig(trust.Master, trust.Worker, trust.Client, trust.Admin), c.ClientConfig(trust.Worker)
}

// recheck is how it is found out whether who was let in still may be there.
func (o *Options) recheck() func(tls.ConnectionState) error {
	if o.Credentials == nil {
		return nil
	}
	return o.Credentials.Recheck
}

// refuse heeds who was revoked.
func (w *Worker) refuse(m msg.Revoked) error {
	if w.o.Credentials == nil {
		return nil
	}
	ids := make([]trust.Identity, len(m.Identities))
	for i, text := range m.Identities {
		id, err := trust.ParseIdentity(text)
		if err != nil {
			return err
		}
		ids[i] = id
	}
	w.o.Credentials.Refuse(ids)
	return nil
}

// keepCertificate renews the worker's certificate as long as the worker is there.
func (w *Worker) keepCertificate() {
	for wait := time.Until(w.o.Credentials.RenewAt()); ; {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-w.ctx.Done():
			t.Stop()
			return
		}
		err := w.renewCertificate()
		if err != nil && w.ctx.Err() == nil {
			w.log.Warn("the certificate cannot be renewed", "err", err, "expires", w.o.Credentials.Expires(), "again", renewRetry)
		}
		wait = max(time.Until(w.o.Credentials.RenewAt()), renewRetry)
	}
}

// renewCertificate asks for another certificate, and keeps it where the next
// process finds it.
func (w *Worker) renewCertificate() error {
	c := w.o.Credentials
	key, csr, err := trust.NewRequest()
	if err != nil {
		return err
	}
	answer, err := certificate(w.ctx, w.conn, msg.MethodRenew, msg.Renew{Request: csr})
	if err != nil {
		return err
	}
	if err := c.Renew(answer.Chain, key); err != nil {
		return err
	}
	w.log.Info("certificate renewed", "expires", c.Expires())
	if w.o.CredentialsDir == "" {
		return nil
	}
	return c.Save(w.o.CredentialsDir)
}
