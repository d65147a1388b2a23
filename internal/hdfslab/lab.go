//go:build unix

package hdfslab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options says what a lab shall be like. The zero value works.
type Options struct {
	// Datanodes is how many there are; the default is 3.
	Datanodes int
	// Replication of files whose writers name none; the default is 3, or the data nodes if fewer.
	Replication int
	// BlockSize of files whose writers name none, in bytes: 4096 or more, a multiple of 512. The
	// default is 1 MiB.
	BlockSize int64
	// Racks is over how many racks the data nodes are spread, in turn; the default is 1.
	Racks int
	// Settings are more of Hadoop's, for daemons and clients.
	Settings map[string]string
}

func (o Options) withDefaults() Options {
	o.Datanodes = cmp.Or(o.Datanodes, 3)
	o.Replication = cmp.Or(o.Replication, min(o.Datanodes, 3))
	o.BlockSize = cmp.Or(o.BlockSize, 1<<20)
	o.Racks = cmp.Or(o.Racks, 1)
	return o
}

// startTime is how long a lab may take to be ready on a busy machine.
const startTime = 5 * time.Minute

// Lab is a running HDFS.
type Lab struct {
	// Name is the name node.
	Name *Daemon
	// Data are the data nodes; that of index i has the address [Lab.Address](i).
	Data []*Daemon

	o   Options
	dir string
	rpc string // the address of the name node
}

// Start starts a lab with nothing in it and waits until it takes writes. Errors of a machine that
// cannot have one wrap [ErrMissing]. Close it.
func Start(o Options) (*Lab, error) {
	ctx, stop := context.WithTimeout(context.Background(), startTime)
	defer stop()
	classes, err := classPath(ctx)
	if err != nil {
		return nil, fmt.Errorf("start HDFS: %w", err)
	}
	l := &Lab{o: o.withDefaults()}
	if l.dir, err = os.MkdirTemp("", "hdfslab"); err != nil {
		return nil, err
	}
	if err := l.start(ctx, classes); err != nil {
		return nil, errors.Join(fmt.Errorf("start HDFS: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context, classes string) error {
	ports, err := freePorts("127.0.0.1", 2)
	if err != nil {
		return err
	}
	l.rpc = ports[0]
	l.Name = l.daemon("namenode", "namenode", classes)
	l.Name.http = ports[1]
	for i := range l.o.Datanodes {
		l.Data = append(l.Data, l.daemon("datanode", fmt.Sprintf("datanode%d", i), classes))
	}
	if err := l.configure(); err != nil {
		return err
	}
	for _, d := range l.all() {
		if err := d.Start(); err != nil {
			return err
		}
	}
	return l.Wait(ctx, len(l.Data))
}

func (l *Lab) daemon(role, name, classes string) *Daemon {
	path := filepath.Join(l.dir, name)
	return &Daemon{role: role, conf: path + ".xml", log: path + ".log", data: filepath.Join(l.dir, "data", name), classes: classes}
}

func (l *Lab) all() []*Daemon { return append([]*Daemon{l.Name}, l.Data...) }

// Close ends all processes and removes their data.
func (l *Lab) Close() error {
	var err error
	for _, d := range l.all() {
		if d != nil {
			err = errors.Join(err, d.Kill())
		}
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}

// Repair starts the daemons that were killed, lets those go on that are paused, and waits until the
// lab is whole again.
func (l *Lab) Repair(ctx context.Context) error {
	for _, d := range l.all() {
		mend := d.Start
		if d.running() {
			mend = d.Resume
		}
		if err := mend(); err != nil {
			return err
		}
	}
	return l.Wait(ctx, len(l.Data))
}

// BeingWritten lists the files that somebody has open for writing, by their paths. Those of a writer
// that has ended are among them until its lease has.
func (l *Lab) BeingWritten(ctx context.Context) (paths []string, err error) {
	ctx, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	report, err := get(ctx, "http://"+l.Name.http+"/fsck?ugi=root&path=/&openforwrite=1")
	if err != nil {
		return nil, err
	}
	if !strings.Contains(report, "is HEALTHY") && !strings.Contains(report, "is CORRUPT") {
		return nil, fmt.Errorf("fsck of the name node did not end: %s", report)
	}
	for line := range strings.Lines(report) {
		if path, _, ok := strings.Cut(line, " "); ok && strings.Contains(line, "OPENFORWRITE:") {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// Namenode returns the address of the name node, host:port.
func (l *Lab) Namenode() string { return l.rpc }

// URL returns a path of the lab as hdfs://host:port/path.
func (l *Lab) URL(path string) string { return "hdfs://" + l.rpc + path }

// Address returns the IP address of data node i, which is its host name too.
func (l *Lab) Address(i int) string { return fmt.Sprintf("127.0.0.%d", 11+i) }

// Wait waits until the name node serves, counts live data nodes, and misses no block, and until
// all data nodes that run have registered there. The error says what was amiss when ctx ended, or
// shows the log of a daemon that ended by itself.
func (l *Lab) Wait(ctx context.Context, live int) error {
	for {
		amiss := l.amiss(ctx, live)
		if amiss == nil {
			return nil
		}
		for _, d := range l.all() {
			if d.done != nil && !d.running() && !strings.Contains(d.cmd.ProcessState.String(), "killed") {
				return fmt.Errorf("%s ended (%v):\n%s", d.role, d.cmd.ProcessState, d.tail())
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("HDFS is not ready: %w; the name node's log ends with\n%s", errors.Join(amiss, ctx.Err()), l.Name.tail())
		case <-time.After(100 * time.Millisecond): // it can only be asked
		}
	}
}

func (l *Lab) amiss(ctx context.Context, live int) error {
	var name struct {
		Safemode              string
		LiveNodes             string // JSON
		NumberOfMissingBlocks int
	}
	if err := l.Name.ask(ctx, "NameNode,name=NameNodeInfo", &name); err != nil {
		return err
	}
	nodes := map[string]any{}
	if err := json.Unmarshal([]byte(name.LiveNodes), &nodes); err != nil {
		return err
	}
	if name.Safemode != "" || len(nodes) != live || name.NumberOfMissingBlocks != 0 {
		return fmt.Errorf("%d data nodes live, %d blocks missing, safe mode %q", len(nodes), name.NumberOfMissingBlocks, name.Safemode)
	}
	for i, d := range l.Data {
		if !d.running() || d.paused {
			continue
		}
		var data struct{ BPServiceActorInfo string } // JSON
		if err := d.ask(ctx, "DataNode,name=DataNodeInfo", &data); err != nil {
			return err
		}
		if !strings.Contains(data.BPServiceActorInfo, `"ActorState":"RUNNING"`) {
			return fmt.Errorf("data node %s has not registered: %s", l.Address(i), data.BPServiceActorInfo)
		}
	}
	return nil
}
