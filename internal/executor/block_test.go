package executor

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestBlocksAreBrought(t *testing.T) {
	conn, s, ended := serve(t, runner{})
	want := plan.Block{RDD: "c1", Partition: 4}
	type got struct {
		path string
		err  error
	}
	ask := func(ctx context.Context) <-chan got {
		answer := make(chan got, 1)
		go func() {
			path, err := s.Block(ctx, "7.1", want)
			answer <- got{path, err}
		}()
		return answer
	}
	first := ask(t.Context())
	m := receive[wire.WantBlock](t, conn)
	if m.Attempt != "7.1" || m.Block != want {
		t.Errorf("got %+v", m)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	second := ask(ctx)
	if n := receive[wire.WantBlock](t, conn); n.Seq == m.Seq {
		t.Errorf("two questions with number %d", n.Seq)
	}
	stop := errors.New("stop")
	cancel(stop)
	if g := <-second; !errors.Is(g.err, stop) {
		t.Errorf("got %+v", g)
	}
	send(t, conn, &wire.BlockAt{Seq: 99, Path: "nobody's"}, &wire.BlockAt{Seq: m.Seq, Path: "here"}, &wire.BlockAt{Seq: m.Seq, Path: "again"})
	if g := <-first; g.path != "here" || g.err != nil {
		t.Errorf("got %+v", g)
	}
	third := ask(t.Context())
	send(t, conn, &wire.BlockAt{Seq: receive[wire.WantBlock](t, conn).Seq, Error: "nobody has it"})
	if g := <-third; g.err == nil || g.err.Error() != "nobody has it" {
		t.Errorf("got %+v", g)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.Wait()
}

func TestInputsAreBrought(t *testing.T) {
	conn, s, ended := serve(t, runner{})
	type got struct {
		parts []byte
		f     *plan.Failure
	}
	ask := func(ctx context.Context) <-chan got {
		answer := make(chan got, 1)
		go func() {
			parts, f := s.Input(ctx, "7.1", "m", 4)
			answer <- got{parts, f}
		}()
		return answer
	}
	lost := &plan.Failure{Class: plan.FailFetch, Message: "it is gone", Fetch: &plan.FetchSource{Stage: "m", Map: 3}}
	for _, c := range []struct {
		answer func(seq uint64) wire.Message
		want   got
	}{
		{func(seq uint64) wire.Message { return &wire.InputAt{Seq: seq, Parts: []byte("p")} }, got{parts: []byte("p")}},
		{func(seq uint64) wire.Message { return &wire.InputAt{Seq: seq, Failure: lost} }, got{f: lost}},
		{func(seq uint64) wire.Message { return &wire.BlockAt{Seq: seq, Path: "p"} }, got{f: &plan.Failure{Class: plan.FailInfra, Row: -1, Offset: -1, Message: errOther.Error()}}},
	} {
		answer := ask(t.Context())
		m := receive[wire.WantInput](t, conn)
		if m.Attempt != "7.1" || m.Shuffle != "m" || m.Partition != 4 {
			t.Errorf("asked for %+v", m)
		}
		send(t, conn, c.answer(m.Seq))
		if g := <-answer; !reflect.DeepEqual(g, c.want) {
			t.Errorf("got %+v, want %+v", g, c.want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	answer := ask(ctx)
	receive[wire.WantInput](t, conn)
	cancel(errors.New("stop"))
	if g := <-answer; g.f == nil || g.f.Message != "stop" {
		t.Errorf("got %+v", g)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.Wait()
}

func TestBlocksAreGiven(t *testing.T) {
	conn, s, ended := serve(t, runner{give: func(b plan.Block, path string) error {
		if b.Partition == 1 && path == "there" {
			return nil
		}
		return errors.New("not here")
	}})
	for partition, want := range []string{"not here", ""} {
		send(t, conn, &wire.GiveBlock{Seq: uint64(partition), Block: plan.Block{RDD: "c", Partition: partition}, Path: "there"})
		if m := receive[wire.BlockDone](t, conn); m.Seq != uint64(partition) || m.Error != want {
			t.Errorf("got %+v, want %q", m, want)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.Wait()
}
