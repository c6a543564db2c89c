package control

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/master/fsm"
)

// docile is a groom that starts what it is told, and notices what it is told no more.
type docile struct {
	stage   *stage
	phase   wire.Phase // of all its tasks
	parts   []wire.Part
	runs    map[wire.TaskKey]bool
	commits map[job.ID]bool
	report  wire.Report
}

// turn lets the core decide, the groom obey and report.
func (g *docile) turn(t *testing.T) {
	t.Helper()
	s := g.stage
	todo := s.core.Decide(s.now, s.state)
	for _, p := range todo.Commands {
		s.finish(t, p)
	}
	g.report.Storage = nil
	for _, o := range todo.Orders {
		b, err := pack.Marshal(o.Orders)
		if err != nil || len(b) > pack.MaxOrders {
			t.Fatalf("orders of %d bytes, at most %d: %v", len(b), pack.MaxOrders, err)
		}
		g.obey(t, o.Orders)
	}
	g.report.Seq++
	g.report.OrdersTerm, g.report.Tasks = s.term, nil
	for key := range g.runs {
		g.report.Tasks = append(g.report.Tasks, wire.TaskStatus{Key: key, Phase: g.phase, Addr: "x", Parts: g.parts})
	}
	if err := s.core.Report(s.now, s.sessions[g.report.Groom], g.report); err != nil {
		t.Fatal(err)
	}
}

func (g *docile) obey(t *testing.T, o wire.Orders) {
	t.Helper()
	listed := map[wire.TaskKey]bool{}
	for _, task := range o.Tasks {
		key := task.Start.Key
		if !g.runs[key] && len(task.Start.Args) == 0 {
			t.Fatalf("new task %v without its start", key)
		}
		listed[key] = true
	}
	for key := range g.runs {
		if !listed[key] && g.phase != wire.Done {
			t.Fatalf("task %v was to be ended", key)
		}
	}
	g.runs = listed
	for _, w := range o.Storage {
		g.commits[w.Job] = g.commits[w.Job] || w.Commit != nil
		g.report.Storage = append(g.report.Storage, wire.StorageStatus{Job: w.Job, Epoch: w.Epoch, Done: true})
	}
}

// TestOrdersFitAMessage has more ordered at once than one message can hold:
// jobs with long arguments, then their outputs with long lists of parts.
func TestOrdersFitAMessage(t *testing.T) {
	t.Parallel()
	const jobs, parts = 24, 20_000
	s := newStage()
	s.sessions["a"] = 1
	g := &docile{
		stage: s, phase: wire.Starting, parts: make([]wire.Part, parts), runs: map[wire.TaskKey]bool{}, commits: map[job.ID]bool{},
		report: wire.Report{Groom: "a", Incarnation: 1, Addr: "host-a", Slots: 32, OrdersSeq: 1 << 40},
	}
	for i := range g.parts {
		g.parts[i] = wire.Part{Peer: i, Path: strings.Repeat("p", 100), Size: 1 << 40, CRC: 1 << 31}
	}
	for range jobs {
		s.apply(t, fsm.Command{Submit: &fsm.Submit{Results: "file:///store/results", Spec: job.Spec{
			Program: job.Program{Name: "p", Builtin: "p"}, Peers: 1, Args: []string{strings.Repeat("x", job.MaxSpecBytes-1000)},
		}}})
	}
	for range 40 {
		g.turn(t)
	}
	if len(g.runs) != jobs {
		t.Fatalf("%d of %d tasks were started", len(g.runs), jobs)
	}
	g.phase = wire.Done
	for range 100 {
		g.turn(t)
	}
	for _, j := range s.state.Jobs() {
		if j.State != job.Succeeded || !g.commits[j.ID] || !j.Clean {
			t.Errorf("job %s is %s, committed: %t, clean: %t", j.ID, j.State, g.commits[j.ID], j.Clean)
		}
	}
}

// newStage returns a stage with a leader.
func newStage() *stage {
	s := &stage{state: fsm.New(), start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), sessions: map[string]uint64{}, plane: wire.PlaneTLS, lease: 3 * time.Second}
	s.now = s.start
	s.lead()
	return s
}

