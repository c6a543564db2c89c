package bsp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

func TestRing(t *testing.T) {
	var want []byte
	for _, tasks := range []int{1, 2, 3} {
		got := bsptest.Run(t, bsptest.Config{Peers: 5, Tasks: tasks}, bsp.NewRunner(ring))
		if want == nil {
			want = got.Output
		}
		if !slices.Equal(got.Output, want) || got.Supersteps != 100 {
			t.Errorf("%d tasks: %d supersteps, other output than in one task", tasks, got.Supersteps)
		}
		if got.Counters["sent"] != 500 || got.Counters[job.CounterMessages] != 500 || got.Counters[job.CounterMessageBytes] != 4000 {
			t.Errorf("%d tasks: counters %v", tasks, got.Counters)
		}
	}
}

// Messages come by sender, then in sending order, or sorted; both in every placement.
func TestOrder(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		for i := range 3 {
			for to := range p.N() {
				p.Send(to, 10*((p.Index()*7)%p.N())+i)
			}
		}
		if err := p.Sync(ctx); err != nil {
			return err
		}
		all := slices.Collect(p.Messages())
		if p.NumMessages() != len(all) {
			return fmt.Errorf("%d messages, %d came", p.NumMessages(), len(all))
		}
		p.Write(p.Index(), all)
		return nil
	}
	sent := "[0 1 2 30 31 32 20 21 22 10 11 12]"
	sorted := "[0 1 2 10 11 12 20 21 22 30 31 32]"
	for _, tasks := range []int{1, 2, 4} {
		for want, opts := range map[string][]bsp.Option{
			sent:                                 nil,
			sorted:                               {bsp.Queue(bsp.Sorted)},
			"[32 31 30 22 21 20 12 11 10 2 1 0]": {bsp.WithCompare(func(a, b int) int { return b - a })},
			"[3 93 63 33]":                       {bsp.WithCombiner(func(a, b int) int { return a + b })},
		} {
			got := bsptest.Run(t, bsptest.Config{Peers: 4, Tasks: tasks}, bsp.NewRunner(prog, opts...))
			line, _, _ := strings.Cut(string(got.Output), "\n")
			if line != "0\t"+want {
				t.Errorf("%d tasks: %q, want %q", tasks, line, want)
			}
		}
	}
}

func TestWrongOptions(t *testing.T) {
	type pair struct{ A, B []int }
	prog := func(context.Context, *bsp.Peer[pair]) error { return nil }
	for _, o := range []bsp.Option{
		bsp.Queue(bsp.Sorted), // no order of pairs is known
		bsp.WithCombiner(func(a, _ int) int { return a }),
		bsp.WithCompare(func(a, b string) int { return strings.Compare(a, b) }),
	} {
		if _, err := bsp.Run(t.Context(), 1, prog, o); err == nil {
			t.Error("a wrong option was taken")
		}
	}
	if _, err := bsp.Run(t.Context(), 0, prog); err == nil {
		t.Error("no peers were taken")
	}
	type named struct {
		A    []int
		name string
	}
	_, err := bsp.Run(t.Context(), 1, func(_ context.Context, p *bsp.Peer[named]) error { p.Send(0, named{name: "lost"}); return nil })
	if err == nil || !strings.Contains(err.Error(), "messages: bsp_test.named.name would be left out") {
		t.Errorf("messages that arrive without their name: %v", err)
	}
}

