//go:build e2e

package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/client"
	"scalar/bsp/job"
)

var kills = flag.Int("kills", 4, "kills of the leader under TestAcknowledged")

// Bounds of TestAcknowledged.
const (
	callers  = 6
	mostJobs = 600 // fewer than the masters remember, and a list stays short
)

// TestAcknowledged kills -9 the leader again and again while clients submit, list, look
// at and stop jobs: what was told is linearizable (porcupine), so no acknowledged
// submission is lost, none is there twice, and no master tells old news.
func TestAcknowledged(t *testing.T) {
	t.Logf("seed %d (repeat with -args -seed %d)", *seed, *seed)
	c := startCluster(t, 3, 2)
	holder := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "4", "randcomm", "--", "--size", "8", "--messages", "10", "--supersteps", "1000000000"))
	c.running(t, holder) // so that the others wait, and nobody but clients changes them
	x := &clients{c: c, h: &history{began: time.Now()}, ids: map[string]job.ID{}, most: max(20, mostJobs**kills/(*kills+50))}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range callers {
		cl := c.connect(t)
		running.Go(func() { x.run(ctx, t, i, cl, rand.New(rand.NewPCG(*seed, uint64(i)))) })
	}
	rng := rand.New(rand.NewPCG(*seed, 100))
	for range *kills {
		pid := c.leader(t)
		time.Sleep(time.Duration(rng.IntN(700)) * time.Millisecond) // at any moment of what the clients do
		_ = syscall.Kill(pid, syscall.SIGKILL)
		c.settle(t)
	}
	stop()
	running.Wait()
	counts := map[string]int{}
	for _, o := range x.h.ops {
		counts[o.Input.(asked).what]++
	}
	t.Logf("%d kills in %.1f s, %d jobs, operations on single jobs: %v", *kills, time.Since(x.h.began).Seconds(), len(x.ids), counts)
	if counts["submit"] < 10 || counts["stop"] < 5 || counts["read"] < 100 {
		t.Error("too little was asked")
	}
	x.h.check(t)
	c.does(t, "job", "stop", holder)
	last := c.connect(t)
	for _, id := range x.ids {
		_ = last.Stop(t.Context(), id) // most are
	}
	c.clean(t)
}

// clients are several that ask about the same jobs at once.
type clients struct {
	c    *cluster
	h    *history
	most int // jobs

	mu    sync.Mutex // guards what follows
	names []string   // of jobs whose submit has begun
	ids   map[string]job.ID
	next  int // of ids, to be stopped
	known []string
}

// run asks until ctx ends; what was begun then is carried through.
func (x *clients) run(ctx context.Context, t *testing.T, me int, cl *client.Client, rng *rand.Rand) {
	t.Helper()
	asking := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		var err error
		switch lot := rng.IntN(20); {
		case lot < 4:
			err = x.submit(asking, me, cl, rng)
		case lot < 6:
			err = x.stop(asking, me, cl)
		case lot < 8:
			err = x.list(asking, me, cl)
		default:
			err = x.look(asking, me, cl, rng)
		}
		if err != nil {
			t.Errorf("client %d: %v", me, err)
			return
		}
		select {
		case <-time.After(time.Duration(rng.IntN(30)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// submit submits a new job, or once more one of the last, which another client may be
// submitting just now.
func (x *clients) submit(ctx context.Context, me int, cl *client.Client, rng *rand.Rand) error {
	x.mu.Lock()
	n := len(x.names)
	if n > 0 && (n >= x.most || rng.IntN(4) == 0) {
		n -= 1 + rng.IntN(min(n, 3))
	} else {
		x.names = append(x.names, fmt.Sprintf("lin%d", n))
	}
	name := x.names[n]
	x.mu.Unlock()
	call := time.Since(x.h.began)
	info, err := cl.Submit(client.WithRequestID(ctx, "request-"+name), job.Spec{Name: name, Program: job.Program{Name: "pi", Builtin: "pi"}, Peers: 1})
	if err != nil {
		return fmt.Errorf("submit %s: %w", name, err)
	}
	x.h.add(me, call, asked{"submit", name}, told{id: info.ID, jobs: 1})
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ids[name] == "" {
		x.known = append(x.known, name)
	}
	x.ids[name] = info.ID
	return nil
}

// stop stops a job that nobody has stopped.
func (x *clients) stop(ctx context.Context, me int, cl *client.Client) error {
	x.mu.Lock()
	if x.next >= len(x.known) {
		x.mu.Unlock()
		return nil
	}
	name := x.known[x.next]
	id := x.ids[name]
	x.next++
	x.mu.Unlock()
	call := time.Since(x.h.began)
	if err := cl.Stop(client.WithRequestID(ctx, "stop-"+name), id); err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	x.h.add(me, call, asked{"stop", name}, told{})
	return nil
}

// list asks for all jobs: an answer about each whose submit had begun before.
func (x *clients) list(ctx context.Context, me int, cl *client.Client) error {
	x.mu.Lock()
	names := append([]string(nil), x.names...)
	x.mu.Unlock()
	call := time.Since(x.h.began)
	all, err := cl.Jobs(ctx, client.JobQuery{})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	seen := map[string]told{}
	for _, j := range all {
		seen[j.Name] = told{id: j.ID, jobs: seen[j.Name].jobs + 1, stopped: j.State == job.Stopped}
	}
	for _, name := range names {
		x.h.add(me, call, asked{"read", name}, seen[name])
	}
	return nil
}

// look asks about one of the last jobs.
func (x *clients) look(ctx context.Context, me int, cl *client.Client, rng *rand.Rand) error {
	x.mu.Lock()
	n := len(x.known)
	if n == 0 {
		x.mu.Unlock()
		return nil
	}
	name := x.known[n-1-rng.IntN(min(n, 20))]
	id := x.ids[name]
	x.mu.Unlock()
	call := time.Since(x.h.began)
	info, err := cl.Job(ctx, id)
	if err != nil {
		return fmt.Errorf("look at %s, which was acknowledged: %w", id, err)
	}
	x.h.add(me, call, asked{"read", name}, told{id: info.ID, jobs: 1, stopped: info.State == job.Stopped})
	return nil
}
