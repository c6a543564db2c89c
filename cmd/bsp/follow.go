package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
	"unicode/utf8"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
)

// stops counts what people press: the first ^C (or SIGTERM) stops the job, the
// second one leaves.
type stops struct {
	first  <-chan struct{} // closed by the first ^C
	sent   chan struct{}   // closed by watch when the cluster knows of the first one
	done   chan struct{}   // closed by close
	ended  chan struct{}   // closed when nobody listens any more
	signal chan os.Signal
}

// twice is how long a second signal counts as the first one: a shell and timeout(1)
// both pass ^C on, and a key bounces.
const twice = 300 * time.Millisecond

// stopper begins to listen. The contexts that it returns end with the first ^C and
// with the second.
func stopper(ctx context.Context, signals []os.Signal) (early, late context.Context, s *stops) {
	late, leave := context.WithCancel(ctx)
	early, stop := context.WithCancel(late)
	s = &stops{
		first: early.Done(), sent: make(chan struct{}), done: make(chan struct{}), ended: make(chan struct{}),
		signal: make(chan os.Signal, 2), // two count
	}
	signal.Notify(s.signal, signals...)
	go func() {
		defer close(s.ended)
		defer leave()
		select {
		case <-s.signal:
			stop()
		case <-s.done:
			stop()
			return
		}
		select {
		case <-s.sent:
		case <-time.After(twice):
		case <-s.done:
			return
		}
		for len(s.signal) > 0 {
			<-s.signal
		}
		select {
		case <-s.signal:
		case <-s.done:
		}
	}()
	return early, late, s
}

// leaveLimit is how long a command may take to end in order after the second ^C.
const leaveLimit = time.Second

// leave ends this process, with what clean removes, unless ended is closed in time: a
// program may not notice that it is stopped, and nobody may read the result.
func leave(ended <-chan struct{}, clean func()) {
	select {
	case <-ended:
	case <-time.After(leaveLimit):
		clean()
		os.Exit(job.ExitStopped)
	}
}

func (s *stops) close() {
	signal.Stop(s.signal)
	close(s.done)
	<-s.ended
}

// follow waits for a job on the cluster and ends as it does.
func (a *app) follow(ctx context.Context, c *client.Client, id job.ID, stopping *stops) error {
	return a.followThen(ctx, c, id, stopping, func(job.Info) {})
}

// followThen is follow with something to do when the job has ended.
func (a *app) followThen(ctx context.Context, c *client.Client, id job.ID, stopping *stops, then func(job.Info)) error {
	p := newProgress(a.stderr)
	a.notes = p.writer()
	info, err := a.watch(ctx, c, id, stopping, p)
	a.notes = nil
	p.close()
	if err != nil {
		if ctx.Err() != nil {
			return &fault.Error{Code: job.ExitStopped, Err: fmt.Errorf("left %s behind: see `bsp job status %s`", id, id)}
		}
		return err
	}
	if a.format == formatTable && info.State == job.Succeeded && inStore(info) {
		if info.Result != "" && !strings.ContainsRune(info.Result, utf8.RuneError) {
			_, err = io.WriteString(a.stdout, info.Result)
		} else { // long, or empty, or with bytes that JSON has not
			err = c.Result(ctx, id, a.stdout)
		}
		if err != nil {
			return err
		}
	}
	a.tellLong(ctx, c, info)
	then(info)
	if e := info.Error; info.State == job.Failed && e != nil && e.Kind == job.FaultProgram {
		fmt.Fprintf(a.stderr, "what its tasks wrote: bsp job logs %s\n", id) //nolint:errcheck // nobody to tell
	}
	return a.finish(info)
}

// tellLong says how to get a result that is too long for the one object that -o json
// prints; nothing else tells it from an empty one.
func (a *app) tellLong(ctx context.Context, c *client.Client, info job.Info) {
	if a.format == formatTable || info.State != job.Succeeded || !inStore(info) || info.Result != "" {
		return
	}
	var first one
	if err := c.Result(ctx, info.ID, &first); err == nil || !first.filled {
		return
	}
	fmt.Fprintf(a.stderr, "bsp: the result of %s is longer than 1 MiB and not in the object: print it by `bsp job wait %s`, or give --output next time\n", info.ID, info.ID) //nolint:errcheck // nobody to tell
}

// one is a writer that takes one piece, to see whether there is any.
type one struct{ filled bool }

func (o *one) Write(b []byte) (int, error) {
	o.filled = len(b) > 0
	return 0, io.ErrShortWrite
}

// inStore reports whether a job has no output of its own: what its peers wrote is
// its result, which the masters keep in the store.
func inStore(info job.Info) bool {
	return info.Output == "" || strings.HasSuffix(info.Output, "/results/"+string(info.ID))
}

