package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
)

func (a *app) jobCmd() *cobra.Command {
	return group("job", "Run jobs and look at them",
		a.submitCmd(), a.jobListCmd(), a.jobStatusCmd(), a.jobInspectCmd(), a.jobLogsCmd(),
		a.jobStopCmd(), a.jobWhyCmd(), a.jobPlanCmd(), a.jobWaitCmd())
}

func (a *app) jobListCmd() *cobra.Command {
	var q client.JobQuery
	var before string
	c := &cobra.Command{
		Use: useList, Short: "List jobs, newest first", Args: cobra.NoArgs,
		Long: `List jobs, newest first: those that run or wait, and the finished ones that the masters have at hand.
Older ones are in the archive: --archived.`,
		Example: "  bsp job list --running\n  bsp job list -o json\n  bsp job list --archived --limit 20",
		RunE: a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			q.Before = job.ID(before)
			p, err := c.JobPage(ctx, q)
			if err != nil {
				return err
			}
			if p.Jobs == nil {
				p.Jobs = []job.Info{}
			}
			if err := a.print(p.Jobs, func() rows { return jobRows(p.Jobs) }); err != nil {
				return err
			}
			return a.tellMore(q, p)
		}),
		PreRunE: func(*cobra.Command, []string) error {
			if q.Limit < 0 {
				return fault.Usage("--limit %d: want a number of jobs, 0: all", q.Limit)
			}
			if q.Running && q.Archived {
				return fault.Usage("--running --archived: an archived job has ended, ask for one of them")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&q.Running, "running", false, "only jobs that have not ended")
	c.Flags().BoolVar(&q.Archived, "archived", false, "jobs that ended long ago")
	c.Flags().IntVar(&q.Limit, "limit", 100, "the newest so many jobs; 0: all")
	c.Flags().StringVar(&before, "before", "", "only jobs submitted before this one")
	return a.outputFlag(c)
}

// tellMore says that a list goes on, and how to see the rest.
func (a *app) tellMore(q client.JobQuery, p client.JobPage) error {
	if p.Next == "" {
		return nil
	}
	more := "more"
	if p.More > 0 {
		more = fmt.Sprintf("%d more", p.More)
	}
	flags := ""
	switch {
	case q.Running:
		flags = " --running"
	case q.Archived:
		flags = " --archived"
	}
	_, err := fmt.Fprintf(a.stderr, "… %s: bsp job list%s --before %s\n", more, flags, p.Next)
	return err
}

func jobRows(jobs []job.Info) rows {
	r := rows{head: words("id namespace program state peers attempts superstep submitted seconds")}
	for _, i := range jobs {
		r.add(i.ID, i.Namespace, i.Program, i.State, i.Peers, i.Attempts, i.Supersteps, ago(i.Submitted), fmt.Sprintf("%.3f", i.Seconds.Total))
	}
	return r
}

// oneJob is a command about one job by its id.
func (a *app) oneJob(use, short string, do func(ctx context.Context, c *client.Client, id job.ID) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeJobs,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			return do(ctx, c, job.ID(args[0]))
		}),
	}
}

func (a *app) jobStatusCmd() *cobra.Command {
	return a.outputFlag(a.oneJob("status JOB", "Show where a job stands", func(ctx context.Context, c *client.Client, id job.ID) error {
		info, err := c.Job(ctx, id)
		if err != nil {
			return err
		}
		return a.print(info, func() rows {
			r := jobRows([]job.Info{info})
			if info.Error != nil {
				r.head = append(r.head, "error")
				r.body[0] = append(r.body[0], oneLine(info.Error))
			}
			if info.Note != "" {
				r.head = append(r.head, "note")
				r.body[0] = append(r.body[0], info.Note)
			}
			return r
		})
	}))
}

func (a *app) jobInspectCmd() *cobra.Command {
	return a.outputFlag(a.oneJob("inspect JOB", "Show all that is known of a job", func(ctx context.Context, c *client.Client, id job.ID) error {
		info, err := c.Job(ctx, id)
		if err != nil {
			return err
		}
		a.tellLong(ctx, c, info)
		return a.print(info, func() rows { return inspectRows(info) })
	}))
}

