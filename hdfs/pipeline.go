package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strconv"
	"sync"

	lib "github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxMoves is how often a block that cannot be begun is given to other data nodes.
const maxMoves = 3

// pipeline is the library's writer of the block that a file ends in. Its pipeline cannot be changed
// by any call, and the first data node that fails would be the end of the file.
type pipeline struct {
	located reflect.Value // of type *LocatedBlockProto
	begun   bool          // its data nodes take bytes
}

// pipelineOf takes the block that is being written out of a file. As with executorOf it is worth a
// look behind the curtain. There may be none.
func pipelineOf(f *lib.FileWriter) (*pipeline, error) {
	w := reflect.ValueOf(f).Elem().FieldByName("blockWriter")
	if !w.IsValid() || w.Kind() != reflect.Pointer {
		return nil, errors.New("this version of github.com/colinmarc/hdfs is not known: its FileWriter has no field blockWriter")
	}
	of := w.Type().Elem()
	if field, ok := of.FieldByName("Block"); !ok || !field.Type.Implements(reflect.TypeFor[proto.Message]()) {
		return nil, fmt.Errorf("this version of github.com/colinmarc/hdfs is not known: its %s has no message Block", of)
	}
	if _, ok := of.FieldByName("stream"); !ok {
		return nil, fmt.Errorf("this version of github.com/colinmarc/hdfs is not known: its %s has no field stream", of)
	}
	if w.IsNil() {
		return nil, nil
	}
	located := w.Elem().FieldByName("Block")
	located = reflect.NewAt(located.Type(), located.Addr().UnsafePointer()).Elem()
	return &pipeline{located: located, begun: !w.Elem().FieldByName("stream").IsNil()}, nil
}

// message returns where the block is, as the name node has said.
func (b *pipeline) message() protoreflect.Message {
	return b.located.Interface().(proto.Message).ProtoReflect()
}

// elsewhere gives a block that could not be begun to other data nodes than those that do not answer, and
// says whether it is worth another try. Nothing of such a block was written, so nothing is lost.
func (w *writer) elsewhere(ctx context.Context) bool {
	if w.c == nil || w.c.guarded || w.c.broken() {
		return false
	}
	b, err := pipelineOf(w.f)
	if err != nil || b == nil || b.begun {
		return false
	}
	w.c.hangUp()
	bad := w.c.silent(ctx, get(b.message(), "locs").List())
	if len(bad) == 0 {
		return false
	}
	w.silent = append(w.silent, bad...) // the name node still thinks well of those before, too
	located, err := w.c.another(w.path, get(b.message(), "b").Message().Interface(), w.silent)
	if err != nil {
		return false // the first error says more
	}
	b.located.Set(reflect.ValueOf(located))
	_ = w.c.forget()
	return true
}

// another gives up a file's last block and asks for one on other data nodes.
func (c *client) another(path string, b proto.Message, without []proto.Message) (proto.Message, error) {
	if _, err := c.ask("abandonBlock", fields{"b": b, "src": path, "holder": c.lib.Name()}); err != nil {
		return nil, err
	}
	// The name node wants to know which block is the last before it.
	resp, err := c.ask("getBlockLocations", fields{"src": path, "offset": uint64(0), "length": uint64(1) << 62})
	if err != nil {
		return nil, err
	}
	want := fields{"src": path, "clientName": c.lib.Name(), "excludeNodes": without}
	if all := get(get(resp, "locations").Message(), "blocks").List(); all.Len() > 0 {
		want["previous"] = get(all.Get(all.Len()-1).Message(), "b").Message().Interface()
	}
	if resp, err = c.ask("addBlock", want); err != nil {
		return nil, err
	}
	return get(resp, "block").Message().Interface(), nil
}

// silent finds the data nodes that do not answer.
func (c *client) silent(ctx context.Context, nodes protoreflect.List) (bad []proto.Message) {
	ctx, stop := context.WithTimeout(ctx, min(connectTime, c.site.timeout))
	defer stop()
	answers := make([]bool, nodes.Len())
	var wg sync.WaitGroup
	for i := range answers {
		id := get(nodes.Get(i).Message(), "id").Message()
		host := get(id, "ipAddr").String()
		if c.site.options(nil).UseDatanodeHostname {
			host = get(id, "hostName").String()
		}
		addr := net.JoinHostPort(host, strconv.FormatUint(get(id, "xferPort").Uint(), 10))
		wg.Go(func() { answers[i] = c.knock(ctx, addr) })
	}
	wg.Wait()
	for i, ok := range answers {
		if !ok {
			bad = append(bad, nodes.Get(i).Message().Interface())
		}
	}
	return bad
}

// knock says whether a data node is alive. It closes a connection on which nothing is asked; the
// system accepts connections also for one that hangs.
func (c *client) knock(ctx context.Context, addr string) bool {
	conn, err := (&net.Dialer{LocalAddr: c.site.local}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if end, ok := conn.(interface{ CloseWrite() error }); !ok || end.CloseWrite() != nil {
		return false
	}
	_, err = io.Copy(io.Discard, io.LimitReader(conn, maxAnswer))
	return !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded)
}
