package master

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/rdd/plan"
)

// secured is a master with certificates, and its cluster.
type secured struct {
	t       *testing.T
	m       *Master
	cluster *trust.Cluster
	address string
	dir     string
}

func newCluster(t *testing.T) *trust.Cluster {
	t.Helper()
	c, err := trust.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// startSecured starts a master of a cluster, which ends with the test or by the
// function that is returned.
func startSecured(t *testing.T, c *trust.Cluster, dir string) (s *secured, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Cluster: "local", Dir: dir, Listener: l, Trust: c, Log: slog.New(slog.DiscardHandler)}
	if c != nil {
		o.Cluster = c.ID
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return &secured{t: t, m: m, cluster: c, address: l.Addr().String(), dir: dir}, stop
}

func (s *secured) member(role trust.Role, name string) *trust.Credentials {
	s.t.Helper()
	c, err := s.cluster.Authority.Credentials(trust.Request{Identity: trust.Identity{Cluster: s.cluster.ID, Role: role, Name: name}})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *secured) token(role trust.Role) trust.Token {
	s.t.Helper()
	tok, err := s.cluster.NewToken(role, time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	return tok
}

// ask makes a call and gives the first answer. With a nil config there is no TLS.
func (s *secured) ask(config *tls.Config, method string, m any) (any, error) {
	s.t.Helper()
	creds := insecure.NewCredentials()
	if config != nil {
		creds = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(creds))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	st, err := msg.Dial(ctx, conn, method)
	if err != nil {
		return nil, err
	}
	return st.Ask(m)
}

// put uploads a program.
func (s *secured) put(config *tls.Config, b []byte) {
	s.t.Helper()
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	st, err := msg.Dial(s.t.Context(), conn, msg.MethodPutBlob)
	if err == nil {
		err = st.Put("", plan.DigestOf(b), int64(len(b)), bytes.NewReader(b))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// harmless is a first message that each method knows to be wrong or refuses, so that
// only the table decides whether it is heard.
var harmless = map[string]any{
	msg.MethodWork: model.Attach{}, msg.MethodDrive: msg.Open{}, msg.MethodPutBlob: msg.BlobHead{}, msg.MethodGetBlob: msg.BlobHead{Look: true},
	msg.MethodDetach: msg.Detach{},
	msg.MethodAsk:    msg.Ask{}, msg.MethodTell: msg.Tell{Cancel: "nobody"},
	msg.MethodEnrol: msg.Enrol{Name: "x"}, msg.MethodRenew: msg.Renew{},
}

func methods(m *Master) (all []string) {
	for service, info := range m.server.GetServiceInfo() {
		for _, method := range info.Methods {
			all = append(all, "/"+service+"/"+method.Name)
		}
	}
	slices.Sort(all)
	return all
}

// Every method of the server has a rule, and every rule a method.
func TestEveryMethodHasARule(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	bare, stale := trust.NewAuthorizer(rules...).Differences(methods(s.m))
	if len(bare) > 0 {
		t.Errorf("nobody may call %v: say in rules who may", bare)
	}
	if len(stale) > 0 {
		t.Errorf("there is no method %v", stale)
	}
	for _, method := range methods(s.m) {
		if _, ok := harmless[method]; !ok {
			t.Errorf("%s: this test does not call it", method)
		}
	}
}

// Each role may call what its rules say and nothing else.
func TestRolesAndMethods(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	configs := map[trust.Role]*tls.Config{trust.Anonymous: trust.JoinConfig(s.token(trust.Worker))}
	for _, role := range []trust.Role{trust.Master, trust.Worker, trust.Client, trust.Admin} {
		configs[role] = s.member(role, "m").ClientConfig(trust.Master)
	}
	may := map[string][]trust.Role{}
	for _, r := range rules {
		may[r.Method] = r.Roles
	}
	for _, method := range methods(s.m) {
		for role, config := range configs {
			_, err := s.ask(config, method, harmless[method])
			code := status.Code(err)
			switch allowed := slices.Contains(may[method], role); {
			case role == trust.Master: // its connection is not even made
				if code != codes.Unavailable {
					t.Errorf("%s by a %s: %v", method, role, err)
				}
			case role == trust.Worker && (method == msg.MethodDrive || method == msg.MethodPutBlob):
				if code != codes.PermissionDenied || !strings.Contains(err.Error(), "drives only the jobs that it is given") {
					t.Errorf("%s by a %s: %v", method, role, err)
				}
			case allowed == (code == codes.PermissionDenied):
				t.Errorf("%s by a %s: allowed %v, and got %v", method, role, allowed, err)
			}
		}
	}
}

// A worker submits in one case only: it was told to drive the job.
func TestWorkersDriveWhatTheyAreGiven(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	s.m.detached.add("key", &starting{job: "j1", worker: "w1", opened: make(chan any, 1)})
	s.m.detached.drives("w1", "j2")
	for _, c := range []struct {
		worker, method string
		m              any
		allowed        bool
	}{
		{"w1", msg.MethodDrive, msg.Open{Key: "key"}, true}, {"w2", msg.MethodDrive, msg.Open{Key: "key"}, false},
		{"w1", msg.MethodDrive, msg.Open{Key: "another"}, false}, {"w1", msg.MethodDrive, msg.Open{}, false},
		{"w1", msg.MethodPutBlob, msg.BlobHead{Job: "j2"}, true}, {"w2", msg.MethodPutBlob, msg.BlobHead{Job: "j2"}, false},
		{"w1", msg.MethodPutBlob, msg.BlobHead{Job: "j3"}, false}, {"w1", msg.MethodPutBlob, msg.BlobHead{}, false},
	} {
		_, err := s.ask(s.member(trust.Worker, c.worker).ClientConfig(trust.Master), c.method, c.m)
		if c.allowed == (status.Code(err) == codes.PermissionDenied) {
			t.Errorf("%s by %s, %+v: %v", c.method, c.worker, c.m, err)
		}
	}
	s.m.detached.left("j2")
	if by := s.m.detached.driver("j2"); by != "" {
		t.Errorf("%s drives a job that has ended", by)
	}
}

// The cluster itself is the administrators' to change.
func TestAdministrators(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	for role, want := range map[trust.Role]codes.Code{trust.Client: codes.PermissionDenied, trust.Admin: codes.OK} {
		for _, m := range []msg.Tell{{Drain: "w1"}, {Undrain: "w1"}, {RotateGossip: true}, {Cancel: "j", RotateGossip: true}} {
			if _, err := s.ask(s.member(role, "x").ClientConfig(trust.Master), msg.MethodTell, m); status.Code(err) != want {
				t.Errorf("%+v by a %s: %v", m, role, err)
			}
		}
	}
}

// A job is its submitter's to end, and the administrators'.
func TestWhoMayCancel(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	program := []byte("a program")
	alice := s.member(trust.Client, "alice").ClientConfig(trust.Master)
	open := func(name string, config *tls.Config) plan.JobID {
		t.Helper()
		s.put(config, program)
		got, err := s.ask(config, msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Name: name, User: "root", Programs: forHere(plan.DigestOf(program)), Code: plan.DigestOf(nil)})
		opened, ok := got.(msg.Opened)
		if err != nil || !ok {
			t.Fatalf("got %+v, %v", got, err)
		}
		return opened.Job
	}
	hers := open("hers", alice)
	adminNamed := s.member(trust.Admin, "bob").ClientConfig(trust.Master)
	others := open("others", adminNamed)
	// The driver of a detached job is a worker: whoever asked for it owns it.
	s.m.detached.add("key", &starting{job: "detached", worker: "w1", owner: "client/alice", opened: make(chan any, 1)})
	got, err := s.ask(s.member(trust.Worker, "w1").ClientConfig(trust.Master), msg.MethodDrive, msg.Open{Protocol: msg.Protocol, Key: "key", Programs: forHere(plan.DigestOf(program)), Code: plan.DigestOf(nil)})
	if opened, ok := got.(msg.Opened); err != nil || !ok || opened.Job != "detached" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, c := range []struct {
		role trust.Role
		name string
		job  plan.JobID
		want codes.Code
	}{
		{trust.Client, "bob", hers, codes.PermissionDenied}, {trust.Client, "bob", others, codes.PermissionDenied},
		{trust.Client, "alice", others, codes.PermissionDenied}, {trust.Client, "bob", "detached", codes.PermissionDenied},
		{trust.Client, "alice", hers, codes.OK}, {trust.Client, "alice", "detached", codes.OK}, {trust.Admin, "carol", others, codes.OK},
	} {
		got, err := s.ask(s.member(c.role, c.name).ClientConfig(trust.Master), msg.MethodTell, msg.Tell{Cancel: c.job})
		if a, ok := got.(msg.Answer); c.want == codes.OK && (!ok || a.Error != "") {
			t.Errorf("%s %s cancels %s: %+v", c.role, c.name, c.job, got)
		}
		if status.Code(err) != c.want || c.want != codes.OK && !strings.Contains(err.Error(), "only its owner and administrators may cancel it") {
			t.Errorf("%s %s cancels %s: %v", c.role, c.name, c.job, err)
		}
	}
	for _, j := range s.m.Jobs() {
		if want := map[string]string{string(others): "admin/bob"}[j.ID]; j.Owner != want && j.Owner != "client/alice" || j.User == "client/alice" {
			t.Errorf("got %+v", j)
		}
	}
}

// Who has no certificate of the cluster is not heard at all.
func TestStrangers(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	other := &secured{t: t, cluster: newCluster(t)}
	if _, err := s.ask(other.member(trust.Admin, "admin").ClientConfig(trust.Master), msg.MethodDrive, msg.Open{}); status.Code(err) != codes.Unavailable {
		t.Errorf("another cluster's admin: %v", err)
	}
	// The server is not the stranger's, who looks away.
	forged := other.member(trust.Admin, "admin").ClientConfig(trust.Master)
	forged.VerifyConnection = nil
	if _, err := s.ask(forged, msg.MethodDrive, msg.Open{}); status.Code(err) != codes.Unavailable {
		t.Errorf("another cluster's admin that asks for nothing: %v", err)
	}
	if _, err := s.ask(nil, msg.MethodDrive, msg.Open{}); status.Code(err) != codes.Unavailable {
		t.Errorf("without TLS: %v", err)
	}
	old := s.member(trust.Admin, "admin").ClientConfig(trust.Master)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, err := s.ask(old, msg.MethodDrive, msg.Open{}); status.Code(err) != codes.Unavailable {
		t.Errorf("TLS 1.2: %v", err)
	}
}

// A worker attaches under the name of its certificate only.
func TestWorkersAreWhoTheyAre(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	attach := func(name string) any {
		t.Helper()
		at := model.Attach{From: model.From{Protocol: msg.Protocol, Worker: "w1", Inc: 1}, Store: "s1", Slots: 1, Platform: plan.Here}
		got, err := s.ask(s.member(trust.Worker, name).ClientConfig(trust.Master), msg.MethodWork, at)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got, ok := attach("w2").(msg.Refused); !ok || !strings.Contains(got.Why, "/worker/w2 is not that of worker w1") {
		t.Errorf("got %v", got)
	}
	if got, ok := attach("w1").(msg.Welcome); !ok || got.Cluster != s.cluster.ID {
		t.Errorf("got %v", got)
	}
}

func TestCallsWithoutCertificateAreBounded(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	for range strangers {
		s.m.access.strangers <- struct{}{}
	}
	join := trust.JoinConfig(s.token(trust.Worker))
	if _, err := s.ask(join, msg.MethodEnrol, msg.Enrol{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
	<-s.m.access.strangers
	if _, err := s.ask(join, msg.MethodEnrol, msg.Enrol{}); status.Code(err) == codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
}

// The master's own certificate changes while it runs.
func TestMasterRenewsItself(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	serial := func() (n string) {
		config := s.member(trust.Client, "c").ClientConfig(trust.Master)
		verify := config.VerifyConnection
		config.VerifyConnection = func(st tls.ConnectionState) error {
			n = st.PeerCertificates[0].SerialNumber.String()
			return verify(st)
		}
		if _, err := s.ask(config, msg.MethodGetBlob, msg.BlobHead{Look: true}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := serial()
	if err := s.m.access.renewOwn(); err != nil {
		t.Fatal(err)
	}
	if after := serial(); before == after {
		t.Error("the certificate is the one before")
	}
}
