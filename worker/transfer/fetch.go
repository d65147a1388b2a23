package transfer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Source is one map output as its reader knows it.
type Source struct {
	Attempt model.AttemptID
	Worker  plan.WorkerID
	Store   model.StoreID
	Addr    string // host:port where its worker serves
	Shuffle uint32 // the number of the shuffle that its blocks carry
	Size    int64  // about how many bytes the wanted partitions have; 0 when nothing is known
}

// Request says what a task reads of one shuffle.
type Request struct {
	Job      plan.JobID
	From, To uint32 // partitions, To excluded
	Epoch    uint64 // in which the sources were learnt
	Sources  []Source
	// Seed orders the peers, so that not all readers begin with the same; 0 draws one.
	Seed uint64
	// Streams is how many requests are made at once; the default is 6.
	Streams int
}

const (
	batchItems = 256
	batchBytes = 4 << 20
	itemCost   = 256 // bytes of a request and an answer beside the data
)

// Fetch is the fetching of one shuffle's partitions for one task.
type Fetch struct {
	f     *Fetcher
	r     Request
	ctx   context.Context
	end   context.CancelCauseFunc
	stop  func() bool
	work  sync.WaitGroup
	spool spool

	mu     sync.Mutex
	change sync.Cond
	epoch  uint64
	items  []*item
	byMap  map[int]*item
	peers  map[string]*queue
	order  []*queue
	turn   int // in order
	late   []*item
	left   int // items not done
	flying int
	err    error
}

// queue has what is to be fetched from one peer.
type queue struct {
	addr   string
	items  []*item
	flying int // requests
	after  time.Time
}

// item is one source on its way. What is not of the request that it is part of
// is guarded by the fetch's lock.
type item struct {
	src   Source
	size  int64 // as far as it is known
	next  *Source
	lost  bool
	done  bool
	tries tries
	part  *Part
	load  *download // of a large one, so far
}

// Fetch begins to fetch. Parts may be asked for in any order, and come as soon as they are here. The fetch ends with
// ctx, or by its Close, which must be called.
func (f *Fetcher) Fetch(ctx context.Context, r Request) (*Fetch, error) {
	if err := (span{r.From, r.To}).check(); err != nil {
		return nil, err
	}
	if len(r.Job) == 0 || len(r.Job) > maxJob {
		return nil, fmt.Errorf("fetch for job %q: its name has 1 to %d bytes", r.Job, maxJob)
	}
	if r.Seed == 0 {
		r.Seed = rand.Uint64()
	}
	if r.Streams <= 0 {
		r.Streams = 6
	}
	x := &Fetch{f: f, r: r, epoch: r.Epoch, peers: map[string]*queue{}, byMap: map[int]*item{}, left: len(r.Sources)}
	x.change.L = &x.mu
	x.spool = spool{dir: f.o.Scratch, room: f.spool}
	x.ctx, x.end = context.WithCancelCause(ctx)
	for _, src := range r.Sources {
		it := &item{src: src, size: src.Size}
		x.items = append(x.items, it)
		x.byMap[src.Attempt.Partition] = it
		x.put(it)
	}
	rng := rand.New(rand.NewPCG(r.Seed, 0))
	rng.Shuffle(len(x.order), func(i, j int) { x.order[i], x.order[j] = x.order[j], x.order[i] })
	x.stop = context.AfterFunc(x.ctx, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.failed(context.Cause(x.ctx))
	})
	for range min(r.Streams, len(r.Sources)) {
		x.work.Go(x.worker)
	}
	return x, nil
}

// Close ends the fetch and gives back everything that its parts hold. Nobody may be using them.
func (x *Fetch) Close() error {
	x.end(errClosed)
	x.work.Wait()
	x.stop()
	for _, it := range x.items {
		if it.part != nil {
			_ = it.part.Close()
		}
	}
	return x.spool.close()
}

// Part waits for what is fetched of source i. The error is an *[Error], or the cause of the end of the fetch's context.
func (x *Fetch) Part(i int) (*Part, error) {
	it := x.items[i]
	x.mu.Lock()
	for !it.done && x.err == nil {
		x.change.Wait()
	}
	part, err := it.part, x.err
	x.mu.Unlock()
	switch {
	case part == nil:
		return nil, err
	case part.stream != nil && part.Lens == nil:
		if err := part.stream.open(); err != nil {
			return nil, err
		}
	}
	return part, nil
}

// Update tells the fetch what has become of its sources since it began: outputs of which maps are lost, and where
// outputs are now. What is lost is fetched last; when its turn comes and it is nowhere, the fetch fails. What is here
// already, or was handed out as a stream, stays what it is.
func (x *Fetch) Update(epoch uint64, lost []int, moved []Source) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.epoch = epoch
	for _, m := range lost {
		if it := x.byMap[m]; it != nil {
			it.lost, it.next = true, nil
			x.postpone(it)
		}
	}
	for _, src := range moved {
		if it := x.byMap[src.Attempt.Partition]; it != nil {
			it.lost, it.next = false, &src
			x.readdress(it)
		}
	}
	x.change.Broadcast()
}

// postpone takes an item that waits out of its queue.
func (x *Fetch) postpone(it *item) {
	if q := x.peers[it.src.Addr]; q != nil && q.remove(it) {
		x.late = append(x.late, it)
	}
}

