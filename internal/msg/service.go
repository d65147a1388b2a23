package msg

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	service = "gordd.v1.Cluster"
	// MaxFrame is the largest frame: a message and what else was waiting.
	MaxFrame = plan.MaxEncoded + 1<<20
	// fill is when a frame is sent although more messages wait.
	fill = 1 << 20
)

// The methods, as authorisation names them.
const (
	MethodWork    = "/" + service + "/Work"
	MethodDrive   = "/" + service + "/Drive"
	MethodPutBlob = "/" + service + "/PutBlob"
	MethodGetBlob = "/" + service + "/GetBlob"
	MethodDetach  = "/" + service + "/Detach"
	MethodAsk     = "/" + service + "/Ask"
	MethodTell    = "/" + service + "/Tell"
	MethodEnrol   = "/" + service + "/Enrol"
	MethodRenew   = "/" + service + "/Renew"
)

// Server answers the calls. Each method owns the stream until it returns.
type Server interface {
	Work(*Stream) error
	Drive(*Stream) error
	PutBlob(*Stream) error
	GetBlob(*Stream) error
	Detach(*Stream) error
	Ask(*Stream) error
	Tell(*Stream) error
	Enrol(*Stream) error
	Renew(*Stream) error
}

const (
	// maxCalls is how many calls a connection may have under way. Clients wait with
	// those above.
	maxCalls = 256
	// maxHeaders is the most bytes of a call's headers.
	maxHeaders = 16 << 10
	// handshake is how long a connection may take until it can be used.
	handshake = 10 * time.Second
	// idle is how long one without a call stays open.
	idle = time.Minute
	// pingEvery is after how long of silence either end asks whether the other is
	// still there, and pingWait and serverPingWait how long that may take to answer.
	pingEvery      = 10 * time.Second
	pingWait       = 5 * time.Second
	serverPingWait = 10 * time.Second
)

// ServerOptions are those that every server of the service has: they bound what a
// caller can hold that nobody knows yet.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodec(codec{}), grpc.MaxRecvMsgSize(MaxFrame), grpc.MaxSendMsgSize(MaxFrame),
		grpc.MaxConcurrentStreams(maxCalls), grpc.MaxHeaderListSize(maxHeaders), grpc.ConnectionTimeout(handshake),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idle, Time: pingEvery, Timeout: serverPingWait}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingEvery / 2, PermitWithoutStream: true}),
	}
}

// DialOptions are those that every client of the service has: one whose server
// does not answer any more notices it, and one that cannot connect tries again
// soon.
func DialOptions() []grpc.DialOption {
	retry := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}
	return []grpc.DialOption{
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingWait}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: 3 * time.Second}),
	}
}

// Register makes a server answer by s.
func Register(to *grpc.Server, s Server) {
	method := func(name string, f func(Server, *Stream) error) grpc.StreamDesc {
		return grpc.StreamDesc{StreamName: name, ServerStreams: true, ClientStreams: true,
			Handler: func(srv any, st grpc.ServerStream) error { return f(srv.(Server), &Stream{s: st}) }}
	}
	to.RegisterService(&grpc.ServiceDesc{ServiceName: service, HandlerType: (*Server)(nil), Streams: []grpc.StreamDesc{
		method("Work", Server.Work), method("Drive", Server.Drive), method("PutBlob", Server.PutBlob), method("GetBlob", Server.GetBlob), method("Detach", Server.Detach),
		method("Ask", Server.Ask), method("Tell", Server.Tell),
		method("Enrol", Server.Enrol), method("Renew", Server.Renew),
	}}, s)
}

// Dial opens a stream by one of the methods.
func Dial(ctx context.Context, conn *grpc.ClientConn, method string) (*Stream, error) {
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	st, err := conn.NewStream(ctx, desc, method, grpc.ForceCodec(codec{}), grpc.MaxCallRecvMsgSize(MaxFrame), grpc.MaxCallSendMsgSize(MaxFrame))
	if err != nil {
		return nil, err
	}
	return &Stream{s: st, close: st.CloseSend}, nil
}

// codec passes frames through as they are.
type codec struct{}

func (codec) Name() string { return "gordd" }

func (codec) Marshal(v any) ([]byte, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no frame", v)
	}
	return *b, nil
}

func (codec) Unmarshal(b []byte, v any) error {
	to, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is no frame", v)
	}
	*to = b
	return nil
}

// Stream is one call. Send may be called from several goroutines, Receive from
// one.
type Stream struct {
	s interface {
		Context() context.Context
		SendMsg(m any) error
		RecvMsg(m any) error
	}
	close func() error

	mu   sync.Mutex
	left []any // received, and not yet given
}

// Context ends with the call.
func (s *Stream) Context() context.Context { return s.s.Context() }

// Send sends messages, in as few frames as they fit into.
func (s *Stream) Send(ms ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var frame []byte
	for _, m := range ms {
		kind, body, err := table.Encode(m)
		if err != nil {
			return err
		}
		if len(frame) > 0 && len(frame)+len(body) > fill {
			if err := s.s.SendMsg(&frame); err != nil {
				return err
			}
			frame = nil
		}
		frame = append(frame, kind)
		frame = binary.AppendUvarint(frame, uint64(len(body)))
		frame = append(frame, body...)
	}
	if len(frame) == 0 {
		return nil
	}
	return s.s.SendMsg(&frame)
}

