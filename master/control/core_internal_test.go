package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/master/sched"

	"github.com/cockroachdb/datadriven"
)

// stage drives a Core by hand: scripts say what happens, the stage prints
// what the core wants done. Commands are applied at once unless a script says
// otherwise; time moves by "at" only.
type stage struct {
	core     *Core
	state    *fsm.State
	start    time.Time
	now      time.Time
	term     uint64
	plane    wire.DataPlane
	lease    time.Duration
	sessions map[string]uint64
	last     uint64
	held     []Proposal // proposed and not settled
	out      strings.Builder
}

// TestScripts runs testdata/core/*.txt; -rewrite writes what comes out.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/core", func(t *testing.T, path string) {
		t.Helper()
		s := &stage{state: fsm.New(), start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), sessions: map[string]uint64{}, plane: wire.PlaneTLS, lease: 3 * time.Second}
		s.now = s.start
		s.lead()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			s.out.Reset()
			for line := range strings.Lines(d.Input) {
				words := strings.Fields(line)
				s.run(t, words[0], words[1:])
			}
			switch d.Cmd {
			case "do": // what follows from it, until nothing more does
				s.settle(t)
			case "hold": // decide once, and leave the commands in flight
				s.decide()
			}
			return s.out.String()
		})
	})
}

func (s *stage) lead() {
	s.term++
	s.held = nil
	s.core = NewCore(CoreConfig{Term: s.term, Store: "file:///store", Plane: s.plane, Lease: s.lease, Grace: time.Second, Absence: 3 * time.Second}, s.now)
	clear(s.sessions)
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *stage) run(t *testing.T, verb string, words []string) {
	t.Helper()
	args := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		args[k] = v
	}
	switch verb {
	case "at":
		s.now = s.start.Add(duration(t, words[0]))
	case "leader": // another master takes over
		s.lead()
	case "lease":
		s.lease = duration(t, words[0])
		s.lead()
	case "plane":
		s.plane = wire.DataPlane(words[0])
		s.lead()
	case "submit":
		s.apply(t, fsm.Command{Submit: &fsm.Submit{Results: "file:///store/results", Spec: job.Spec{
			Program: job.Program{Name: "p", Builtin: "p"}, Peers: atoi(t, args["peers"]), Tasks: atoi(t, args["tasks"]),
			Input: args["input"], Output: args["output"], Timeout: time.Duration(atoi(t, args["timeout"])) * time.Second,
		}}})
	case "stop":
		s.apply(t, fsm.Command{Stop: &fsm.Stop{Job: job.ID(words[0]), By: "ann", Grace: time.Duration(atoi(t, args["grace"])) * time.Second}})
	case "drain":
		s.apply(t, fsm.Command{Drain: &fsm.Drain{Groom: words[0], On: true}})
	case "why":
		why, _ := sched.Why(s.core.pictureOf(s.state, s.now), job.ID(words[0]))
		fmt.Fprintf(&s.out, "%s: %s\n", why.ID, why.Summary)
	case "report":
		s.report(t, words[0], args, words[1:])
	case "close":
		s.core.Closed(s.now, s.sessions[words[0]])
		delete(s.sessions, words[0])
	case "probed":
		s.core.Probed(s.now, InputKey{words[0], 1, args["input"]}, args["present"] == "true")
	case "commit": // the commands that were held go through
		for _, p := range s.held {
			s.finish(t, p)
		}
		s.held = nil
	case "drop": // the commands that were held fail
		for _, p := range s.held {
			s.core.Settled(s.now, p, false)
		}
		s.held = nil
	case "jobs":
		s.jobs()
	default:
		t.Fatalf("unknown line %q", verb)
	}
}

// jobs prints where the jobs stand.
func (s *stage) jobs() {
	for _, j := range s.state.Jobs() {
		fmt.Fprintf(&s.out, "%s %s epoch=%d exit=%d", j.ID, j.State, j.Epoch, j.ExitCode())
		if j.Stopping != nil {
			fmt.Fprintf(&s.out, " stopping=%v", j.Stopping.Deadline.Sub(s.start))
		}
		if j.State == job.Stopped && j.Result != nil {
			fmt.Fprintf(&s.out, " after %d supersteps", j.Result.Supersteps)
		}
		if j.Failure != nil {
			fmt.Fprintf(&s.out, " failure=%q", j.Failure.Error())
		}
		s.out.WriteByte('\n')
	}
}