// TestAddressesFitAMessage has a groom with so many tasks that the
// addresses of all for each of them are more than one message can hold.
func TestAddressesFitAMessage(t *testing.T) {
	t.Parallel()
	const tasks = 1500
	s := newStage()
	report := wire.Report{Groom: "a", Incarnation: 1, Addr: "host-a", Slots: tasks, OrdersTerm: 1, OrdersSeq: 1 << 40}
	s.sessions["a"] = 1
	for i := range tasks {
		report.Tasks = append(report.Tasks, wire.TaskStatus{
			Key: wire.TaskKey{Job: "p-1", Epoch: 1, Task: i}, Phase: wire.Listening, Addr: fmt.Sprintf("host-a:%d", 10_000+i),
		})
	}
	running := report.Tasks
	report.Tasks = nil
	for turn := range 20 {
		if err := s.core.Report(s.now, 1, report); err != nil {
			t.Fatal(err)
		}
		todo := s.core.Decide(s.now, s.state)
		for _, p := range todo.Commands {
			s.finish(t, p)
		}
		if turn == 1 {
			s.run(t, "submit", []string{fmt.Sprint("peers=", tasks), fmt.Sprint("tasks=", tasks)})
		}
		for _, o := range todo.Orders {
			if b, err := pack.Marshal(o.Orders); err != nil || len(b) > pack.MaxOrders {
				t.Fatalf("orders of %d bytes, at most %d: %v", len(b), pack.MaxOrders, err)
			}
			for _, task := range o.Orders.Tasks {
				report.Tasks = running
				if len(task.Addrs) == tasks {
					running[task.Start.Key.Task].Phase = wire.Working
				}
			}
		}
		report.Seq++
	}
	for _, task := range report.Tasks {
		if task.Phase != wire.Working {
			t.Fatalf("task %d was never told the addresses", task.Key.Task)
		}
	}
	if len(report.Tasks) != tasks {
		t.Error("no task was started")
	}
}

// TestFailsWhatNoMessageCarries: orders over the limit would cut the groom
// off from all later ones too.
func TestFailsWhatNoMessageCarries(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.run(t, "report", []string{"a", "slots=100"})
	s.settle(t)
	s.run(t, "submit", []string{"peers=1"})
	j := *s.state.Jobs()[0]
	j.Checkpoints = []wire.Checkpoint{{Superstep: 1, Files: make([]wire.Part, maxItem/48+1)}} // its spec and hosts come on top in earnest
	j.Tasks = []fsm.Assignment{{Groom: "a", Incarnation: 1}}
	turn := &turn{Core: s.core, now: s.now, state: s.state, wants: map[string]*groomWants{}}
	f := turn.cause(&j, turn.attempt(j.ID, 1), turn.statuses(&j))
	if f == nil || f.Kind != job.FaultInput || !strings.Contains(f.Message, "too long for one message") {
		t.Errorf("the attempt ends because of %v", f)
	}
	order := wire.StorageOrder{Job: j.ID, Epoch: 1, Commit: &wire.OutputCommit{Parts: make([]wire.Part, maxItem/48+1)}}
	if status, ended := turn.chore(&j, order); !ended || status.Failure == nil || len(turn.wants) > 0 {
		t.Errorf("work on storage that no message carries: %+v, %t", status, ended)
	}
}

