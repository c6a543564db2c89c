package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"scalar/bsp/job"
)

// submit submits a job with its own arguments, calls meanwhile if given while it runs,
// and waits for its end. It returns what `bsp job wait` said, too.
func (c *cluster) submit(ctx context.Context, args []string, meanwhile func(context.Context, job.ID) error) (info job.Info, said string, err error) {
	if err = decode(c.command(ctx, slices.Concat([]string{"job", "submit", "-d", "-o", "json", "--checkpoint-every", "5"}, args)...), &info); err != nil {
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

// onTwoGrooms checks that a job's two tasks ran on two grooms.
func onTwoGrooms(info job.Info) error {
	if len(info.Placement) != 2 || info.Placement[0].Groom == info.Placement[1].Groom {
		return fmt.Errorf("the two tasks are not on two grooms: %+v", info.Placement)
	}
	return nil
}

// A blow is a kill -9, and where the job was just before.
type blow struct {
	what                  string
	pid                   int
	superstep, checkpoint int
}

// killInTheMiddle calls kill once the job has done so many supersteps and has a checkpoint.
func (c *cluster) killInTheMiddle(ctx context.Context, id job.ID, after int, kill func(job.Info) (what string, pid int, err error)) (blow, error) {
	for {
		var info job.Info
		if err := decode(c.command(ctx, "job", "inspect", "-o", "json", string(id)), &info); err != nil {
			return blow{}, err
		}
		if info.State.Final() {
			return blow{}, fmt.Errorf("%s ended before anything of it could be killed", id)
		}
		if len(info.Placement) == 2 && info.Supersteps >= after && info.Checkpoint > 0 {
			what, pid, err := kill(info)
			return blow{what, pid, info.Supersteps, info.Checkpoint}, err
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