// readdress moves an item that waits to the queue of its new place.
func (x *Fetch) readdress(it *item) {
	waits := false
	for i, l := range x.late {
		if l == it {
			x.late = append(x.late[:i], x.late[i+1:]...)
			waits = true
			break
		}
	}
	if q := x.peers[it.src.Addr]; !waits && q != nil {
		waits = q.remove(it)
	}
	if waits {
		x.put(it)
	}
}

func (q *queue) remove(it *item) bool {
	for i, o := range q.items {
		if o == it {
			q.items = append(q.items[:i], q.items[i+1:]...)
			return true
		}
	}
	return false
}

// put queues an item at its peer, or at its new one.
func (x *Fetch) put(it *item) {
	if it.next != nil {
		it.src, it.next, it.tries, it.load = *it.next, nil, tries{}, nil
		it.size = it.src.Size
	}
	if it.lost {
		x.late = append(x.late, it)
		return
	}
	q := x.peers[it.src.Addr]
	if q == nil {
		q = &queue{addr: it.src.Addr}
		x.peers[q.addr] = q
		x.order = append(x.order, q)
	}
	q.items = append(q.items, it)
}

func (x *Fetch) worker() {
	for {
		q, batch := x.take()
		if batch == nil {
			return
		}
		if batch[0].size > x.f.o.Small {
			x.large(batch[0])
		} else {
			x.small(batch)
		}
		x.mu.Lock()
		q.flying--
		x.flying--
		x.change.Broadcast()
		x.mu.Unlock()
	}
}

// take waits for something to fetch; there is nothing when all is here or it
// has failed.
func (x *Fetch) take() (*queue, []*item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for {
		if x.err != nil || x.left == 0 {
			return nil, nil
		}
		if q := x.pick(); q != nil {
			q.flying++
			x.flying++
			return q, q.batch(x.f.o.Small)
		}
		if len(x.late) > 0 && x.flying == 0 && !x.queued() {
			it := x.late[0]
			x.failed(&Error{Source: it.src, Cause: Missing, Tries: it.tries.n, Err: errLost})
			return nil, nil
		}
		x.change.Wait()
	}
}

func (x *Fetch) queued() bool {
	for _, q := range x.order {
		if len(q.items) > 0 {
			return true
		}
	}
	return false
}

// pick finds the next peer in turn that has least to do for us.
func (x *Fetch) pick() (best *queue) {
	now := time.Now()
	for k := range x.order {
		i := (x.turn + k) % len(x.order)
		q := x.order[i]
		if len(q.items) == 0 || q.flying >= x.f.o.PeerConns || now.Before(q.after) || best != nil && q.flying >= best.flying {
			continue
		}
		best = q
		if x.turn = i + 1; q.flying == 0 {
			break
		}
	}
	return best
}

// batch takes the next item, and if it is small others to go with it.
func (q *queue) batch(small int64) (batch []*item) {
	if q.items[0].size > small {
		batch, q.items = []*item{q.items[0]}, q.items[1:]
		return batch
	}
	var bytes int64
	rest := q.items[:0]
	for _, it := range q.items {
		if it.size <= small && len(batch) < batchItems && (len(batch) == 0 || bytes+it.size <= batchBytes) {
			batch = append(batch, it)
			bytes += it.size
		} else {
			rest = append(rest, it)
		}
	}
	clear(q.items[len(rest):])
	q.items = rest
	return batch
}

// failed ends the fetch. The first reason counts.
func (x *Fetch) failed(err error) {
	if x.err == nil {
		x.err = err
		x.end(err)
	}
	x.change.Broadcast()
}

// complete says that an item is here, as p, or will be streamed.
func (x *Fetch) complete(it *item, p *Part) {
	p.f, p.Source = x.f, it.src
	x.mu.Lock()
	defer x.mu.Unlock()
	it.part, it.done, it.load = p, true, nil
	x.left--
	x.change.Broadcast()
}

// streamed completes an item for which there is no room.
func (x *Fetch) streamed(it *item) {
	x.complete(it, &Part{stream: &stream{x: x, it: it}})
}

// again puts an item back that could not be fetched, or fails the fetch.
func (x *Fetch) again(it *item, err error, progress bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return
	}
	if it.next != nil || it.lost {
		x.put(it)
		return
	}
	wait, again := it.tries.next(&x.f.o, err, progress)
	if !again {
		x.failed(&Error{Source: it.src, Cause: causeOf(err), Tries: it.tries.n, Err: err})
		return
	}
	x.f.o.Logger.Debug("fetch again", "output", it.src.Attempt.String(), "worker", it.src.Worker, "wait", wait, "err", err)
	x.put(it)
	if q := x.peers[it.src.Addr]; wait > 0 {
		q.after = time.Now().Add(wait)
		time.AfterFunc(wait, func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.change.Broadcast()
		})
	}
}

// span is what is asked of every source.
func (x *Fetch) span() span { return span{x.r.From, x.r.To} }

// asked is what a request is made of.
func (x *Fetch) asked(it *item) (src Source, epoch uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return it.src, x.epoch
}

func (x *Fetch) sign(src *Source, epoch uint64) ([]byte, error) {
	return sign(x.f.o.Tickets, Claim{Job: x.r.Job, Attempt: src.Attempt, From: x.r.From, To: x.r.To, Epoch: epoch})
}

// over reports whether an error only says that the fetch has ended.
func (x *Fetch) over(err error) bool {
	return x.ctx.Err() != nil && errors.Is(err, context.Cause(x.ctx))
}
