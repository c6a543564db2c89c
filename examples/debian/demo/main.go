// Command demo shows the main job on real input: which packages does everything
// in Debian rest on? It starts a whole cluster on this machine, ranks the
// dependency graph twice, kills a groom with kill -9 in the middle of the second
// run, and compares the bits.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	bsp := flag.String("bsp", "bin/bsp", "the bsp binary")
	graph := flag.String("graph", "examples/debian/depends.tsv.zst", "the dependency graph")
	iterations := flag.Int("iterations", 2000, "supersteps of PageRank; enough to be in the middle of")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := run(ctx, *bsp, *graph, *iterations); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bsp, graph string, iterations int) (err error) {
	scratch, err := os.MkdirTemp("", "bsp-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if bsp, err = filepath.Abs(bsp); err != nil {
		return err
	}
	if graph, err = filepath.Abs(graph); err != nil {
		return err
	}

	c, err := startCluster(ctx, bsp, filepath.Join(scratch, "cluster"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	fmt.Printf("cluster    3 masters, 2 grooms, TLS and tokens on, ready in %.2f s\n", c.ready.Seconds())

	calm, stormy := filepath.Join(scratch, "calm"), filepath.Join(scratch, "stormy")
	first, err := c.rank(ctx, graph, calm, iterations, nil)
	if err != nil {
		return fmt.Errorf("undisturbed run: %w", err)
	}
	if len(first.Placement) != 2 || first.Placement[0].Groom == first.Placement[1].Groom {
		return fmt.Errorf("the two tasks are not on two grooms: %+v", first.Placement)
	}
	fmt.Printf("run 1      undisturbed: %d supersteps, %d attempt, 4 peers in 2 tasks on %s and %s, %s, %.2f s\n", first.Supersteps, first.Attempts,
		first.Placement[0].Groom, first.Placement[1].Groom, first.DataPlane, first.Seconds.Total)

	second, err := c.rank(ctx, graph, stormy, iterations, c.killGroomInTheMiddle(iterations))
	if err != nil {
		return fmt.Errorf("disturbed run: %w", err)
	}
	fmt.Printf("run 2      with the kill: %d supersteps, %d attempts, %.2f s\n", second.Supersteps, second.Attempts, second.Seconds.Total)
	if second.Attempts < 2 {
		return errors.New("the kill came too late to disturb the second run: give it more --iterations")
	}

	parts, err := sameBits(calm, stormy)
	if err != nil {
		return err
	}
	fmt.Printf("result     all %d parts of both runs have the same bits\n\n", parts)
	return printTop(calm, 10)
}
