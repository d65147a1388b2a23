package rdd

import (
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
)

// garbage is what tasks that ended have left. A heap that may grow to several times what is in use is collected rarely,
// and the next tasks would have memory that nobody has touched yet, which costs more than to collect what there is.
type garbage struct {
	mu    sync.Mutex
	bytes int64
}

// muchGarbage is how much is collected at least.
const muchGarbage = 64 << 20

// left collects the garbage when it is as much as what was in use when that was done last. A user who sets GOGC has
// said when that is to be.
func (g *garbage) left(bytes int64) {
	if bytes >= muchGarbage/4 && g.much(bytes, inUse()) && os.Getenv("GOGC") == "" {
		runtime.GC()
	}
}

// much counts bytes of garbage, and begins anew when there is much beside what is in use.
func (g *garbage) much(bytes, inUse int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes += bytes
	if g.bytes < max(muchGarbage, inUse) {
		return false
	}
	g.bytes = 0
	return true
}

// inUse is how much of the heap was in use when it was last collected.
func inUse() int64 {
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(heap)
	if heap[0].Value.Kind() != metrics.KindUint64 {
		return math.MaxInt64
	}
	return int64(heap[0].Value.Uint64())
}
