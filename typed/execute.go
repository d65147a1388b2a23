package typed

import (
	"cmp"
	"fmt"
	"os"

	"github.com/gordd-project/gordd/internal/executor"
	"github.com/gordd-project/gordd/internal/machine"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// execute makes the process an executor: it runs the tasks of another process's
// session until the agent that started it closes the wire. Tasks that do not
// heed that end with the process.
func (p *program) execute(o Options) int {
	storage.ServeOthers()
	o = o.withDefaults()
	server := executor.New(p.wire)
	ro := rdd.RunnerOptions{
		Memory: shuffle.NewMemory(cmp.Or(o.Memory, minMemory)), NoKernels: o.NoFusing,
		Blob: server.Blob, BlobPart: server.BlobPart, Gather: server.Gather, Block: server.Block, Input: server.Input,
		Notice: func(text string) { _, _ = fmt.Fprintln(os.Stderr, "gordd: "+text) },
	}
	if o.Scratch != "" {
		ro.CacheDir = func() (string, error) { return o.Scratch, os.MkdirAll(o.Scratch, 0o700) }
		ro.Disk = machine.Disk
	}
	limitHeap(o.Memory)
	return p.end(server.Serve(rdd.NewRunner(ro)))
}
