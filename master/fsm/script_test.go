package fsm_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"

	"github.com/cockroachdb/datadriven"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// script applies commands to a state; time moves by "at" only.
type script struct {
	s   *fsm.State
	now time.Time
}

// TestScripts runs testdata/*.txt; -rewrite writes what comes out. Each line of a
// block is a command: its name and key=value pairs.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		t.Helper()
		if !strings.HasSuffix(path, ".txt") {
			t.Skip("not a script")
		}
		x := &script{s: fsm.New(), now: start}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				x.run(t, &out, strings.Fields(line))
			}
			if d.Cmd == "show" {
				show(&out, x.s)
			}
			return out.String()
		})
	})
}

func (x *script) run(t *testing.T, out *strings.Builder, words []string) {
	t.Helper()
	args := map[string]string{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		args[k] = v
	}
	if words[0] == "at" {
		d, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		x.now = start.Add(d)
		return
	}
	c := command(t, words[0], args)
	c.Now, c.RequestID = x.now, args["request"]
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	next, r := fsm.ApplyEncoded(x.s, x.s.Index+1, b)
	switch {
	case r.Err() != nil:
		if next != x.s {
			t.Fatalf("%v was refused and changed the state", words)
		}
		fmt.Fprintf(out, "%s: %v\n", words[0], r.Err())
	case r.Job != "" || r.Token != "" || r.Groom != "":
		fmt.Fprintf(out, "%s: ok %s%s%s\n", words[0], r.Job, r.Token, r.Groom)
	default:
		fmt.Fprintf(out, "%s: ok\n", words[0])
	}
	x.s = next
}

func command(t *testing.T, name string, a map[string]string) fsm.Command {
	t.Helper()
	id, epoch := job.ID(a["job"]), job.Epoch(num(t, a["epoch"]))
	switch name {
	case "bootstrap":
		return fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: a["cluster"]}}
	case "submit":
		return fsm.Command{Submit: &fsm.Submit{
			Submitter: "ann", Results: "file:///store/results",
			Spec: job.Spec{
				Program: job.Program{Name: a["program"], Builtin: a["program"]}, Name: a["name"], Peers: num(t, a["peers"]), Tasks: num(t, a["tasks"]),
				Output: a["output"], MaxAttempts: num(t, a["max"]), Timeout: time.Duration(num(t, a["timeout"])) * time.Second,
			},
		}}
	case "place":
		return fsm.Command{Place: &fsm.Place{Job: id, Epoch: epoch, Base: uint64(num(t, a["base"])), Tasks: tasks(t, a["tasks"]), CA: []byte("ca")}}
	case "end":
		var kind job.FailureKind
		if err := kind.UnmarshalText([]byte(a["kind"])); err != nil {
			t.Fatal(err)
		}
		f := job.Fail(kind, "it failed")
		f.Groom = a["groom"]
		return fsm.Command{EndAttempt: &fsm.EndAttempt{Job: id, Epoch: epoch, Failure: *f, Last: last(t, a)}}
	case "checkpoint":
		k := wire.Checkpoint{Superstep: num(t, a["superstep"]), Epoch: epoch, Files: []wire.Part{{Path: "file:///c"}}}
		return fsm.Command{CommitCheckpoint: &fsm.CommitCheckpoint{Job: id, Epoch: epoch, Checkpoint: k}}
	case "finish":
		return fsm.Command{Finish: &fsm.Finish{Job: id, Epoch: epoch, Result: fsm.AttemptResult{Supersteps: 7, Parts: []wire.Part{{Path: "p"}}, Slowest: slowest(t, a)}}}
	case "committed":
		return fsm.Command{Committed: &fsm.Committed{Job: id, Epoch: epoch}}
	case "stop":
		return fsm.Command{Stop: &fsm.Stop{Job: id, By: by(a), Grace: grace(t, a), Last: last(t, a)}}
	case "timeout":
		return fsm.Command{TimeOut: &fsm.TimeOut{Job: id, Last: last(t, a)}}
	case "cleaned":
		return fsm.Command{Cleaned: &fsm.Cleaned{Job: id}}
	case "archived":
		var ids []job.ID
		for id := range strings.SplitSeq(a["jobs"], ",") {
			ids = append(ids, job.ID(id))
		}
		return fsm.Command{Archived: &fsm.Archived{Jobs: ids}}
	case "register":
		return fsm.Command{RegisterGroom: &fsm.RegisterGroom{Facts: fsm.Facts{
			Name: a["groom"], Incarnation: uint64(num(t, a["inc"])), Addr: "10.0.0.1", Slots: num(t, a["slots"]), Cores: 4, Memory: 8 << 30,
		}}}
	case "lost":
		return fsm.Command{GroomLost: &fsm.GroomLost{Groom: a["groom"], Incarnation: uint64(num(t, a["inc"]))}}
	case "drain":
		return fsm.Command{Drain: &fsm.Drain{Groom: a["groom"], On: a["on"] == "true"}}
	case "token":
		return fsm.Command{CreateToken: &fsm.CreateToken{ID: a["id"], Role: job.Role(a["role"]), Namespace: "*", Hash: []byte(strings.Repeat(a["hash"], 32))}}
	case "revoke":
		return fsm.Command{RevokeToken: &fsm.RevokeToken{ID: a["id"]}}
	}
	t.Fatalf("unknown command %q", name)
	return fsm.Command{}
}

