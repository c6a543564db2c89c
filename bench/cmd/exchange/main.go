// Command exchange measures package superstep between task processes over TCP, one
// peer each, and prints a line of JSON:
//
//	exchange -what empty -tasks 4 -rounds 10000
//	exchange -what spread -tasks 8 -reach 7 -burst 1 -rounds 10000
//	exchange -what send|columns|batches|kilobyte [-tls] -rounds 20 -burst 1048576
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"scalar/bench/gang"
	"scalar/bench/limit"
	"scalar/superstep"
)

// What measures supersteps with any number of tasks: without messages, or with a
// burst to each of the next so many peers.
const (
	empty  = "empty"
	spread = "spread"
)

type flags struct {
	what                        string
	tasks, rounds, burst, reach int
	secure                      bool
}

func main() {
	var f flags
	flag.StringVar(&f.what, "what", empty, "empty, spread, send, columns, batches or kilobyte")
	flag.IntVar(&f.tasks, "tasks", 2, "task processes, one peer each")
	flag.IntVar(&f.rounds, "rounds", 1000, "supersteps")
	flag.IntVar(&f.burst, "burst", 1<<20, "messages that a peer sends another in a superstep")
	flag.IntVar(&f.reach, "reach", 1, "peers that each sends them to, with -what spread")
	flag.BoolVar(&f.secure, "tls", false, "links are TLS")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "exchange:", err)
		os.Exit(1)
	}
}

func (f flags) run(ctx context.Context) error {
	m, ok, err := gang.Join()
	if err != nil {
		return err
	}
	if ok {
		return f.member(ctx, m)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := gang.Run(ctx, exe, f.tasks, f.secure, os.Args[1:]...)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// member is one task: what bsp.RunTask does with its group, less checkpoints.
func (f flags) member(ctx context.Context, m *gang.Member) error {
	conns, err := m.Mesh().Connect(ctx, m.Tasks)
	if err != nil {
		return err
	}
	ranges := make([]superstep.Range, m.Tasks)
	for i := range ranges {
		ranges[i] = superstep.Range{Lo: i, Hi: i + 1}
	}
	g, err := superstep.NewGroup(superstep.Config{Task: m.Task, Ranges: ranges, Conns: conns, TLS: m.TLS})
	if err != nil {
		return err
	}
	var run sync.WaitGroup
	var runErr error
	run.Go(func() { runErr = g.Run(ctx) })
	p := g.Port(m.Task)
	r, err := f.peer(ctx, p)
	if err == nil {
		p.Leave()
		err = g.Close()
	}
	if err != nil {
		g.Abort(err)
	}
	run.Wait()
	if runErr != nil {
		return runErr
	}
	return m.Print(r)
}

// peer measures after some supersteps that warm up and let all arrive.
func (f flags) peer(ctx context.Context, p *superstep.Port) (r gang.Result, err error) {
	superstepOf, err := f.program(p)
	if err != nil {
		return r, err
	}
	warm := 2
	if f.what == empty || f.what == spread {
		warm = 200
	}
	for range warm {
		if err := superstepOf(ctx); err != nil {
			return r, err
		}
	}
	start := time.Now()
	for range f.rounds {
		if err := superstepOf(ctx); err != nil {
			return r, err
		}
	}
	r = gang.Result{Seconds: time.Since(start).Seconds(), Count: float64(f.rounds)}
	if f.what != empty && f.what != spread {
		r.Count *= 2 * float64(f.burst) // both ways
	}
	return r, nil
}

// program opens what it needs on the port and returns one superstep.
func (f flags) program(p *superstep.Port) (func(context.Context) error, error) {
	if f.what == empty {
		return func(ctx context.Context) error {
			_, err := p.Sync(ctx, superstep.Vote{})
			return err
		}, nil
	}
	if f.what == spread {
		return f.spread(p)
	}
	if p.N() != 2 {
		return nil, fmt.Errorf("%s is for 2 tasks", f.what)
	}
	switch f.what {
	case "send":
		return f.send(p), nil
	case "columns":
		return f.columns(p, f.addOneByOne), nil
	case "batches":
		return f.columns(p, f.addInBatches), nil
	case "kilobyte":
		return f.kilobyte(p), nil
	}
	return nil, fmt.Errorf("unknown -what %q", f.what)
}

// spread is free messages of 16 bytes to the next few peers; it counts supersteps.
func (f flags) spread(p *superstep.Port) (func(context.Context) error, error) {
	if f.reach < 0 || f.reach >= p.N() {
		return nil, fmt.Errorf("-reach %d of %d peers", f.reach, p.N())
	}
	box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
	return func(ctx context.Context) error {
		for hop := 1; hop <= f.reach; hop++ {
			for i := range f.burst {
				box.Send((p.Index()+hop)%p.N(), pair{uint64(i), 1})
			}
		}
		if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
			return err
		}
		if box.Len() != f.reach*f.burst {
			return fmt.Errorf("%d of %d messages arrived", box.Len(), f.reach*f.burst)
		}
		return nil
	}, nil
}

type pair struct {
	slot  uint64
	value float64
}

// send is free messages of 16 bytes, added up where they arrive.
func (f flags) send(p *superstep.Port) func(context.Context) error {
	box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
	acc := make([]float64, limit.Slots)
	return func(ctx context.Context) error {
		for i := range f.burst {
			box.Send(1-p.Index(), pair{uint64(limit.Slot(i)), 1})
		}
		if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
			return err
		}
		sum := 0.0
		for m := range box.Messages() {
			acc[m.slot%limit.Slots] += m.value
			sum += m.value
		}
		return f.arrived(int(sum))
	}
}

