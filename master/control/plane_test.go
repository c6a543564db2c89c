package control_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/internal/rpc"
	"scalar/master/control"
	"scalar/master/fsm"
)

// A trivial job passes through the control loop without waiting for any timer:
// no virtual time passes from submission to success.
func TestTrivialJobNeedsNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		defer w.end()
		w.lead(0)
		w.startGroom("a")
		w.startGroom("b")
		synctest.Wait()
		begin := time.Now()
		id := w.submit(job.Spec{Peers: 4, Tasks: 2})
		in := w.wait(id)
		if took := time.Since(begin); took != 0 {
			t.Errorf("the job took %v of virtual time", took)
		}
		if in.State != job.Succeeded || in.ExitCode != 0 || in.Tasks != 2 || in.Attempts != 1 || in.Supersteps != 9 || in.Counters[job.CounterMessages] != 20 {
			t.Errorf("%+v", in)
		}
		synctest.Wait()
		a := w.grooms["a"]
		if len(a.commits) != 1 || a.commits[0] != "file:///store/results/pi-1.tmp-pi-1-1" {
			t.Errorf("commits: %v", a.commits)
		}
		if want := []string{"file:///store/results/pi-1.tmp-pi-1-1", "file:///store/checkpoints/pi-1"}; strings.Join(a.removed, " ") != strings.Join(want, " ") {
			t.Errorf("removed %v", a.removed)
		}
	})
}

// Whatever happens to masters, grooms and tasks while jobs run, every job ends,
// and ends well, since the faults are never the program's.
func TestSurvivesFaults(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { faults(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func faults(t *testing.T, random *rand.Rand) {
	t.Helper()
	w := newWorld(t, 3, "a", "b", "c")
	defer w.end()
	for _, g := range w.grooms {
		g.work = 2 * time.Second
	}
	w.lead(0)
	var ids []job.ID
	for step := range 25 {
		if step%5 == 0 {
			ids = append(ids, w.submit(job.Spec{Peers: 1 + random.IntN(2), Tasks: 1}), w.submit(job.Spec{Peers: 4, Tasks: 2}))
		}
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
		w.mishap(random)
	}
	w.mu.Lock()
	w.refuse = false
	w.mu.Unlock()
	for _, g := range w.grooms {
		g.mu.Lock()
		g.silent = false
		g.mu.Unlock()
	}
	for _, id := range ids {
		in := w.wait(id)
		// Twenty losses end a job; so many do not happen here.
		if in.State != job.Succeeded {
			t.Errorf("job %s: %+v", id, in)
		}
	}
	time.Sleep(time.Minute)
	for j := range w.state.Active() {
		t.Errorf("job %s is %s and not cleaned", j.ID, j.State)
	}
}

func TestProgramFaultsEndTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, "a", "b")
		defer w.end()
		for _, g := range w.grooms {
			g.work = time.Hour
		}
		w.lead(0)
		time.Sleep(time.Second)
		id := w.submit(job.Spec{Peers: 2, Tasks: 2})
		for range job.DefaultMaxAttempts {
			time.Sleep(time.Second)
			if !w.grooms["b"].die(job.FaultProgram) {
				t.Fatal("no task to kill")
			}
		}
		synctest.Wait()
		in, _ := w.masters[0].Info(id)
		if in.State != job.Failed || in.ExitCode != job.ExitFailed || in.Attempts != 4 || in.Error.Groom != "b" {
			t.Errorf("%+v", in)
		}
	})
}

func TestOutputExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, "a")
		defer w.end()
		w.grooms["a"].fail = &job.Failure{Kind: job.FaultOutput, Code: job.ExitUsage, Message: "output exists", Task: -1, Peer: -1}
		w.lead(0)
		if in := w.wait(w.submit(job.Spec{Peers: 1, Output: "file:///out"})); in.State != job.Failed || in.ExitCode != job.ExitUsage {
			t.Errorf("%+v", in)
		}
	})
}

func TestStopEndsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, "a", "b")
		defer w.end()
		for _, g := range w.grooms {
			g.work = time.Hour
		}
		w.lead(0)
		id := w.submit(job.Spec{Peers: 4})
		time.Sleep(time.Second)
		if in, _ := w.masters[0].Info(id); in.State != job.Running || in.Placement[0].State != "working" {
			t.Fatalf("%+v", in)
		}
		begin := time.Now()
		w.apply(fsm.Command{Stop: &fsm.Stop{Job: id, By: "ann"}})
		synctest.Wait()
		if time.Since(begin) != 0 || len(w.grooms["a"].tasks)+len(w.grooms["b"].tasks) > 0 {
			t.Error("tasks outlived the stop")
		}
		if why, _ := w.masters[0].Why(id); why.Summary != "was stopped by ann" {
			t.Errorf("%+v", why)
		}
	})
}

// The note of the lowest task that has one is told while the job runs, and watchers are
// told when it changes.
func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, "a", "b")
		defer w.end()
		for _, g := range w.grooms {
			g.work = time.Hour
		}
		w.lead(0)
		id := w.submit(job.Spec{Peers: 4, Tasks: 2})
		time.Sleep(time.Second)
		in, _ := w.masters[0].Info(id)
		ctx, cancel := context.WithCancel(t.Context())
		news := w.masters[0].Watch(ctx, id)
		<-news
		for _, x := range []struct {
			task       int
			says, want string
		}{{1, "one", "one"}, {0, "zero", "zero"}, {1, "late", "zero"}, {0, "two\nlines", "late"}, {0, "zero again", "zero again"}} {
			w.grooms[in.Placement[x.task].Groom].say(x.task, x.says)
			time.Sleep(time.Second)
			if now, _ := w.masters[0].Info(id); now.Note != x.want {
				t.Errorf("task %d says %q: the note is %q, want %q", x.task, x.says, now.Note, x.want)
			}
			select {
			case told := <-news:
				if told.Note != x.want {
					t.Errorf("task %d says %q: a watcher is told %q, want %q", x.task, x.says, told.Note, x.want)
				}
			default:
				if x.says != "late" {
					t.Errorf("task %d says %q: a watcher is not told", x.task, x.says)
				}
			}
		}
		cancel()
		w.apply(fsm.Command{Stop: &fsm.Stop{Job: id, By: "ann"}})
		synctest.Wait()
		if now, _ := w.masters[0].Info(id); now.State != job.Stopped || now.Note != "" {
			t.Errorf("after the end: %+v", now)
		}
	})
}

func TestFollowerNamesLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		defer w.end()
		report := func(to int, name string, r wire.Report) (wire.ReportReply, error) {
			ctx, cancel := context.WithCancel(t.Context())
			here, there := net.Pipe()
			conn := rpc.NewConn(here, nil, rpc.Config{})
			w.running.Go(func() { _ = w.masters[to].Serve(ctx, name, there) })
			w.running.Go(func() { _ = conn.Run(ctx) })
			defer cancel()
			body, err := pack.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := conn.Call(ctx, wire.MethodReport, body)
			var reply wire.ReportReply
			if err == nil {
				err = pack.Unmarshal(answer, &reply)
			}
			return reply, err
		}
		good := wire.Report{Groom: "a", Incarnation: 1, Slots: 1}
		if _, err := report(0, "a", good); err == nil || !strings.Contains(err.Error(), "no leader") {
			t.Errorf("without a leader: %v", err)
		}
		w.lead(1)
		synctest.Wait()
		if r, err := report(0, "a", good); err != nil || r.Leader != "1" {
			t.Errorf("follower: %+v, %v", r, err)
		}
		if r, err := report(1, "a", good); err != nil || r.Leader != "" || r.Term == 0 {
			t.Errorf("leader: %+v, %v", r, err)
		}
		if _, err := report(1, "b", good); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("a report for another: %v", err)
		}
		w.apply(fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: "ours"}})
		good.Cluster = "theirs"
		if _, err := report(1, "a", good); err == nil || !strings.Contains(err.Error(), "belongs to cluster theirs") {
			t.Errorf("another cluster's groom: %v", err)
		}
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, "a")
		defer w.end()
		w.grooms["a"].work = 2 * time.Second
		w.lead(0)
		synctest.Wait()
		var states []string
		for in := range w.masters[0].Watch(t.Context(), w.submit(job.Spec{Peers: 1})) {
			if s := in.State.String(); len(states) == 0 || states[len(states)-1] != s {
				states = append(states, s)
			}
		}
		if got := strings.Join(states, " "); !strings.HasSuffix(got, "running committing succeeded") && !strings.HasSuffix(got, "running succeeded") {
			t.Errorf("states: %s", got)
		}
		if _, open := <-w.masters[0].Watch(t.Context(), "none-1"); open {
			t.Error("a job that is not there was watched")
		}
	})
}

func TestPathsAndLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, "a", "b")
		defer w.end()
		w.grooms["a"].seen = map[string]bool{}
		w.grooms["b"].seen = map[string]bool{"file:///in": true}
		w.grooms["b"].out = map[string]bool{"file:///there": true}
		w.lead(0)
		time.Sleep(time.Second)
		for _, c := range []struct {
			spec job.Spec
			code int
		}{
			{job.Spec{}, 0},
			{job.Spec{Input: "file:///in", Output: "file:///new"}, 0},
			{job.Spec{Input: "file:///nowhere"}, job.ExitNotFound},
			{job.Spec{Input: "file:///in", Output: "file:///there"}, job.ExitUsage},
		} {
			err := w.masters[0].ProbePaths(t.Context(), c.spec)
			f, _ := errors.AsType[*job.Failure](err)
			if (err == nil) != (c.code == 0) || f != nil && f.Code != c.code {
				t.Errorf("%+v: %v", c.spec, err)
			}
		}
		id := w.submit(job.Spec{Peers: 1, Input: "file:///in"})
		if in := w.wait(id); in.Placement[0].Groom != "b" {
			t.Errorf("%+v", in)
		}
		if r, err := w.masters[0].Log(t.Context(), "b", wire.LogRequest{Key: wire.TaskKey{Job: id, Epoch: 1}}); err != nil || string(r.Data) != "hello from b" {
			t.Errorf("%+v, %v", r, err)
		}
		if r, err := w.masters[0].Log(t.Context(), "nobody", wire.LogRequest{}); err != nil || !r.Gone {
			t.Errorf("%+v, %v", r, err)
		}
		big := w.submit(job.Spec{Peers: 3, Tasks: 1, Input: "file:///in"})
		time.Sleep(time.Second)
		why, _ := w.masters[0].Why(big)
		if len(why.Reasons) != 2 || why.Reasons[0].Constraint != "slots" || why.Reasons[1].Constraint != "input" {
			t.Errorf("%+v", why)
		}
		if plan, ok := w.masters[0].Plan(big); !ok || plan != nil {
			t.Errorf("plan %v, %t", plan, ok)
		}
		if plan, ok := w.masters[0].Plan(id); !ok || len(plan) != 1 {
			t.Errorf("plan %v, %t", plan, ok)
		}
		if nodes := w.masters[0].Nodes(); len(nodes) != 2 || nodes[0].State != "ready" || nodes[0].Free != 2 || nodes[0].LastSeen.IsZero() {
			t.Errorf("%+v", nodes)
		}
	})
}

func TestConfig(t *testing.T) {
	if _, err := control.New(control.Config{}); err == nil {
		t.Error("an empty configuration was taken")
	}
}

// mishap has one thing go wrong, or right again.
func (w *world) mishap(random *rand.Rand) {
	g := w.grooms[string(rune('a'+random.IntN(3)))]
	switch random.IntN(6) {
	case 0:
		w.lead(random.IntN(3))
	case 1:
		g.kill()
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
		w.startGroom(g.name)
	case 2:
		g.die(job.FaultLink)
	case 3: // a groom that hangs for a while
		g.mu.Lock()
		g.silent = !g.silent
		g.mu.Unlock()
	case 4: // no leader for a while
		w.depose()
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		w.lead(random.IntN(3))
	case 5: // Raft hangs for a while
		w.mu.Lock()
		w.refuse = !w.refuse
		w.mu.Unlock()
	}
}
