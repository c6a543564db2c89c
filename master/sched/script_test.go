package sched_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"
	"scalar/master/sched"

	"github.com/cockroachdb/datadriven"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestScripts runs testdata/*.txt; -rewrite writes what comes out. A block is a
// cluster and a queue, a line each; its command says what is asked.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		t.Helper()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			s := read(t, d.Input)
			var out strings.Builder
			switch d.Cmd {
			case "schedule":
				for _, p := range sched.Schedule(s).Placements {
					fmt.Fprintf(&out, "%s/%d:", p.Job, p.Epoch)
					for _, a := range p.Tasks {
						fmt.Fprintf(&out, " %s[%d,%d)", a.Groom, a.Peers.Lo, a.Peers.Hi)
					}
					out.WriteByte('\n')
				}
			case "why":
				var id string
				d.ScanArgs(t, "job", &id)
				why, ok := sched.Why(s, job.ID(id))
				if !ok {
					return "not in the queue\n"
				}
				out.WriteString(why.Summary + "\n")
				for _, r := range why.Reasons {
					fmt.Fprintf(&out, "- %s", r.Constraint)
					if r.Groom != "" {
						fmt.Fprintf(&out, " on %s", r.Groom)
					}
					fmt.Fprintf(&out, ": needs %s; free: %s", r.Needed, r.Free)
					if len(r.Holders) > 0 {
						fmt.Fprintf(&out, "; held by %v", r.Holders)
					}
					out.WriteByte('\n')
				}
			}
			return out.String()
		})
	})
}

// read reads "groom NAME key=value…" and "job NAME key=value…" lines.
func read(t *testing.T, input string) sched.State {
	t.Helper()
	s := sched.State{Index: 1, Now: now}
	for line := range strings.Lines(input) {
		words := strings.Fields(line)
		a := map[string]string{}
		for _, w := range words[2:] {
			k, v, _ := strings.Cut(w, "=")
			a[k] = v
		}
		switch words[0] {
		case "groom":
			s.Grooms = append(s.Grooms, readGroom(t, words[1], a))
		case "job":
			for n := range max(1, num(t, a["times"])) { // x, x-2, x-3, …
				name := words[1]
				if n > 0 {
					name += "-" + strconv.Itoa(n+1)
				}
				s.Queue = append(s.Queue, readJob(t, name, a, len(s.Queue)))
			}
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	return s
}

func readGroom(t *testing.T, name string, a map[string]string) sched.Groom {
	t.Helper()
	g := sched.Groom{Name: name, Incarnation: 1, Ready: a["silent"] == "", Draining: a["draining"] != ""}
	g.Capacity = fsm.Claim{Slots: num(t, a["slots"]), MilliCores: int64(num(t, a["cores"])) * 1000, Memory: int64(num(t, a["gib"])) << 30, GPUs: num(t, a["gpus"])}
	g.Free = g.Capacity
	if a["free"] != "" {
		g.Free.Slots = num(t, a["free"])
		used := int64(g.Capacity.Slots - g.Free.Slots)
		g.Free.MilliCores -= used * g.Capacity.MilliCores / int64(g.Capacity.Slots)
		g.Free.Memory -= used * g.Capacity.Memory / int64(g.Capacity.Slots)
	}
	for h := range strings.SplitSeq(a["holders"], ",") {
		if h != "" {
			g.Holders = append(g.Holders, job.ID(h))
		}
	}
	return g
}

func readJob(t *testing.T, name string, a map[string]string, n int) sched.Job {
	t.Helper()
	j := sched.Job{
		ID: job.ID(name), Number: uint64(n + 1), Epoch: 1, Priority: num(t, a["priority"]), Since: now.Add(-time.Duration(num(t, a["waited"])) * time.Second),
		Peers: num(t, a["peers"]), Tasks: num(t, a["tasks"]), MilliCores: int64(num(t, a["cores"])) * 1000, Memory: int64(num(t, a["gib"])) << 30, GPUs: num(t, a["gpus"]),
		Input: a["input"], Recovering: a["last"] != "",
	}
	if a["pause"] != "" { // seconds from now
		j.NotBefore = now.Add(time.Duration(num(t, a["pause"])) * time.Second)
	}
	lo := 0
	for part := range strings.SplitSeq(a["last"], ",") {
		groom, peers, ok := strings.Cut(part, ":")
		if !ok {
			continue
		}
		j.Last = append(j.Last, fsm.Assignment{Groom: groom, Peers: job.Range{Lo: lo, Hi: lo + num(t, peers)}})
		lo += num(t, peers)
		j.Epoch = 2
	}
	list := func(key string) []string { return strings.Split(a[key], ",") }
	if a["excluded"] != "" {
		j.Excluded = func(groom string, _ uint64) bool { return slices.Contains(list("excluded"), groom) }
	}
	if a["missing"] != "" || a["unknown"] != "" {
		j.Sees = func(groom string, _ uint64) sched.Sees {
			switch {
			case slices.Contains(list("missing"), groom):
				return sched.Missing
			case slices.Contains(list("unknown"), groom):
				return sched.Unknown
			}
			return sched.Present
		}
	}
	return j
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