// report reads "a inc=1 seq=4 pi-1/1/0=working:3 store=pi-1/1:done …".
func (s *stage) report(t *testing.T, groom string, args map[string]string, words []string) {
	t.Helper()
	r := wire.Report{Groom: groom, Incarnation: 1, Addr: "host-" + groom, Slots: 2, OrdersTerm: s.term, OrdersSeq: 1 << 40}
	r.Leaving = args["leaving"] != ""
	if v := args["inc"]; v != "" {
		r.Incarnation = uint64(atoi(t, v))
	}
	if v := args["slots"]; v != "" {
		r.Slots = atoi(t, v)
	}
	if v := args["applied"]; v != "" {
		r.OrdersSeq = uint64(atoi(t, v))
	}
	g := s.core.grooms[groom]
	if g != nil && g.heard {
		r.Seq = g.report.Seq + 1
	}
	if v := args["seq"]; v != "" {
		r.Seq = uint64(atoi(t, v))
	}
	for _, w := range words {
		switch k, v, _ := strings.Cut(w, "="); {
		case strings.HasPrefix(k, "store:"):
			r.Storage = append(r.Storage, readStorage(t, k[6:], v))
		case strings.Count(k, "/") == 2:
			r.Tasks = append(r.Tasks, readTask(t, k, v))
		}
	}
	id := s.sessions[groom]
	if id == 0 {
		s.last++
		id = s.last
	}
	if err := s.core.Report(s.now, id, r); err != nil {
		fmt.Fprintf(&s.out, "report refused: %v\n", err)
		return
	}
	s.sessions[groom] = id
}

// readTask reads "listening", "working:SUPERSTEP[:ckpt=K]", "done", "dead:KIND", "lost" for a lost link.
func readTask(t *testing.T, key, value string) wire.TaskStatus {
	t.Helper()
	part := strings.Split(key, "/")
	s := wire.TaskStatus{Key: wire.TaskKey{Job: job.ID(part[0]), Epoch: job.Epoch(atoi(t, part[1])), Task: atoi(t, part[2])}}
	word := strings.Split(value, ":")
	if word[0] != "starting" {
		s.Addr = "addr-" + part[2]
	}
	switch word[0] {
	case "starting":
		s.Phase = wire.Starting
	case "listening":
		s.Phase = wire.Listening
	case "working":
		s.Phase, s.Superstep = wire.Working, atoi(t, word[1])
		if len(word) > 2 {
			k := atoi(t, strings.TrimPrefix(word[2], "ckpt="))
			path := fmt.Sprintf("file:///store/checkpoints/%s/%d/%d", part[0], k, s.Key.Task)
			s.Checkpoints = []wire.CheckpointPart{{Superstep: k, Task: s.Key.Task, Files: []wire.Part{{Peer: s.Key.Task, Path: path}}}}
		}
	case "lost":
		s.Phase = wire.Working
		s.Failure = job.Fail(job.FaultLink, "lost task %s", word[1])
		s.Failure.Task = atoi(t, word[1])
	case "stopped":
		s.Phase, s.Superstep = wire.Stopped, atoi(t, word[1])
	case "done":
		s.Phase, s.Superstep = wire.Done, 5
		s.Parts = []wire.Part{{Peer: s.Key.Task, Path: "part"}}
	case "dead":
		s.Phase = wire.Dead
		var kind job.FailureKind
		if err := kind.UnmarshalText([]byte(word[1])); err != nil {
			t.Fatal(err)
		}
		s.Failure = job.Fail(kind, "died of %s", kind)
	default:
		t.Fatalf("unknown phase %q", value)
	}
	return s
}

func readStorage(t *testing.T, key, value string) wire.StorageStatus {
	t.Helper()
	id, epoch, _ := strings.Cut(key, "/")
	s := wire.StorageStatus{Job: job.ID(id), Epoch: job.Epoch(atoi(t, epoch)), Done: value == "done"}
	if !s.Done {
		s.Failure = job.Fail(job.FaultOutput, "%s", value)
		s.Failure.Code = job.ExitUsage
	}
	return s
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *stage) apply(t *testing.T, c fsm.Command) bool {
	t.Helper()
	c.Now = s.now
	next, r := fsm.Apply(s.state, s.state.Index+1, c)
	if r.Err() != nil {
		fmt.Fprintf(&s.out, "refused: %v\n", r.Err())
		return false
	}
	s.state = next
	return true
}

