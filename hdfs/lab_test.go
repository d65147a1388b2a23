//go:build unix

package hdfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gordd-project/gordd/internal/hdfslab"
	"github.com/gordd-project/gordd/storage"
)

// lab has a data node more than files have replicas, and blocks of 1 MiB.
var lab = hdfslab.Once{Options: hdfslab.Options{Datanodes: 4}}

func TestMain(m *testing.M) { lab.Main(m) }

// opTime is the deadline of operations on connections in tests: long for a busy machine, short for
// a node that hangs.
const opTime = 5 * time.Second

// environment makes the store of hdfs:// that of the lab. It is read once.
var environment sync.Once

// starts counts the calls of start, so that a test can run again beside what it left.
var starts atomic.Int32

// start returns the lab and the store, as programs get it, and a directory of its own for the test.
func start(t testing.TB) (l *hdfslab.Lab, store storage.FileSystem, dir string) {
	t.Helper()
	l = lab.Get(t)
	environment.Do(func() {
		conf, err := l.ConfDir(map[string]string{"dfs.client.socket-timeout": fmt.Sprint(opTime.Milliseconds())})
		if err == nil {
			err = os.Setenv("HADOOP_CONF_DIR", conf)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	dir = l.URL(fmt.Sprintf("/%s-%d", t.Name(), starts.Add(1)))
	store, _, err := storage.Lookup(dir)
	if err == nil {
		err = store.MkdirAll(t.Context(), dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l, store, dir
}

// other is a store with settings of its own.
func other(t testing.TB, l *hdfslab.Lab, settings map[string]string) *fileSystem {
	t.Helper()
	conf := map[string]string{"fs.defaultFS": l.URL(""), "dfs.client.socket-timeout": fmt.Sprint(opTime.Milliseconds())}
	for k, v := range settings {
		conf[k] = v
	}
	return newFileSystem(func() (*site, error) { return newSite(conf, "the test", "root") })
}

// write makes a file, in as many attempts as a task has: on a busy machine a data node may not
// answer in time.
func write(t testing.TB, store storage.FileSystem, path string, data []byte) {
	t.Helper()
	var err error
	for range 4 {
		if err = writeOnce(t.Context(), store, path, data); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func writeOnce(ctx context.Context, store storage.FileSystem, path string, data []byte) error {
	w, err := store.Create(ctx, path)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if w.Size() != int64(len(data)) {
		return fmt.Errorf("%d bytes were written, and Size says %d", len(data), w.Size())
	}
	return nil
}

func read(ctx context.Context, store storage.FileSystem, path string) ([]byte, error) {
	f, err := store.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

func wantFile(t testing.TB, store storage.FileSystem, path string, want []byte) {
	t.Helper()
	got, err := read(t.Context(), store, path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes that are not the %d that were written", path, len(got), len(want))
	}
}

func wantKind(t testing.TB, what string, err error, want storage.Kind) {
	t.Helper()
	if err == nil || storage.KindOf(err) != want {
		t.Errorf("%s: error %v of kind %v, want kind %v", what, err, storage.KindOf(err), want)
	}
}

// safeMode makes the name node enter (2) or leave (1) safe mode.
func (c *client) safeMode(action int) error {
	_, err := c.ask("setSafeMode", fields{"action": protoreflect.EnumNumber(action)})
	return err
}