// The first real cause is reported, whatever the other peers say.
func TestFirstCause(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		for p.Superstep() < 10 {
			if p.Superstep() == 3 && p.Index() == 2 {
				switch p.Args()[0] {
				case "error":
					return errors.New("out of luck")
				case "kind":
					return fmt.Errorf("line 7: %w", p.Fail(job.FaultInput, "no number: %q", "x"))
				case "panic":
					panic("out of luck")
				case "goexit":
					runtime.Goexit()
				case "send":
					p.Send(99, 1)
				case "sync":
					late, cancel := context.WithTimeout(ctx, time.Millisecond)
					defer cancel()
					<-late.Done()
					return p.Sync(late)
				case "values":
					p.SetValues(make([]byte, bsp.MaxValues+1))
				}
			}
			if err := p.Sync(ctx); err != nil {
				return errors.New("something of its own, without the cause")
			}
		}
		return nil
	}
	for how, want := range map[string]string{
		"error": "out of luck", "kind": `line 7: no number: "x"`, "panic": "panic: out of luck", "goexit": "Goexit", "send": "panic:",
		"sync": "deadline", "values": "own, without",
	} {
		for _, tasks := range []int{1, 2, 4} {
			_, err := bsptest.Try(t, bsptest.Config{Peers: 4, Tasks: tasks, Args: []string{how}}, bsp.NewRunner(prog))
			f, ok := errors.AsType[*job.Failure](err)
			if !ok || !strings.Contains(f.Message, want) || strings.Count(err.Error(), "peer 2") != 1 || f.Peer != 2 || f.Task != 2*tasks/4 || f.Code != job.ExitFailed {
				t.Errorf("%s with %d tasks: %#v", how, tasks, err)
				continue
			}
			if how == "panic" && !strings.Contains(f.Detail, "run_test.go") {
				t.Errorf("the stack does not show the place:\n%s", f.Detail)
			}
			if how == "kind" && f.Kind != job.FaultInput {
				t.Errorf("kind %v", f.Kind)
			}
		}
	}
}

func TestStop(t *testing.T) {
	cause := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		if p.Index() == 0 {
			<-ctx.Done()
			return errors.New("gave up")
		}
		stop(cause)
		return p.Sync(ctx)
	}
	if _, err := bsp.Run(ctx, 2, prog); !errors.Is(err, cause) {
		t.Errorf("Run = %v, want the cause", err)
	}
}

func TestVotesAndValues(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		for p.Superstep() < 6 {
			p.Vote(p.Superstep()%2 == 1)
			if p.Superstep() == 3 && p.Index() == 0 {
				p.Send(1, 1) // a message is work to do
			}
			if p.Index() > 0 {
				p.SetValues(fmt.Appendf(nil, "%d/%d", p.Superstep(), p.Index()))
			}
			if err := p.Sync(ctx); err != nil {
				return err
			}
			p.Write(p.AllHalted(), fmt.Sprintf("%s", p.Values()))
		}
		return nil
	}
	want := "false\t[ 0/1 0/2]\ntrue\t[ 1/1 1/2]\nfalse\t[ 2/1 2/2]\nfalse\t[ 3/1 3/2]\nfalse\t[ 4/1 4/2]\ntrue\t[ 5/1 5/2]\n"
	for _, tasks := range []int{1, 3} {
		got := bsptest.Run(t, bsptest.Config{Peers: 3, Tasks: tasks}, bsp.NewRunner(prog))
		if string(got.Output) != strings.Repeat(want, 3) {
			t.Errorf("%d tasks:\n%s", tasks, got.Output)
		}
	}
}

