package sim

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/control"
	"scalar/master/fsm"
	"scalar/master/sched"
)

// Load is a cluster of simulated grooms and what waits for them.
type Load struct {
	Grooms int
	Slots  int // of each groom
	Queued int // slots that the queued jobs ask for, at least
	Seed   uint64
}

// DefaultLoad is the one whose figure is published.
var DefaultLoad = Load{Grooms: 10_000, Slots: 8, Queued: 100_000, Seed: 1}

// Placed is what became of a Load: how many jobs started, of how many tasks and slots,
// and the time that deciding and applying took: by the clock, and of processors, which
// is the same however busy the machine is.
type Placed struct {
	Jobs, Tasks, Slots int
	Took, CPU          time.Duration
}

// Rate returns the placements, that is tasks put on a groom, a second by the clock.
func (p Placed) Rate() float64 { return float64(p.Tasks) / p.Took.Seconds() }

// RateCPU is Rate for a second of one processor.
func (p Placed) RateCPU() float64 { return float64(p.Tasks) / p.CPU.Seconds() }

// String returns the figure as a line.
func (p Placed) String() string {
	return fmt.Sprintf("%d tasks of %d jobs in %d slots placed in %v: %.0f placements a second, %.0f a second of one processor",
		p.Tasks, p.Jobs, p.Slots, p.Took.Round(time.Millisecond), p.Rate(), p.RateCPU())
}

// stopwatch measures both times of a Placed.
type stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

func startWatch() stopwatch { return stopwatch{time.Now(), processorTime()} }

func (w stopwatch) stop(p *Placed) {
	p.Took, p.CPU = time.Since(w.wall), processorTime()-w.cpu
}

// processorTime returns what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// state returns the replicated state with all grooms and jobs, made by commands. Jobs
// have 1 to 16 peers; a quarter of them say how many tasks they want.
func (l Load) state() (*fsm.State, error) {
	rng := rand.New(rand.NewPCG(l.Seed, 2))
	s := fsm.New()
	apply := func(c fsm.Command) error {
		c.Now = epochStart
		var r fsm.Result
		s, r = fsm.Apply(s, s.Index+1, c)
		return r.Err()
	}
	for i := range l.Grooms {
		if err := apply(fsm.Command{RegisterGroom: &fsm.RegisterGroom{Facts: l.facts(i)}}); err != nil {
			return nil, err
		}
	}
	for slots := 0; slots < l.Queued; {
		spec := job.Spec{Name: "load", Program: job.Program{Name: "pi", Builtin: "pi"}, Peers: 1 + rng.IntN(16)}
		if rng.IntN(4) == 0 {
			spec.Tasks = (spec.Peers+l.Slots-1)/l.Slots + rng.IntN(3)
			spec.Tasks = min(spec.Tasks, spec.Peers)
		}
		slots += spec.Peers
		if err := apply(fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: storeURL + "/results"}}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (l Load) facts(i int) fsm.Facts {
	name := fmt.Sprintf("groom-%05d", i)
	return fsm.Facts{Name: name, Incarnation: 1, Addr: name, Slots: l.Slots, Cores: float64(l.Slots), Memory: int64(l.Slots) << 30, Version: theName}
}

// Schedule has the scheduler plan all that fits, and the plan's commands encoded,
// decoded and applied: what one Raft log and one scheduler can do.
func (l Load) Schedule() (p Placed, err error) {
	s, err := l.state()
	if err != nil {
		return p, err
	}
	live := sched.Live{Ready: func(string, uint64) bool { return true }, Sees: func(*fsm.Job, string, uint64) sched.Sees { return sched.Present }}
	watch := startWatch()
	plan := sched.Schedule(sched.From(s, epochStart, live))
	for _, place := range plan.Placements {
		cmd := fsm.Command{Now: epochStart, Place: &fsm.Place{Job: place.Job, Epoch: place.Epoch, Base: plan.Index, Tasks: place.Tasks}}
		if s, err = commit(s, cmd); err != nil {
			return p, err
		}
		p.add(place.Tasks)
	}
	watch.stop(&p)
	return p, nil
}

// Lead has a leader's whole control loop place all that fits: it decides, its commands
// are applied, and it makes the orders for every groom, round by round.
func (l Load) Lead() (p Placed, err error) {
	s, err := l.state()
	if err != nil {
		return p, err
	}
	core := control.NewCore(control.CoreConfig{Term: 1, Store: storeURL, Plane: wire.PlaneTCP, Lease: leaseTime, Grace: graceTime}, epochStart)
	for i := range l.Grooms {
		f := l.facts(i)
		r := wire.Report{
			Groom: f.Name, Incarnation: 1, Seq: 1, Addr: f.Addr, Slots: f.Slots, Cores: f.Cores, Memory: f.Memory, Version: f.Version,
		}
		if err := core.Report(epochStart, uint64(i)+1, r); err != nil {
			return p, err
		}
	}
	watch := startWatch()
	for {
		todo := core.Decide(epochStart, s)
		if len(todo.Commands) == 0 {
			watch.stop(&p)
			return p, nil
		}
		for _, c := range todo.Commands {
			if s, err = commit(s, c.Cmd); err != nil {
				return p, err
			}
			core.Settled(epochStart, c, true)
			if c.Cmd.Place != nil {
				p.add(c.Cmd.Place.Tasks)
			}
		}
	}
}

func (p *Placed) add(tasks []fsm.Assignment) {
	p.Jobs++
	p.Tasks += len(tasks)
	p.Slots += tasks[len(tasks)-1].Peers.Hi
}

// commit has a command go through the log's bytes.
func commit(s *fsm.State, c fsm.Command) (*fsm.State, error) {
	b, err := c.Encode()
	if err != nil {
		return nil, err
	}
	next, r := fsm.ApplyEncoded(s, s.Index+1, b)
	return next, r.Err()
}
