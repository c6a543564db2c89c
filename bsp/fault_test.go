package bsp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/internal/pki"
	"scalar/superstep"
)

// deaf is a codec that cannot read what it wrote.
type deaf struct{}

func (deaf) Append(dst []byte, ms []string) []byte {
	for _, m := range ms {
		dst = append(dst, m...)
	}
	return dst
}

func (deaf) Decode([]string, []byte) ([]string, error) {
	return nil, errors.New("cannot read this")
}

// What a program's own codec cannot decode is the program's fault, not a link's.
func TestCodecFault(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[string]) error {
		if p.Index() == 0 {
			p.Send(1, "x")
		}
		return p.Sync(ctx)
	}
	for _, tasks := range []int{1, 2} {
		_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Tasks: tasks}, bsp.NewRunner(prog, bsp.WithCodec[string](deaf{})))
		f, ok := errors.AsType[*job.Failure](err)
		if !ok || f.Kind != job.FaultProgram || !strings.Contains(f.Message, "cannot read this") {
			t.Errorf("%d tasks: %#v", tasks, err)
		}
	}
}

// slow is a state that peer 1 encodes when peer 0 is at the next barrier.
type slow struct {
	peer  int
	ahead *atomic.Bool
}

func (s *slow) AppendBinary(dst []byte) ([]byte, error) {
	for s.peer == 1 && !s.ahead.Load() {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(s.peer) * 20 * time.Millisecond)
	return append(dst, 0), nil
}

func (s *slow) UnmarshalBinary([]byte) error { return nil }

// One checkpoint is taken when one is due, however far apart the peers of a task are.
func TestCheckpointDueOnce(t *testing.T) {
	const interval = 200 * time.Millisecond
	var ahead atomic.Bool
	var taken atomic.Int64
	cfg := ringTask(t, func(s *wire.TaskStart) { s.CheckpointEvery = 0 })
	cfg.CheckpointInterval = interval
	began := time.Now()
	cfg.Runner = bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		if _, err := p.State(&slow{p.Index(), &ahead}); err != nil {
			return err
		}
		for taken.Load() == 0 || time.Since(began) < interval*7/4 {
			if time.Since(began) > interval {
				ahead.Store(true)
			}
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	cfg.Report = func(m wire.FromTask) {
		if m.Checkpoint != nil {
			taken.Add(1)
		}
	}
	_, err := bsp.RunTask(t.Context(), cfg)
	if after := time.Since(began); err != nil || taken.Load() > int64(after/interval) {
		t.Errorf("%d checkpoints in %v, one every %v: %v", taken.Load(), after, interval, err)
	}
}

// What a groom has no room for is refused by name, with checkpoints or without, in one
// process or several: none is dropped in silence.
func TestTooManyCounters(t *testing.T) {
	count := func(each func(p *bsp.Peer[int]), sync bool) bsp.Runner {
		return bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
			n := 0
			if _, err := p.State(&n); err != nil {
				return err
			}
			for p.Superstep() < 6 {
				each(p)
				if !sync {
					return nil
				}
				if err := p.Sync(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	many := func(n int) func(p *bsp.Peer[int]) {
		return func(p *bsp.Peer[int]) {
			for i := range n {
				p.Count(fmt.Sprintf("%d/%d", p.Index(), i), 1)
				p.Count("of all", 1)
				p.Count(job.CounterMessages, 1) // has its place
			}
		}
	}
	for name, row := range map[string]struct {
		each func(p *bsp.Peer[int])
		want string // empty: they fit
	}{
		"long":          {func(p *bsp.Peer[int]) { p.Count(strings.Repeat("x", 257), 1) }, "name of 257 bytes"},
		"long enough":   {func(p *bsp.Peer[int]) { p.Count(strings.Repeat("x", 256), 1) }, ""},
		"many":          {many(125), "one counter too many, a task can have 249 of its own"},
		"just as many":  {many(124), ""}, // with "of all" 249, as Count's comment says
		"by their data": {many(100_000), "one counter too many"},
	} {
		for _, sync := range []bool{true, false} {
			for _, at := range []int{0, 3} {
				if at > 0 && !sync {
					continue
				}
				got, err := bsptest.Try(t, bsptest.Config{Peers: 2, RestartAt: at}, count(row.each, sync))
				if row.want == "" && (err != nil || len(got.Counters) < 5) || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
					t.Errorf("%s, sync %v, a restart at %d: %v with %d counters, want %q", name, sync, at, err, len(got.Counters), row.want)
				}
			}
		}
	}
}

// What a task says of its end always fits a message.
func TestLoudFailure(t *testing.T) {
	for _, tasks := range []int{1, 2} {
		s := spec("loud", 2, tasks)
		s.MaxAttempts = 1
		info, _, err := local(t.Context(), t, s)
		f, ok := errors.AsType[*job.Failure](err)
		if !ok || f.Kind != job.FaultProgram || !strings.HasPrefix(f.Message, "too loud: xxx") || len(f.Message) != job.MaxMessage || info.State != job.Failed {
			t.Errorf("%d tasks: %v, %.200v", tasks, info.State, err)
		}
	}
}

// A message that has no room fails the task; the groom is not gone.
func TestUnsayable(t *testing.T) {
	groom, task := net.Pipe()
	defer task.Close()
	told := make(chan wire.FromTask, 1)
	go func() {
		defer groom.Close()
		var m wire.FromTask
		if err := pack.ReadFrame(groom, pack.MaxOrders, &m); err != nil {
			t.Error(err)
		}
		told <- m
	}()
	f := bsp.Say(task, wire.FromTask{Done: &wire.TaskDone{Parts: []wire.Part{{Path: strings.Repeat("x", 17<<20)}}}})
	m := <-told
	if f == nil || m.Failed == nil || *m.Failed != *f || !strings.Contains(f.Message, "over the limit") {
		t.Errorf("said %+v, returned %v", m, f)
	}
	if f := bsp.Say(task, wire.FromTask{Done: &wire.TaskDone{}}); f != nil {
		t.Errorf("a groom that is gone: %v", f)
	}
}

// A task cannot take another one's place: its certificate says who it is.
func TestCertifiedTask(t *testing.T) {
	attempt, err := pki.NewAttempt("ring-7", 3, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	mesh := func(task int) bsp.Mesh {
		pair, err := attempt.Task(task, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		m, err := bsp.NewMesh(t.Context(), &wire.TaskStart{
			Key: wire.TaskKey{Job: "ring-7", Epoch: 3, Task: task}, Ranges: []job.Range{{Hi: 1}, {Lo: 1, Hi: 2}, {Lo: 2, Hi: 3}},
			DataPlane: wire.PlaneTLS, Listen: "127.0.0.1", Credentials: &wire.Credentials{CA: attempt.CertPEM(), Cert: pair.Cert, Key: pair.Key},
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	honest, liar := mesh(0), mesh(2)
	liar.DialTo([]string{honest.Listener.Addr().String(), "", ""})
	claim := superstep.Mesh{Job: liar.Job, Epoch: 3, Task: 1, Listener: liar.Listener, Dial: liar.Dial}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := honest.Connect(ctx, 3)
		ended <- err
	}()
	_, err = claim.Connect(ctx, 3)
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("task 2 was taken for task 1: %v", err)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("connected without the others")
	}
}
