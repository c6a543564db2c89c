package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"scalar/bsp/job"
)

// With the usual damping of 0.85 the ranks stand still, to the last bit, from update
// 215 on: a job that began anew in its middle would end with the right bits too. With
// 0.99 they move to the end. Measured: after 1000, 1999 and 2000 updates each of the
// 63,597 ranks has other bits; after 3000 all but two have come to rest.
const (
	iterations = 2000
	damping    = "0.99"
)

// rank submits pagerank with 4 peers in 2 tasks, calls meanwhile if given while the
// job runs, and waits for its end. It returns what `bsp job wait` said, too.
func (c *cluster) rank(ctx context.Context, graph, output string, meanwhile func(context.Context, job.ID) error) (info job.Info, said string, err error) {
	err = decode(c.command(ctx, "job", "submit", "-d", "-o", "json", "--peers", "4", "--tasks", "2",
		"--checkpoint-every", "5", "--input", graph, "--output", output,
		"pagerank", "--", "--ids", "string", "--iterations", strconv.Itoa(iterations), "--damping", damping), &info)
	if err != nil {
		return info, "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wait := c.command(ctx, "job", "wait", "-o", "json", string(info.ID))
	var out, errs bytes.Buffer
	wait.Stdout, wait.Stderr = &out, &errs
	if err := wait.Start(); err != nil {
		return info, "", err
	}
	if meanwhile != nil {
		if err := meanwhile(ctx, info.ID); err != nil {
			cancel()
			_ = wait.Wait() // the first error counts
			return info, "", err
		}
	}
	if err := wait.Wait(); err != nil {
		return info, "", fmt.Errorf("bsp job wait %s: %w: %s", info.ID, err, bytes.TrimSpace(errs.Bytes()))
	}
	return info, errs.String(), json.Unmarshal(out.Bytes(), &info)
}

// A blow is the kill -9 of a groom, and where the job was just before.
type blow struct {
	groom                 string
	pid                   int
	superstep, checkpoint int
}

// killInTheMiddle kills the groom of the job's second task once the job has done half
// of its supersteps.
func (c *cluster) killInTheMiddle(ctx context.Context, id job.ID) (blow, error) {
	for {
		var info job.Info
		if err := decode(c.command(ctx, "job", "inspect", "-o", "json", string(id)), &info); err != nil {
			return blow{}, err
		}
		if info.State.Final() {
			return blow{}, fmt.Errorf("%s ended before its groom could be killed", id)
		}
		if len(info.Placement) == 2 && info.Supersteps >= iterations/2 && info.Checkpoint > 0 {
			groom := info.Placement[1].Groom
			pid, err := c.kill(groom)
			return blow{groom, pid, info.Supersteps, info.Checkpoint}, err
		}
		select {
		case <-ctx.Done():
			return blow{}, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var goesOn = regexp.MustCompile(`attempt 1 failed, it goes on from superstep (\d+)`)

// resumed returns the superstep of the checkpoint that the second attempt went on
// from, according to what `bsp job wait` said. It must not be older than the one that
// was committed before the blow.
func resumed(said string, b blow) (int, error) {
	m := goesOn.FindStringSubmatch(said)
	if m == nil {
		return 0, fmt.Errorf("no second attempt went on from a checkpoint:\n%s", said)
	}
	from, err := strconv.Atoi(m[1])
	if err == nil && from < b.checkpoint {
		err = fmt.Errorf("the second attempt went on from superstep %d, but the checkpoint of superstep %d was committed", from, b.checkpoint)
	}
	return from, err
}

// decode runs bsp and decodes the JSON that it prints.
func decode(cmd *exec.Cmd, v any) error {
	out, err := cmd.Output()
	if err == nil {
		return json.Unmarshal(out, v)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("bsp %s: %w: %s", strings.Join(cmd.Args[1:], " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}