// count says "1 peer" and "2 peers".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// watch follows a job to its end, and stops it on the first ^C; stopping may be nil.
func (a *app) watch(ctx context.Context, c *client.Client, id job.ID, stopping *stops, p *progress) (job.Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	helpers := make(chan struct{}, 2)
	defer func() { cancel(); <-helpers; <-helpers }()
	var first <-chan struct{}
	if stopping != nil {
		first = stopping.first
	}
	go func() {
		defer func() { helpers <- struct{}{} }()
		select {
		case <-first:
			p.say("stopping %s; ^C again leaves it", id)
			if err := c.Stop(ctx, id); err != nil && ctx.Err() == nil {
				p.say("bsp: %v", err)
			}
			close(stopping.sent)
		case <-ctx.Done():
		}
	}()
	queued := make(chan bool, 1) // from the watcher: does the job wait?
	go func() {
		defer func() { helpers <- struct{}{} }()
		explain(ctx, c, id, queued, p)
	}()
	var last job.Info
	return c.Watch(ctx, id, func(info job.Info) error {
		tell(p, last, info)
		select {
		case <-queued:
		default:
		}
		queued <- info.State == job.Queued
		last = info
		return nil
	})
}

// patience is how long a job may wait until people are told why.
const patience = 2 * time.Second

// explain says why a job waits when it does so for long.
func explain(ctx context.Context, c *client.Client, id job.ID, queued <-chan bool, p *progress) {
	timer := time.NewTimer(patience)
	timer.Stop()
	waits := false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-queued:
			if now && !waits {
				timer.Reset(patience)
			} else if !now {
				timer.Stop()
			}
			waits = now
		case <-timer.C:
			if why, err := c.Why(ctx, id); err == nil && why.Summary != "" {
				p.say("%s %s", id, lineOf(why.Summary))
			}
		}
	}
}

// tell shows what has changed between two looks at a job.
func tell(p *progress, last, info job.Info) {
	if e := info.Error; e != nil && !info.State.Final() && (last.Error == nil || *last.Error != *e) {
		from := "from the start"
		if info.Checkpoint >= 0 {
			from = fmt.Sprintf("from superstep %d", info.Checkpoint)
		}
		what := "failed"
		if e.Kind == job.FaultDrain {
			what = "moves"
		}
		p.say("%s attempt %d %s, it goes on %s: %s", info.ID, max(1, info.Attempts-boolInt(info.State == job.Running)), what, from, oneLine(e))
	}
	if info.State != last.State && !info.State.Final() {
		if last.ID == "" || info.State != job.Committing {
			p.say("%s %s", info.ID, describe(info))
		}
	}
	p.now("%s", live(string(info.ID), info.State.String(), info.Supersteps, info.Note))
}

// live is the live line of a job: what it does, how far it is, and what its program says.
func live(name, does string, superstep int, note string) string {
	line := fmt.Sprintf("%s %s, superstep %d", name, does, superstep)
	if note != "" {
		line += ": " + note
	}
	return line
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func describe(info job.Info) string {
	if info.State == job.Running {
		return fmt.Sprintf("running: %s in %s", count(info.Peers, "peer"), count(info.Tasks, "task"))
	}
	return info.State.String()
}

// finish prints a job that has ended and returns what bsp ends with.
func (a *app) finish(info job.Info) error {
	if a.format != formatTable {
		if err := a.print(info, nil); err != nil {
			return err
		}
	}
	s := info.Seconds
	if info.State == job.Succeeded {
		where := ""
		if info.Output != "" && !inStore(info) {
			where = ", output in " + info.Output
		}
		fmt.Fprintf(a.stderr, "%s succeeded in %s (queued %.3f, start %.3f, load %.3f, compute %.3f, write %.3f): %s, %s, %s%s\n", //nolint:errcheck // nobody to tell
			info.ID, seconds(s.Total), s.Queued, s.Start, s.Load, s.Compute, s.Write, count(info.Peers, "peer"), count(info.Supersteps, "superstep"), count(int(info.Counters[job.CounterMessages]), "message"), where)
		return nil
	}
	line := fmt.Sprintf("%s %s", info.ID, strings.ReplaceAll(info.State.String(), "_", " "))
	if info.State == job.TimedOut && a.limit > 0 {
		line += fmt.Sprintf(": --timeout was %s", a.limit)
	}
	if e := info.Error; e != nil {
		if info.State == job.Failed {
			line += ": " + e.Error()
		}
		a.detail(e)
	}
	code := info.ExitCode
	if code == job.ExitOK {
		code = job.ExitInternal // never success for a job that has not
	}
	return &fault.Error{Code: code, Err: errors.New(line)}
}

// detail prints a stack or the last words of a process, indented.
func (a *app) detail(f *job.Failure) {
	if f.Detail == "" {
		return
	}
	for line := range bytes.Lines([]byte(strings.TrimSpace(f.Detail))) {
		fmt.Fprintf(a.stderr, "    %s\n", bytes.TrimRight(line, "\n")) //nolint:errcheck // nobody to tell
	}
}