// Receive gives the next message. The error is io.EOF when the other end has
// closed its side.
func (s *Stream) Receive() (any, error) {
	ms, err := s.receive()
	if err != nil {
		return nil, err
	}
	m := ms[0]
	ms[0] = nil
	s.left = ms[1:]
	return m, nil
}

// ReceiveAll gives the messages that came together, one at least.
func (s *Stream) ReceiveAll() ([]any, error) {
	ms, err := s.receive()
	s.left = nil
	return ms, err
}

// receive gives the messages that are there, or else those of the next frame.
func (s *Stream) receive() (ms []any, err error) {
	for ms = s.left; len(ms) == 0; {
		var frame []byte
		if err := s.s.RecvMsg(&frame); err != nil {
			return nil, err
		}
		if ms, err = split(frame); err != nil {
			return nil, err
		}
	}
	return ms, nil
}

var errFrame = errors.New("frame is none of ours")

// split decodes the messages of a frame.
func split(frame []byte) (ms []any, err error) {
	for len(frame) > 0 {
		kind := frame[0]
		n, used := binary.Uvarint(frame[1:])
		if used <= 0 || n > uint64(len(frame)-1-used) {
			return nil, fmt.Errorf("%w: a message of %d bytes in one of %d", errFrame, n, len(frame))
		}
		frame = frame[1+used:]
		m, err := table.Decode(kind, frame[:n:n])
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
		frame = frame[n:]
	}
	return ms, nil
}

// Ask sends a stream's first message and gives the answer. Of a stream that the
// server has ended already, such as one that it does not allow, a send knows only
// that, and the receipt why.
func (s *Stream) Ask(m any) (any, error) {
	if err := s.Send(m); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s.Receive()
}

// CloseSend says that nothing more is sent. A server's stream ends when its
// method returns instead.
func (s *Stream) CloseSend() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// blobChunk is the size of a blob's pieces.
const blobChunk = 256 << 10

// Put sends a blob of a job, or a program, and waits for the answer.
func (s *Stream) Put(job plan.JobID, d plan.Digest, size int64, r io.Reader) error {
	if err := s.Send(BlobHead{Job: job, Digest: d, Size: size}); err != nil {
		return s.answer(err)
	}
	if err := s.copy(r); err != nil {
		return s.answer(err)
	}
	return s.answer(s.CloseSend())
}

// copy sends the pieces of a blob.
func (s *Stream) copy(r io.Reader) error {
	buf := make([]byte, blobChunk)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if err := s.Send(BlobPart{Bytes: buf[:n]}); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// answer reads what the receiver of a blob says, which explains better than the
// error of a send why it did not want it.
func (s *Stream) answer(sent error) error {
	m, err := s.Receive()
	done, ok := m.(BlobDone)
	switch {
	case err != nil && sent != nil && !errors.Is(sent, io.EOF):
		return sent
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%w: %T answers a blob", errFrame, m)
	case done.Error != "":
		return errors.New(done.Error)
	}
	return nil
}

// Give answers a request for a blob with its bytes, or with why there are none.
func (s *Stream) Give(d plan.Digest, size int64, r io.Reader, why error) error {
	if why != nil {
		return s.Send(BlobHead{Digest: d, Error: why.Error()})
	}
	if err := s.Send(BlobHead{Digest: d, Size: size}); err != nil {
		return err
	}
	return s.copy(r)
}

// Get asks for a blob and gives its bytes as they come. Whoever reads them checks
// the digest.
func (s *Stream) Get(d plan.Digest) (size int64, r io.Reader, err error) {
	m, err := s.Ask(BlobHead{Digest: d})
	if err != nil {
		return 0, nil, err
	}
	head, ok := m.(BlobHead)
	switch {
	case !ok || head.Digest != d:
		return 0, nil, fmt.Errorf("%w: %T answers a request for blob %s", errFrame, m, d)
	case head.Error != "":
		return 0, nil, errors.New(head.Error)
	}
	return head.Size, s.Body(head.Size), nil
}

// Look asks whether a blob is there.
func (s *Stream) Look(d plan.Digest) (bool, error) {
	m, err := s.Ask(BlobHead{Digest: d, Look: true})
	head, ok := m.(BlobHead)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %T answers a request for blob %s", errFrame, m, d)
	}
	return err == nil && head.Error == "", err
}

// Body reads the pieces of a blob, which are size bytes in all.
func (s *Stream) Body(size int64) io.Reader { return &body{s: s, left: size} }

type body struct {
	s    *Stream
	left int64
	part []byte
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.part) == 0 {
		if b.left == 0 {
			return 0, io.EOF
		}
		m, err := b.s.Receive()
		if errors.Is(err, io.EOF) {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		part, ok := m.(BlobPart)
		if !ok || int64(len(part.Bytes)) > b.left {
			return 0, fmt.Errorf("%w: a piece of %d bytes where %d are left", errFrame, len(part.Bytes), b.left)
		}
		b.part = part.Bytes
		b.left -= int64(len(part.Bytes))
	}
	n := copy(p, b.part)
	b.part = b.part[n:]
	return n, nil
}