// tasks reads "a/1:2,b/1:2": groom, incarnation and number of peers of each task.
func tasks(t *testing.T, s string) []fsm.Assignment {
	t.Helper()
	var list []fsm.Assignment
	lo := 0
	for part := range strings.SplitSeq(s, ",") {
		groom, rest, _ := strings.Cut(part, "/")
		inc, peers, _ := strings.Cut(rest, ":")
		n := num(t, peers)
		list = append(list, fsm.Assignment{
			Peers: job.Range{Lo: lo, Hi: lo + n}, Groom: groom, Incarnation: uint64(num(t, inc)),
			Claim: fsm.Claim{Slots: n, MilliCores: int64(n) * 1000, Memory: int64(n) << 30},
		})
		lo += n
	}
	return list
}

// last reads what an attempt had come to: "12" supersteps, "12p" with a part.
func last(t *testing.T, a map[string]string) *fsm.AttemptResult {
	t.Helper()
	text, parts := strings.CutSuffix(a["last"], "p")
	if text == "" {
		return nil
	}
	r := &fsm.AttemptResult{Supersteps: num(t, text), Counters: fsm.Counters(map[string]int64{"messages": 5}), Slowest: slowest(t, a)}
	if parts {
		r.Parts = []wire.Part{{Path: "p"}}
	}
	return r
}

// slowest reads for how many phases a slowest peer is told.
func slowest(t *testing.T, a map[string]string) (list []job.Slow) {
	t.Helper()
	for i := range num(t, a["slowest"]) {
		list = append(list, job.Slow{Phase: job.PhaseCompute, Peer: i, Groom: a["groom"], Seconds: 2, Median: 1})
	}
	return list
}

// by is who gives a command.
func by(a map[string]string) string {
	if a["by"] == "" {
		return "bob"
	}
	return a["by"]
}

func grace(t *testing.T, a map[string]string) time.Duration {
	t.Helper()
	if a["grace"] == "" {
		return 0
	}
	d, err := time.ParseDuration(a["grace"])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func num(t *testing.T, s string) int {
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

func show(out *strings.Builder, s *fsm.State) {
	for g := range s.Grooms() {
		fmt.Fprintf(out, "groom %s/%d %d of %d slots used, draining=%t lost=%t\n", g.Facts.Name, g.Facts.Incarnation, g.Used.Slots, g.Facts.Slots, g.Draining, g.Lost)
	}
	for _, j := range s.Jobs() {
		fmt.Fprintf(out, "job %s %s epoch=%d peers=%d faults=%d losses=%d checkpoint=%d exit=%d waited=%v output=%s",
			j.ID, j.State, j.Epoch, j.Peers, j.Faults, j.Losses, j.Checkpoint, j.ExitCode(), j.Waited, j.Output)
		for _, b := range j.Blamed {
			fmt.Fprintf(out, " blames=%s/%d*%d", b.Groom, b.Incarnation, b.Count)
		}
		if j.State == job.Queued && j.NotBefore.After(s.Now) {
			fmt.Fprintf(out, " pause=%v", j.NotBefore.Sub(j.Queued))
		}
		if j.EndedBy != "" {
			fmt.Fprintf(out, " by=%s", j.EndedBy)
		}
		if j.Stopping != nil {
			fmt.Fprintf(out, " stopping=%v", j.Stopping.Deadline.Sub(start))
		}
		if j.Result != nil && j.State > job.Succeeded {
			fmt.Fprintf(out, " last=%d supersteps, %d counters, %d parts", j.Result.Supersteps, len(j.Result.Counters), len(j.Result.Parts))
		}
		if j.Result != nil && len(j.Result.Slowest) > 0 {
			fmt.Fprintf(out, " slowest=%+v", j.Result.Slowest)
		}
		if j.Failure != nil {
			fmt.Fprintf(out, " failure=%q", j.Failure.Error())
		}
		out.WriteByte('\n')
	}
	for k := range s.Tokens() {
		fmt.Fprintf(out, "token %s %s\n", k.ID, k.Role)
	}
}