func inspectRows(i job.Info) rows {
	var r rows
	r.add("id", i.ID)
	r.add("name", i.Name)
	r.add("namespace", i.Namespace)
	r.add("program", i.Program)
	r.add("state", i.State)
	r.add("exit code", i.ExitCode)
	r.add("submitter", orDash(i.Submitter))
	r.add("submitted", ago(i.Submitted))
	r.add("finished", ago(i.Finished))
	if !i.Stopping.IsZero() {
		r.add("stopping", "its tasks are killed at "+i.Stopping.Local().Format(time.TimeOnly))
	}
	r.add("peers", i.Peers)
	r.add("tasks", i.Tasks)
	r.add("attempts", i.Attempts)
	r.add("supersteps", i.Supersteps)
	if i.Note != "" {
		r.add("note", i.Note)
	}
	r.add("checkpoint", i.Checkpoint)
	r.add("priority", i.Priority)
	r.add("data plane", orDash(i.DataPlane))
	r.add("output", orDash(i.Output))
	s := i.Seconds
	r.add("seconds", fmt.Sprintf("queued %.3f, start %.3f, load %.3f, compute %.3f, write %.3f, total %.3f", s.Queued, s.Start, s.Load, s.Compute, s.Write, s.Total))
	for _, p := range i.Slowest {
		r.add("slowest "+p.Phase, fmt.Sprintf("peer %d in task %d on %s: %.3f seconds, the median is %.3f", p.Peer, p.Task, p.Groom, p.Seconds, p.Median))
	}
	for _, name := range slices.Sorted(maps.Keys(i.Counters)) {
		r.add("counter "+name, i.Counters[name])
	}
	for _, p := range i.Placement {
		where := fmt.Sprintf("peers %d to %d on %s", p.Peers.Lo, p.Peers.Hi-1, p.Groom)
		if p.State != "" { // of a task that its groom still knows
			where += fmt.Sprintf(", %s, superstep %d, pid %d", p.State, p.Superstep, p.PID)
		}
		r.add(fmt.Sprintf("task %d", p.Task), where)
	}
	if i.Error != nil {
		r.add("error", oneLine(i.Error))
	}
	return r
}

func (a *app) jobLogsCmd() *cobra.Command {
	o := client.LogOptions{}
	c := a.oneJob("logs JOB", "Print what the tasks of a job wrote", func(ctx context.Context, c *client.Client, id job.ID) error {
		ctx, cancel := interruptible(ctx)
		defer cancel()
		err := c.Logs(ctx, id, o, a.stdout)
		if ctx.Err() != nil { // by ^C, which needs no word
			return fault.Exit(job.ExitStopped)
		}
		return err
	})
	c.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if o.Task < 0 && cmd.Flags().Changed("task") {
			return fault.Usage("--task %d: tasks are counted from 0", o.Task)
		}
		if o.Follow {
			a.waits()
		}
		return nil
	}
	c.Long = "Print what the tasks of a job wrote. ^C ends that, not the job, with exit code 7."
	c.Example = "  bsp job logs pagerank-17\n  bsp job logs -f --task 2 pagerank-17"
	c.Flags().BoolVarP(&o.Follow, "follow", "f", false, "go on until the job ends")
	c.Flags().IntVar(&o.Task, "task", -1, "only this task (default: all)")
	return c
}