// addOneByOne combines a burst into a lane message by message.
func (f flags) addOneByOne(lane *superstep.Lane[float64], to int) {
	for i := range f.burst {
		lane.Add(to, limit.Slot(i), 1)
	}
}

// addInBatches combines it as columns, which are made on the way.
func (f flags) addInBatches(lane *superstep.Lane[float64], to int) {
	const batch = 1 << 10
	var slots [batch]uint32
	var values [batch]float64
	for first := 0; first < f.burst; first += batch {
		n := min(batch, f.burst-first)
		for i := range n {
			slots[i], values[i] = limit.Slot(first+i), 1
		}
		lane.AddAt(to, slots[:n], values[:n])
	}
}

// columns is the same through a lane, which combines per slot before it sends.
func (f flags) columns(p *superstep.Port, add func(lane *superstep.Lane[float64], to int)) func(context.Context) error {
	lane := superstep.NewLane[float64](p, superstep.Sum, []uint32{limit.Slots, limit.Slots})
	acc := make([]float64, limit.Slots)
	return func(ctx context.Context) error {
		add(lane, 1-p.Index())
		sum := 0.0
		_, err := lane.Exchange(ctx, superstep.Vote{}, func(slot uint32, vs []float64) {
			for i, v := range vs {
				acc[int(slot)+i] += v
				sum += v
			}
		})
		if err != nil {
			return err
		}
		return f.arrived(int(sum))
	}
}

// kilobyte is free messages of 1 KiB, one byte of each looked at.
func (f flags) kilobyte(p *superstep.Port) func(context.Context) error {
	box := superstep.NewBox(p, superstep.BoxConfig[[1024]byte]{})
	var message [1024]byte
	message[7] = 1
	return func(ctx context.Context) error {
		for range f.burst {
			box.Send(1-p.Index(), message)
		}
		if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
			return err
		}
		sum := 0
		for m := range box.Messages() {
			sum += int(m[7])
		}
		return f.arrived(sum)
	}
}

func (f flags) arrived(n int) error {
	if n != f.burst {
		return fmt.Errorf("%d of %d messages arrived", n, f.burst)
	}
	return nil
}