// Peers may return early; the others go on, and messages to them are dropped.
func TestEarlyReturn(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		for p.Superstep() < 10*p.Index() {
			p.Send(0, 1)
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	kept := func(ctx context.Context, p *bsp.Peer[int]) error {
		var n int
		if _, err := p.State(&n); err != nil {
			return err
		}
		return prog(ctx, p)
	}
	for _, tasks := range []int{1, 2, 4} {
		cfg := bsptest.Config{Peers: 4, Tasks: tasks}
		if got := bsptest.Run(t, cfg, bsp.NewRunner(prog)); got.Supersteps != 30 {
			t.Errorf("%d tasks: %d supersteps", tasks, got.Supersteps)
		}
		for _, cfg.RestartAt = range []int{5, 10, 25, 30} { // with checkpoints they stay in the barriers
			bsptest.SameBits(t, cfg, bsp.NewRunner(kept))
		}
	}
	// With a folder for checkpoints nobody knows before the first barrier that none come.
	cfg := ringTask(t, func(s *wire.TaskStart) { s.Ranges[0].Hi = 4 })
	cfg.Runner = bsp.NewRunner(prog)
	if done, err := bsp.RunTask(t.Context(), cfg); err != nil || done.Supersteps != 30 {
		t.Errorf("%d supersteps: %v", done.Supersteps, err)
	}
}

// What a peer sets and then returns, instead of meeting the others, nobody gets, with
// checkpoints or without.
func TestReturnGivesNothing(t *testing.T) {
	prog := func(keep bool) bsp.Runner {
		return bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
			n := 0
			if keep {
				if _, err := p.State(&n); err != nil {
					return err
				}
			}
			for p.Superstep() < 6 {
				p.Write(p.Superstep(), fmt.Sprintf("%q %d %v", p.Values(), p.NumMessages(), p.AllHalted()))
				p.SetValues([]byte{'a' + byte(p.Index())})
				p.Send(0, 1)
				if p.Index() == 1 && p.Superstep() == 3 {
					p.SetValues(make([]byte, bsp.MaxValues+p.Superstep()-2)) // too long, even
					return nil
				}
				if err := p.Sync(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, tasks := range []int{1, 2} {
		want := bsptest.Run(t, bsptest.Config{Peers: 2, Tasks: tasks}, prog(false))
		for _, at := range []int{0, 2, 4} {
			got := bsptest.Run(t, bsptest.Config{Peers: 2, Tasks: tasks, RestartAt: at}, prog(true))
			if string(got.Output) != string(want.Output) || got.Counters[job.CounterMessages] != want.Counters[job.CounterMessages] {
				t.Errorf("%d tasks, a restart at %d:\n%s\nwithout checkpoints:\n%s", tasks, at, got.Output, want.Output)
			}
		}
	}
}

func TestPartitionInput(t *testing.T) {
	file := t.TempDir() + "/in"
	var in strings.Builder
	for i := range 1000 {
		in.WriteString(strings.Repeat("x", i%17) + "\n")
	}
	if err := os.WriteFile(file, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := bsptest.Run(t, bsptest.Config{Peers: 3, Tasks: 2, Input: file}, bsp.NewRunner(words, bsp.PartitionInput(byLength)))
	if n := strings.Count(string(got.Output), "\n"); n != 1000 {
		t.Errorf("%d records, want 1000", n)
	}
	bsptest.SameBits(t, bsptest.Config{Peers: 3, Tasks: 2, Input: file, RestartAt: 3}, bsp.NewRunner(words, bsp.PartitionInput(byLength)))
	_, err := bsptest.Try(t, bsptest.Config{Peers: 3, Input: file}, bsp.NewRunner(words, bsp.PartitionInput(func([]byte, int) int { return 3 })))
	if err == nil || !strings.Contains(err.Error(), "PartitionInput: peer 3 for the record at "+file) {
		t.Errorf("a peer that is not there: %v", err)
	}
}

func TestMissingInput(t *testing.T) {
	_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: "/does/not/exist"}, bsp.NewRunner(words))
	if f, ok := errors.AsType[*job.Failure](err); !ok || f.Code != job.ExitNotFound || f.Kind != job.FaultInput {
		t.Errorf("%#v", err)
	}
}

func ExampleRun() {
	hello := func(ctx context.Context, p *bsp.Peer[string]) error {
		p.Send(0, fmt.Sprintf("hello from peer %d", p.Index()))
		if err := p.Sync(ctx); err != nil {
			return err
		}
		for m := range p.Messages() {
			p.Write(p.Superstep(), m)
		}
		return nil
	}
	result, err := bsp.Run(context.Background(), 3, hello)
	fmt.Printf("%s%d superstep, error %v\n", result.Output, result.Supersteps, err)
	// Output:
	// 1	hello from peer 0
	// 1	hello from peer 1
	// 1	hello from peer 2
	// 1 superstep, error <nil>
}

// The end of the context is no fault of the input that could not be listed for it.
func TestStoppedBeforeTheStart(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errCut)
	start := wire.TaskStart{Key: wire.TaskKey{Job: "ring-1", Epoch: 1}, Ranges: []job.Range{{Hi: 1}}, Input: t.TempDir()}
	if _, err := bsp.RunTask(ctx, bsp.TaskConfig{Runner: bsp.NewRunner(ring), Start: start}); !errors.Is(err, errCut) {
		t.Errorf("%v", err)
	}
}
