package msg

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// tokenKey names the token among a call's metadata.
const tokenKey = "gordd-token"

// RequireToken lets a server answer only calls with a token that passes the
// check: what stands in place of certificates on one machine.
func RequireToken(check func(token string) bool) grpc.ServerOption {
	return grpc.StreamInterceptor(func(srv any, st grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		md, _ := metadata.FromIncomingContext(st.Context())
		if tokens := md.Get(tokenKey); len(tokens) != 1 || !check(tokens[0]) {
			return status.Error(codes.Unauthenticated, "the token of this server is missing or wrong: it is in a file that only the user who started it can read")
		}
		return next(srv, st)
	})
}

// WithToken makes a client send a token with its calls.
func WithToken(token string) grpc.DialOption {
	return grpc.WithPerRPCCredentials(tokenCredentials(token))
}

type tokenCredentials string

var _ credentials.PerRPCCredentials = tokenCredentials("")

func (t tokenCredentials) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{tokenKey: string(t)}, nil
}

// RequireTransportSecurity is false: the token is for connections that do not
// leave the machine.
func (tokenCredentials) RequireTransportSecurity() bool { return false }
