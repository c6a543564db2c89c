// Command limit runs one of the single-purpose programs of bench/limit and prints
// a line of JSON:
//
//	limit -what alltoall|star -tasks 4 -count 10000
//	limit -what stream [-tls] -count 1073741824
//	limit -what columns -count 16777216
//	limit -what pagerank -input graph.e -output out -iterations 20
//	limit -what bfs|sssp -input graph.e -output out -source 7
//	limit -what components -input graph.e -output out
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"scalar/bench/gang"
	"scalar/bench/limit"
)

type flags struct {
	what          string
	tasks, count  int
	secure        bool
	input, output string
	iterations    int
	source        uint
	delta         float64
}

func main() {
	var f flags
	flag.StringVar(&f.what, "what", "", "alltoall, star, stream, columns, pagerank, bfs, sssp or components")
	flag.IntVar(&f.tasks, "tasks", 2, "processes")
	flag.IntVar(&f.count, "count", 1000, "barriers, bytes or messages of each task")
	flag.BoolVar(&f.secure, "tls", false, "links are TLS")
	flag.StringVar(&f.input, "input", "", "edge list of the graphs' programs")
	flag.StringVar(&f.output, "output", "", "new folder of the graphs' programs")
	flag.IntVar(&f.iterations, "iterations", 20, "of pagerank")
	flag.UintVar(&f.source, "source", 0, "id that bfs and sssp begin at")
	flag.Float64Var(&f.delta, "delta", 4, "width of a bucket of sssp, a power of 2; 4 is the best for R-MAT graphs with weights from 1 to 255")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		os.Exit(1)
	}
}

func (f flags) run(ctx context.Context) error {
	if program := f.graph(); program != nil {
		t, err := program(f.input, f.output)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(t)
	}
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

// graph returns the program on graphs that is named, nil if it is another.
func (f flags) graph() func(input, output string) (limit.Times, error) {
	workers := runtime.GOMAXPROCS(0)
	switch source := uint32(min(f.source, math.MaxUint32)); f.what {
	case "pagerank":
		return limit.PageRank{Iterations: f.iterations, Damping: 0.85, Workers: workers}.Run
	case "bfs":
		return limit.BFS{Source: source, Workers: workers}.Run
	case "sssp":
		return limit.SSSP{Source: source, Delta: f.delta, Workers: workers}.Run
	case "components":
		return limit.Components{Workers: workers}.Run
	}
	return nil
}

// member measures after one small round that warms up and lets all arrive.
func (f flags) member(ctx context.Context, m *gang.Member) error {
	conns, err := m.Connect(ctx)
	if err != nil {
		return err
	}
	warm := min(f.count, 1<<20)
	if f.what == "alltoall" || f.what == "star" {
		warm = min(f.count, 200)
	}
	if err := f.measure(conns, m.Task, warm); err != nil {
		return err
	}
	start := time.Now()
	if err := f.measure(conns, m.Task, f.count); err != nil {
		return err
	}
	r := gang.Result{Seconds: time.Since(start).Seconds(), Count: float64(f.count)}
	if f.what == "stream" || f.what == "columns" {
		r.Count *= 2 // both ways
	}
	return m.Print(r)
}

func (f flags) measure(conns []net.Conn, task, count int) error {
	switch f.what {
	case "alltoall":
		return limit.AllToAll(conns, count)
	case "star":
		return limit.Star(conns, task, count)
	}
	if len(conns) != 2 {
		return fmt.Errorf("%s is for 2 tasks", f.what)
	}
	switch f.what {
	case "stream":
		return limit.Stream(conns[1-task], count)
	case "columns":
		return limit.Columns(conns[1-task], count)
	}
	return fmt.Errorf("unknown -what %q", f.what)
}
