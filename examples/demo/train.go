package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"scalar/bsp/job"
)

// epochs makes training long enough to be hit in its middle; 11 steps each.
const epochs = 250

// train trains a net on handwritten digits, undisturbed and with a task that is killed,
// and compares the weights.
func train(ctx context.Context, c *cluster, digits, scratch string) error {
	calm, stormy := filepath.Join(c.data, "models", "digits"), filepath.Join(scratch, "net-stormy") // the cluster serves the first
	info, _, err := c.learn(ctx, digits, calm, nil)
	if err != nil {
		return fmt.Errorf("undisturbed training: %w", err)
	}
	if err := onTwoGrooms(info); err != nil {
		return err
	}
	fmt.Printf("\ntraining   mlp on handwritten digits, undisturbed: %d steps, 2 peers in 2 tasks on %s and %s, %.2f s\n", info.Supersteps, info.Placement[0].Groom, info.Placement[1].Groom, info.Seconds.Total)
	var b blow
	info, said, err := c.learn(ctx, digits, stormy, func(ctx context.Context, id job.ID) (err error) {
		if b, err = c.killInTheMiddle(ctx, id, 11*epochs/4, killTask); err == nil {
			fmt.Printf("kill -9    %s (pid %d) at step %d of %d, the checkpoint of step %d committed\n", b.what, b.pid, b.superstep, 11*epochs, b.checkpoint)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("disturbed training: %w", err)
	}
	from, err := resumed(said, b)
	if err != nil {
		return err
	}
	fmt.Printf("training   with the kill: %d attempts, the second one went on from step %d, %.2f s\n", info.Attempts, from, info.Seconds.Total)
	if err := c.compare(ctx, digits, calm, stormy); err != nil {
		return err
	}
	return c.serve(ctx, digits, "digits")
}

// learn submits mlp with 2 peers in 2 tasks.
func (c *cluster) learn(ctx context.Context, digits, output string, meanwhile func(context.Context, job.ID) error) (info job.Info, said string, err error) {
	return c.submit(ctx, []string{
		"--peers", "2", "--tasks", "2", "--input", filepath.Join(digits, "train.csv.gz"), "--output", output,
		"mlp", "--", "--hidden", "64", "--epochs", strconv.Itoa(epochs), "--lr", "0.02", "--momentum", "0.9", "--decay", "0.002",
	}, meanwhile)
}

// killTask kills the process of a job's second task.
func killTask(info job.Info) (what string, pid int, err error) {
	pid = info.Placement[1].PID
	if pid == 0 {
		return "", 0, fmt.Errorf("%s: no process of task 1 is known", info.ID)
	}
	return "task 1", pid, syscall.Kill(pid, syscall.SIGKILL)
}

// compare compares two models, and asks the first about digits that it has not seen.
func (c *cluster) compare(ctx context.Context, digits, calm, stormy string) error {
	for _, name := range []string{"weights.safetensors", "model.json"} {
		a, err := os.ReadFile(filepath.Join(calm, name))
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(stormy, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("%s differs between the runs", name)
		}
	}
	var score struct {
		N     int
		Error float64
	}
	test := filepath.Join(digits, "test.csv.gz")
	if err := decode(c.command(ctx, "model", "eval", calm, "--input", test), &score); err != nil {
		return err
	}
	fmt.Printf("result     both models have the same bits; of %d other digits %.2f %% are read wrong\n", score.N, 100*score.Error)
	if score.Error > 0.05 {
		return fmt.Errorf("an error of %v is too much", score.Error)
	}
	start := time.Now()
	out, err := c.command(ctx, "predict", calm, "--input", test).Output()
	if err != nil {
		return fmt.Errorf("bsp predict: %w", err)
	}
	var read []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && len(read) < 16 {
			read = append(read, f[1])
		}
	}
	fmt.Printf("predict    the first 16 of them, in %.2f s: %s\n", time.Since(start).Seconds(), strings.Join(read, " "))
	return nil
}
