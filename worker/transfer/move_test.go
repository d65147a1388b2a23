package transfer

import (
	"errors"
	"io"
	"sync"
	"testing"
)

// gate holds requests for one output until it is opened.
type gate struct {
	seq     uint64
	reached chan struct{}
	open    chan struct{}
	once    sync.Once
}

func newGate(seq uint64) *gate {
	return &gate{seq: seq, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) asked(seq uint64) {
	if seq == g.seq {
		g.once.Do(func() { close(g.reached) })
		<-g.open
	}
}

var one = span{0, 1}

// moving is a fetch by one stream of two outputs of a peer that holds the
// first, so that the second waits; both are large.
type moving struct {
	x         *Fetch
	gate      *gate
	dir       string
	old       *testStore
	a, b      *Output
	place     string // where outputs are made again
	elsewhere *testStore
}

func newMoving(t *testing.T, o Options) *moving {
	t.Helper()
	m := &moving{gate: newGate(1), dir: t.TempDir(), old: newStore(), elsewhere: newStore()}
	m.old.asked = m.gate.asked
	m.a = m.old.make(t, m.dir, shape{mapTask: 0, segments: 1, reduces: 1, row: 9000, rows: 30})
	m.b = m.old.make(t, m.dir, shape{mapTask: 1, segments: 1, reduces: 1, row: 9000, rows: 30})
	addr := serve(t, "127.0.0.1", ServerOptions{Store: m.old})
	m.place = serve(t, "127.0.0.2", ServerOptions{Store: m.elsewhere})
	o.Small = 1
	f := fetcher(t, o)
	x, err := f.Fetch(t.Context(), Request{Job: testJob, To: 1, Epoch: 5, Streams: 1, Seed: 1,
		Sources: []Source{m.a.source(addr, one), m.b.source(addr, one)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	m.x = x
	<-m.gate.reached
	return m
}

// again makes the output of a map task anew elsewhere, with other rows, so that
// a mixture of both would be seen.
func (m *moving) again(t *testing.T, task int) *Output {
	return m.elsewhere.make(t, m.dir, shape{mapTask: task, seq: 100 + uint64(task), segments: 2, reduces: 1, row: 9000, rows: 30})
}

func TestALostSourceIsFetchedFromItsNewPlace(t *testing.T) {
	m := newMoving(t, Options{})
	m.x.Update(6, []int{1}, nil) // before its turn
	b := m.again(t, 1)
	m.x.Update(7, nil, []Source{b.source(m.place, one)})
	close(m.gate.open)
	mustGet(t, m.x, 1, b, one)
	mustGet(t, m.x, 0, m.a, one)
	if n := m.old.count(2); n != 0 {
		t.Errorf("the lost output was asked for %d times", n)
	}
	p, err := m.x.Part(1)
	if err != nil || p.Source.Addr != m.place || p.Source.Attempt.Seq != 101 {
		t.Errorf("the part says it is of %+v, %v", p.Source, err)
	}
}

func TestALostSourceThatIsNowhereFailsWhenItIsTheLast(t *testing.T) {
	m := newMoving(t, Options{})
	m.x.Update(6, []int{1}, nil)
	close(m.gate.open)
	mustGet(t, m.x, 0, m.a, one)
	_ = mustFail(t, m.x, 1, Missing, 2)
	if n := m.old.count(2); n != 0 {
		t.Errorf("it was asked for %d times", n)
	}
}

func TestASourceUnderWayMovesWhenItFails(t *testing.T) {
	m := newMoving(t, Options{})
	m.old.mu.Lock()
	m.old.failing[1] = []error{ErrMissing}
	m.old.mu.Unlock()
	a := m.again(t, 0)
	m.x.Update(6, []int{0}, []Source{a.source(m.place, one)})
	close(m.gate.open)
	mustGet(t, m.x, 0, a, one)
	mustGet(t, m.x, 1, m.b, one)
}

func TestASourceUnderWayThatIsLostMayStillSucceed(t *testing.T) {
	m := newMoving(t, Options{})
	m.x.Update(6, []int{0}, nil)
	close(m.gate.open)
	mustGet(t, m.x, 0, m.a, one)
}

func TestASourceUnderWayThatIsLostAndFailsIsMissing(t *testing.T) {
	m := newMoving(t, Options{})
	m.old.mu.Lock()
	m.old.failing[1] = []error{ErrStale}
	m.old.mu.Unlock()
	m.x.Update(6, []int{0}, nil)
	close(m.gate.open)
	_ = mustFail(t, m.x, 0, Missing, 1)
}

func TestWhatIsHereStays(t *testing.T) {
	m := newMoving(t, Options{})
	close(m.gate.open)
	mustGet(t, m.x, 0, m.a, one)
	a := m.again(t, 0)
	m.x.Update(6, []int{0}, []Source{a.source(m.place, one)})
	p, err := m.x.Part(0)
	if err != nil || p.Source.Attempt.Seq != 1 {
		t.Errorf("%+v, %v", p.Source, err)
	}
}

// settled waits until all sources are here, or known to be streamed.
func (x *Fetch) settled() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.left > 0 && x.err == nil {
		x.change.Wait()
	}
}

func TestAStreamMovesUntilItIsHandedOut(t *testing.T) {
	m := newMoving(t, Options{Spool: 1, Window: 5000})
	close(m.gate.open)
	m.x.settled()
	b := m.again(t, 1)
	m.x.Update(6, []int{1}, []Source{b.source(m.place, one)})
	mustGet(t, m.x, 1, b, one)
	if p, err := m.x.Part(1); err != nil || p.Source.Attempt.Seq != 101 {
		t.Errorf("the part says it is of %+v, %v", p.Source, err)
	}
}

func TestAStreamThatIsLostBeforeItIsHandedOutFails(t *testing.T) {
	m := newMoving(t, Options{Spool: 1, Window: 5000})
	close(m.gate.open)
	m.x.settled()
	m.x.Update(6, []int{1}, nil)
	_ = mustFail(t, m.x, 1, Missing, 2)
	mustGet(t, m.x, 0, m.a, one)
}

func TestAStreamStaysAtItsAttempt(t *testing.T) {
	for _, gone := range []bool{false, true} {
		m := newMoving(t, Options{Spool: 1, Window: 5000})
		big := m.old.make(t, m.dir, shape{mapTask: 0, segments: 1, reduces: 1, row: 90_000, rows: 900})
		if n := big.source("", one).Size; n < 2*maxHead {
			t.Fatalf("%d bytes are too few for the test", n)
		}
		close(m.gate.open)
		p, err := m.x.Part(0)
		if err != nil {
			t.Fatal(err)
		}
		if gone {
			m.old.mu.Lock()
			delete(m.old.outputs, idOf(m.a.Attempt))
			m.old.mu.Unlock()
		}
		m.x.Update(6, []int{0}, []Source{m.again(t, 0).source(m.place, one)})
		got, err := io.ReadAll(p)
		if !gone {
			if err != nil || string(got) != string(big.want(t, one)) {
				t.Errorf("the attempt is still there: %d bytes, %v", len(got), err)
			}
			continue
		}
		var fe *Error
		if !errors.As(err, &fe) || fe.Cause != Missing || fe.Source.Attempt.Seq != 1 {
			t.Errorf("the attempt is gone: %d bytes, %v", len(got), err)
		}
		if string(got) != string(big.want(t, one)[:len(got)]) {
			t.Error("bytes of another attempt")
		}
	}
}