func (a *app) jobStopCmd() *cobra.Command {
	var (
		grace time.Duration
		now   bool
	)
	c := a.oneJob("stop JOB", "Stop a job", func(ctx context.Context, c *client.Client, id job.ID) error {
		if now {
			grace = 0
		}
		if err := c.StopWithin(ctx, id, grace); err != nil {
			return err
		}
		info, err := c.Watch(ctx, id, func(job.Info) error { return nil })
		if err != nil {
			return err
		}
		after := ""
		if info.State == job.Stopped && info.Attempts > 0 {
			after = " after " + count(info.Supersteps, "superstep")
		}
		_, err = fmt.Fprintf(a.stderr, "%s %s%s\n", id, info.State, after)
		return err
	})
	c.PreRunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case now && cmd.Flags().Changed("grace"):
			return fault.Usage("--now gives no grace time: leave out --grace or --now")
		case grace < 0 || grace > maxGrace:
			return fault.Usage("--grace %s: choose 0s to %s", grace, maxGrace)
		}
		a.waits()
		return nil
	}
	c.Long = "Stop a job and wait until it has ended. Its tasks end together at their next barrier; what has not ended\n" +
		"when the grace time has passed is killed. A queued job ends at once. Stopping it again can only hurry it."
	c.Example = "  bsp job stop pagerank-17\n  bsp job stop --now pagerank-17"
	c.Flags().DurationVar(&grace, "grace", job.DefaultStopGrace, "how long its tasks may take to end by themselves")
	c.Flags().BoolVar(&now, "now", false, "kill its tasks at once")
	return c
}

// maxGrace is the longest grace time that masters take.
const maxGrace = 24 * time.Hour

func (a *app) jobWhyCmd() *cobra.Command {
	return a.outputFlag(a.oneJob("why JOB", "Explain what a job waits for", func(ctx context.Context, c *client.Client, id job.ID) error {
		why, err := c.Why(ctx, id)
		if err != nil {
			return err
		}
		if why.Reasons == nil {
			why.Reasons = []job.Reason{}
		}
		if a.format == formatTable {
			if _, err := fmt.Fprintf(a.stdout, "%s %s\n", why.ID, lineOf(why.Summary)); err != nil || len(why.Reasons) == 0 {
				return err
			}
		}
		return a.print(why, func() rows {
			r := rows{head: words("constraint groom needed free held_by")}
			for _, x := range why.Reasons {
				holders := make([]string, 0, len(x.Holders))
				for _, h := range x.Holders {
					holders = append(holders, string(h))
				}
				r.add(x.Constraint, orDash(x.Groom), orDash(x.Needed), orDash(x.Free), orDash(strings.Join(holders, " ")))
			}
			return r
		})
	}))
}

func (a *app) jobPlanCmd() *cobra.Command {
	return a.outputFlag(a.oneJob("plan JOB", "Show what the scheduler decides for a job as things stand", func(ctx context.Context, c *client.Client, id job.ID) error {
		text, err := c.Plan(ctx, id)
		if err != nil {
			return err
		}
		plan := []job.Placed{} // null: it does not fit
		if err := json.Unmarshal(text, &plan); err != nil {
			return fmt.Errorf("the master's plan: %w", err)
		}
		if len(plan) == 0 {
			if plan = []job.Placed{}; a.format == formatTable {
				_, err := fmt.Fprintf(a.stdout, "%s is not placed: see `bsp job why %s`\n", id, id)
				return err
			}
		}
		return a.print(plan, func() rows {
			r := rows{head: words("task peers groom state superstep")}
			for _, p := range plan {
				r.add(p.Task, fmt.Sprintf("%d to %d", p.Peers.Lo, p.Peers.Hi-1), p.Groom, orDash(p.State), p.Superstep)
			}
			return r
		})
	}))
}

func (a *app) jobWaitCmd() *cobra.Command {
	c := a.outputFlag(a.oneJob("wait JOB", "Wait for a job as submit does, and end with its exit code", func(ctx context.Context, c *client.Client, id job.ID) error {
		ctx, cancel := interruptible(ctx)
		defer cancel()
		return a.follow(ctx, c, id, nil)
	}))
	c.PreRun = func(*cobra.Command, []string) { a.waits() }
	c.Long = "Wait for a job as submit does: progress on stderr, the result of a job without output on stdout.\n^C leaves the job running.\n\n" +
		"Without a leader it goes on for half a minute at its beginning, and for a minute when there was one, then it ends with\n" +
		"exit code 5; so do submit, stop and `logs -f`. The job does not mind."
	return c
}
