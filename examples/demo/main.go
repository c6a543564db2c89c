// Command demo shows the main jobs on real input, on a whole cluster of its own on this
// machine. Which packages does everything in Debian rest on? It ranks the dependency graph
// twice, kills a groom with kill -9 in the middle of the second run, and compares the bits.
// Which digits did people write? It trains a net on them twice, kills a task in the middle
// of the second run, compares the weights, and asks the model, which the cluster serves. Jobs that were hit must have
// gone on from a checkpoint.
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

	"scalar/bsp/job"
)

func main() {
	bsp := flag.String("bsp", "bin/bsp", "the bsp binary")
	graph := flag.String("graph", "examples/debian/depends.tsv.zst", "the dependency graph")
	digits := flag.String("digits", "examples/digits", "the folder of the digits")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE) // as in `make demo | head`
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := run(ctx, *bsp, *graph, *digits); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bsp, graph, digits string) (err error) {
	start := time.Now()
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
	if digits, err = filepath.Abs(digits); err != nil {
		return err
	}

	c, err := startCluster(ctx, bsp, filepath.Join(scratch, "cluster"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	fmt.Printf("cluster    3 masters, 2 grooms, TLS and tokens on, ready in %.2f s\n", c.ready.Seconds())

	calm, stormy := filepath.Join(scratch, "calm"), filepath.Join(scratch, "stormy")
	if err := calmRun(ctx, c, graph, calm); err != nil {
		return fmt.Errorf("undisturbed run: %w", err)
	}
	if err := stormyRun(ctx, c, graph, stormy); err != nil {
		return fmt.Errorf("disturbed run: %w", err)
	}
	parts, err := sameBits(calm, stormy)
	if err != nil {
		return err
	}
	fmt.Printf("result     all %d parts of both runs have the same bits, after %.2f s in all\n\n", parts, time.Since(start).Seconds())
	if err := printTop(calm, 10); err != nil {
		return err
	}
	return train(ctx, c, digits, scratch)
}

func calmRun(ctx context.Context, c *cluster, graph, output string) error {
	info, _, err := c.rank(ctx, graph, output, nil)
	if err != nil {
		return err
	}
	if err := onTwoGrooms(info); err != nil {
		return err
	}
	fmt.Printf("run 1      undisturbed: %d supersteps, %d attempt, 4 peers in 2 tasks on %s and %s, %s, %.2f s\n", info.Supersteps, info.Attempts,
		info.Placement[0].Groom, info.Placement[1].Groom, info.DataPlane, info.Seconds.Total)
	return nil
}

func stormyRun(ctx context.Context, c *cluster, graph, output string) error {
	var b blow
	info, said, err := c.rank(ctx, graph, output, func(ctx context.Context, id job.ID) (err error) {
		if b, err = c.killInTheMiddle(ctx, id, iterations/2, c.killGroom); err == nil {
			fmt.Printf("kill -9    %s (pid %d) at superstep %d of %d, the checkpoint of superstep %d committed\n", b.what, b.pid, b.superstep, iterations, b.checkpoint)
		}
		return err
	})
	if err != nil {
		return err
	}
	from, err := resumed(said, b)
	if err != nil {
		return err
	}
	fmt.Printf("run 2      with the kill: %d supersteps, %d attempts, the second one went on from the checkpoint of superstep %d, %.2f s\n",
		info.Supersteps, info.Attempts, from, info.Seconds.Total)
	return nil
}