// TestCleansInBatches: what many attempts have left is removed by orders of
// a bounded size, and the job is clean when all are done.
func TestCleansInBatches(t *testing.T) {
	t.Parallel()
	const attempts = 600
	s := newStage()
	s.run(t, "report", []string{"a"})
	s.settle(t)
	s.apply(t, fsm.Command{Submit: &fsm.Submit{Results: "file:///store/results", Spec: job.Spec{
		Program: job.Program{Name: "p", Builtin: "p"}, Peers: 1, MaxAttempts: attempts,
	}}})
	task := []fsm.Assignment{{Peers: job.Range{Hi: 1}, Groom: "a", Incarnation: 1, Claim: fsm.Claim{Slots: 1}}}
	for epoch := range job.Epoch(attempts) {
		s.apply(t, fsm.Command{Place: &fsm.Place{Job: "p-1", Epoch: epoch + 1, Base: s.state.Index, Tasks: task}})
		s.apply(t, fsm.Command{EndAttempt: &fsm.EndAttempt{Job: "p-1", Epoch: epoch + 1, Failure: *job.Fail(job.FaultProgram, "x")}})
	}
	s.now = s.now.Add(cleanWait)
	removed := map[string]bool{}
	for range 10 {
		s.run(t, "report", []string{"a"})
		todo := s.core.Decide(s.now, s.state)
		report := s.core.grooms["a"].report
		for _, o := range todo.Orders {
			for _, w := range o.Orders.Storage {
				if len(w.Remove) > maxRemove {
					t.Errorf("an order removes %d folders", len(w.Remove))
				}
				for _, url := range w.Remove {
					removed[url] = true
				}
				report.Storage = append(report.Storage, wire.StorageStatus{Job: w.Job, Epoch: w.Epoch, Done: true})
			}
		}
		if j := s.state.Jobs()[0]; j.Clean && len(removed) < attempts {
			t.Fatalf("clean after %d folders", len(removed))
		}
		report.Seq++
		if err := s.core.Report(s.now, s.sessions["a"], report); err != nil {
			t.Fatal(err)
		}
		for _, p := range s.core.Decide(s.now, s.state).Commands {
			s.finish(t, p)
		}
	}
	if j := s.state.Jobs()[0]; j.State != job.Failed || !j.Clean || len(removed) != attempts+1 {
		t.Errorf("the job is %s, clean: %t, and %d folders are removed", j.State, j.Clean, len(removed))
	}
}

// TestKeepsWhatProgramsReportSmall shows that no program can make a
// command, and with it a snapshot, too large by what it reports.
func TestKeepsWhatProgramsReportSmall(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.run(t, "report", []string{"a"})
	s.settle(t)
	s.run(t, "submit", []string{"peers=1"})
	s.settle(t)
	files := make([]wire.Part, 200_000)
	for i := range files {
		files[i].Path = strings.Repeat("x", 80)
	}
	status := wire.TaskStatus{
		Key: wire.TaskKey{Job: "p-1", Epoch: 1}, Phase: wire.Working, Addr: "x",
		Checkpoints: []wire.CheckpointPart{{Superstep: 3, Files: files}},
	}
	tell := func() {
		r := wire.Report{Groom: "a", Incarnation: 1, Addr: "host-a", Slots: 2, OrdersTerm: s.term, OrdersSeq: 1 << 40, Tasks: []wire.TaskStatus{status}}
		r.Seq = s.core.grooms["a"].report.Seq + 1
		if err := s.core.Report(s.now, s.sessions["a"], r); err != nil {
			t.Fatal(err)
		}
		s.settle(t)
	}
	tell()
	if j, _ := s.state.Job("p-1"); j.Checkpoint != -1 || j.State != job.Running {
		t.Fatalf("job is %s with checkpoint %d", j.State, j.Checkpoint)
	}
	status.Phase, status.Checkpoints, status.Parts = wire.Done, nil, files
	tell()
	if j, _ := s.state.Job("p-1"); j.State != job.Failed || j.Failure.Kind != job.FaultOutput {
		t.Errorf("job is %s: %v", j.State, j.Failure)
	}

	s.run(t, "submit", []string{"peers=1"})
	s.settle(t)
	status.Key.Job, status.Parts = "p-2", nil
	status.Counters = map[string]int64{"short": 1, strings.Repeat("x", 1<<20): 2}
	tell()
	j, _ := s.state.Job("p-2")
	if j.Result == nil || len(j.Result.Counters) != 1 {
		t.Errorf("job is %s, result %+v", j.State, j.Result)
	}
}

// TestAsksForInputsBehindALongQueue has a small job with an input behind
// many that cannot be placed.
func TestAsksForInputsBehindALongQueue(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.run(t, "report", []string{"a"})
	s.settle(t)
	for i := range 3 * maxInputAsks {
		s.run(t, "submit", []string{"peers=50", fmt.Sprintf("input=file:///big/%d", i)})
	}
	s.run(t, "submit", []string{"peers=1", "input=file:///small"})
	for range 10 {
		todo := s.core.Decide(s.now, s.state)
		for _, p := range todo.Probes {
			s.core.Probed(s.now, p.Key, p.Key.Input == "file:///small")
		}
		for _, p := range todo.Commands {
			s.finish(t, p)
		}
	}
	if j := s.state.Jobs()[3*maxInputAsks]; j.State != job.Running {
		t.Errorf("job %s is %s", j.ID, j.State)
	}
}