func (s *stage) finish(t *testing.T, p Proposal) {
	t.Helper()
	if p.Cmd.Place != nil && s.plane == wire.PlaneTLS {
		place := *p.Cmd.Place
		place.CA = []byte(fmt.Sprintf("ca-%s-%d", place.Job, place.Epoch))
		s.core.HasKeys(place.Job, place.CA, make([]wire.Credentials, len(place.Tasks)))
		p.Cmd.Place = &place
	}
	s.core.Settled(s.now, p, s.apply(t, p.Cmd))
}

// decide calls the core once and prints what it wants.
func (s *stage) decide() Actions {
	todo := s.core.Decide(s.now, s.state)
	for _, p := range todo.Commands {
		fmt.Fprintf(&s.out, "propose %s%s\n", p.Key, detail(p.Cmd))
	}
	for _, o := range todo.Orders {
		groom := ""
		for name, id := range s.sessions {
			if id == o.Session {
				groom = name
			}
		}
		fmt.Fprintf(&s.out, "orders to %s:%s\n", groom, summary(o.Orders))
	}
	for _, p := range todo.Probes {
		fmt.Fprintf(&s.out, "probe %s for %s\n", p.Key.Groom, p.Key.Input)
	}
	s.held = append(s.held, todo.Commands...)
	return todo
}

func (s *stage) settle(t *testing.T) {
	t.Helper()
	for range 100 {
		todo := s.decide()
		held := s.held
		s.held = nil
		for _, p := range held {
			s.finish(t, p)
		}
		if len(held) == 0 {
			if !todo.Wake.IsZero() {
				fmt.Fprintf(&s.out, "wake at %v\n", todo.Wake.Sub(s.start))
			}
			return
		}
	}
	t.Fatalf("the core does not come to rest:\n%s", s.out.String())
}

func detail(c fsm.Command) string {
	switch {
	case c.Place != nil:
		var b strings.Builder
		for _, a := range c.Place.Tasks {
			fmt.Fprintf(&b, " %s[%d,%d)", a.Groom, a.Peers.Lo, a.Peers.Hi)
		}
		return b.String()
	case c.EndAttempt != nil:
		f := c.EndAttempt.Failure
		return fmt.Sprintf(": %s fault, task %d on %s, code %d: %s", f.Kind, f.Task, f.Groom, f.Code, f.Message)
	case c.Finish != nil:
		return fmt.Sprintf(": %d supersteps, %d parts, %s", c.Finish.Result.Supersteps, len(c.Finish.Result.Parts), c.Finish.Result.DataPlane)
	case c.CommitCheckpoint != nil:
		return fmt.Sprintf(": %d files", len(c.CommitCheckpoint.Checkpoint.Files))
	}
	return ""
}

func summary(o wire.Orders) string {
	var b strings.Builder
	fmt.Fprintf(&b, " term=%d seq=%d", o.Term, o.Seq)
	for _, t := range o.Tasks {
		fmt.Fprintf(&b, " %s/%d/%d", t.Start.Key.Job, t.Start.Key.Epoch, t.Start.Key.Task)
		if t.Stop {
			b.WriteString("+stop")
		}
		if t.Start.Credentials != nil {
			b.WriteString("+key")
		}
		if t.Start.Restore != nil {
			fmt.Fprintf(&b, "+from=%d", t.Start.Restore.Superstep)
		}
		if t.Addrs != nil {
			b.WriteString("+" + strings.Join(t.Addrs, ","))
		}
	}
	for _, w := range o.Storage {
		if w.Commit != nil {
			fmt.Fprintf(&b, " commit(%s→%s, %d parts)", w.Commit.Tmp, w.Commit.Output, len(w.Commit.Parts))
		}
		if len(w.Remove) > 0 {
			slices.Sort(w.Remove)
			fmt.Fprintf(&b, " remove(%s)", strings.Join(w.Remove, " "))
		}
	}
	return b.String()
}
