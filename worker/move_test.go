package worker

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// hold has a worker hold the output of a map task with so many rows in each of two
// segments.
func hold(t *testing.T, w *Worker, seq uint64, rows int) (model.AttemptID, *shuffle.Output) {
	t.Helper()
	typ, err := codec.TypeOf[int64]()
	if err != nil {
		t.Fatal(err)
	}
	sw := shuffle.NewWriter(shuffle.Config{Dir: t.TempDir(), Shuffle: 7, Map: uint32(seq), Reduces: 3, RowSum: true}, typ,
		shuffle.By(typ, func(v unsafe.Pointer) uint32 { return uint32(*(*int64)(v) % 3) }))
	for range 2 {
		all := make([]int64, rows)
		for i := range all {
			all[i] = int64(i)
		}
		if err := sw.Write(codec.RowsOf(all)); err != nil {
			t.Fatal(err)
		}
		if rows > 0 {
			if err := sw.Shed(); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, err := sw.Close()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := msgpack.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	id := model.AttemptID{Stage: model.StageID{Job: "j", Key: "m"}, Partition: int(seq), Term: 1, Seq: seq}
	w.store.add(&model.TaskDone{Attempt: id, Rows: out.Rows, Bytes: out.Bytes, Sum: out.Sum, RowSum: out.RowSum, Sizes: []byte{1, 2, 3},
		Reads: []model.Read{{Key: "p", Gen: 2}}, Output: encoded}, out)
	return id, out
}

// pair is two workers that know each other.
func pair(t *testing.T) (w1, w2 *Worker, s1, s2 *workStream) {
	f := startMaster(t)
	w1, _ = f.startWorker("w1", nil)
	s1 = f.stream()
	s1.welcome(1)
	w2, _ = f.startWorker("w2", nil)
	s2 = f.stream()
	s2.welcome(1)
	for _, s := range []*workStream{s1, s2} {
		s.send(msg.Peer{Worker: "w1", Address: "w1"}, msg.Peer{Worker: "w2", Address: "w2"}, msg.Job{ID: "j", Key: []byte("key")})
	}
	synctest.Wait()
	return w1, w2, s1, s2
}

// TestR39Move has one worker take over what another one holds.
func TestR39Move(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w1, w2, s1, s2 := pair(t)
		for seq, rows := range []int{1000, 0, 1} {
			id, out := hold(t, w1, uint64(seq), rows)
			s1.send(model.Move{Target: "w2", Outputs: []model.AttemptID{id, {Stage: id.Stage, Term: 9}}}) // one is not here
			h := next[msg.Handover](s1)
			if h.Target != "w2" || h.Job != "j" || len(h.Outputs) != 1 {
				t.Fatalf("got %+v", h)
			}
			for range 2 { // asked for again, it says the same
				s2.send(h)
				got := next[model.OutputsMoved](s2)
				if len(got.Moved) != 1 || got.Moved[0].Output != id || got.Moved[0].From != "s-w1" || got.Moved[0].To != "s-w2" {
					t.Fatalf("got %+v", got)
				}
				moved := w2.store.local(id)
				var told shuffle.Output
				if err := decode(got.Moved[0].Where, &told); err != nil || told.Path != moved.Path || told.Path == out.Path {
					t.Errorf("told %+v, %v", told, err)
				}
			}
			moved := w2.store.local(id)
			if v := w2.store.verify(id); v != model.OutputOK {
				t.Errorf("%d rows: verdict %v", rows, v)
			}
			a, err := os.ReadFile(out.Path)
			b, err2 := os.ReadFile(moved.Path)
			if err != nil || err2 != nil || !bytes.Equal(a, b) || len(moved.Segments) != len(out.Segments) {
				t.Errorf("%d rows: %d bytes of %d, %d segments of %d, %v, %v", rows, len(b), len(a), len(moved.Segments), len(out.Segments), err, err2)
			}
			was, _ := w1.store.one(id, "w1", "s-w1")
			is, ok := w2.store.one(id, "w2", "s-w2")
			if !ok || is.RowSum != was.RowSum || is.Sum != was.Sum || len(is.Reads) != 1 || !bytes.Equal(is.Sizes, was.Sizes) {
				t.Errorf("%+v became %+v", was, is)
			}
		}
		s2.send(model.Drop{Job: "j", All: true})
		synctest.Wait()
		if left := w2.store.outputs("", ""); len(left) != 0 {
			t.Errorf("%d outputs are left", len(left))
		}
	})
}

// What cannot be fetched whole is not owned.
func TestMoveOfWhatIsDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w1, w2, s1, s2 := pair(t)
		flipped, out := hold(t, w1, 1, 1000)
		b, err := os.ReadFile(out.Path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 4
		if err := os.WriteFile(out.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		gone, out := hold(t, w1, 2, 1000)
		if err := os.Remove(out.Path); err != nil {
			t.Fatal(err)
		}
		whole, _ := hold(t, w1, 3, 10)
		s1.send(model.Move{Target: "w2", Outputs: []model.AttemptID{flipped, gone, whole}})
		s2.send(next[msg.Handover](s1))
		if got := next[model.OutputsMoved](s2); len(got.Moved) != 1 || got.Moved[0].Output != whole {
			t.Errorf("got %+v", got)
		}
		s2.silent()
		if w2.store.local(flipped) != nil || w2.store.local(gone) != nil {
			t.Error("a worker owns what it does not have")
		}
	})
}
