package groom

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/taskproc"
	"scalar/bsp/wire"
	"scalar/groom/table"
)

const (
	lastWordGrace = time.Second            // for a task to exit by itself after its last word
	killTimeout   = 2 * time.Second        // for killed processes to be gone
	drainTimeout  = 500 * time.Millisecond // for what a dead process said and wrote last
)

// life is one task from its order to its last trace.
type life struct {
	*node
	task    *table.Task
	key     wire.TaskKey
	share   share  // of the groom's reports
	folder  string // holds work and tmp
	log     *slog.Logger
	logFile string

	group   *taskGroup
	output  *taskLog
	proc    *taskproc.Proc
	pipe    *os.File       // what the task writes to stdout and stderr
	drained chan struct{}  // closed when pipe has ended
	talkers sync.WaitGroup // on the socket; they end when settle closes it

	overMemory atomic.Bool // the watchdog killed it
	lastWord   bool        // it said Done or Failed
	trace      *job.Trace  // what it told of its supersteps, if a report is wanted
	mute       bool        // killed for it
	nonsense   error       // what it said was no message
}

// live runs one task to its end and leaves nothing behind but its log, if it returns
// true, and what it told of its supersteps, nil if nothing. ctx is the groom's; the task may be ended earlier by orders.
func (n *node) live(ctx context.Context, t *table.Task) (logged bool, trace *job.Trace) {
	key := t.Order.Start.Key
	l := &life{
		node: n, task: t, key: key, share: shareOf(t.Peers(), n.cfg.Slots), group: &taskGroup{},
		folder: filepath.Join(n.dir.tasks(), taskName(key)), logFile: logPath(n.dir.logs(), key),
		log: n.log.With("job", key.Job, "epoch", key.Epoch, "task", key.Task),
	}
	defer n.table.End(t)
	if !safeID(key.Job) || key.Task < 0 {
		l.fail(job.Fail(job.FaultInternal, "%v", errKeyUnsafe))
		return false, nil
	}
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !n.table.Begin(t, cancel) {
		cancel(table.ErrFenced)
	}
	failure := l.prepare(own)
	if failure == nil {
		failure = l.start(own)
	}
	if failure == nil {
		l.attend(own)
		failure = l.settle()
	}
	if cause := context.Cause(own); cause != nil {
		failure = job.Fail(job.FaultGroom, "task %d was ended: %v", key.Task, cause)
	}
	if failure != nil {
		l.fail(failure)
	}
	l.bury(ctx)
	l.log.Info("task ended and removed")
	return l.output != nil, l.trace
}

// fail reports the task dead, unless it has told its end itself.
func (l *life) fail(f *job.Failure) {
	l.table.Update(l.task, true, func(s *wire.TaskStatus) {
		if s.Phase >= wire.Done {
			return
		}
		if s.Failure != nil { // a lost link is the better reason
			f = s.Failure
		}
		l.metrics.failed.Inc()
		l.log.Info("task failed", "error", f.Message)
		s.Phase, s.Failure = wire.Dead, l.complete(f)
	})
}

// attend talks with the running task until its processes have ended and all that it
// said is heard. The process is a zombie then: its number stays its own.
func (l *life) attend(ctx context.Context) {
	var helpers sync.WaitGroup
	defer helpers.Wait()
	over := make(chan struct{}) // closed on return: ends the helpers
	defer close(over)
	words := make(chan wire.FromTask)
	silent := make(chan error, 1)
	l.talkers.Go(func() { silent <- l.listen(words, over) })
	out := make(chan wire.ToTask, 4) // Start, Connect, Barrier and Stop fit
	l.talkers.Go(func() { l.speak(out, over) })
	exited := make(chan struct{})
	helpers.Go(func() { l.proc.AwaitExit(); close(exited) })
	helpers.Go(func() { l.watchMemory(over) })

	c := &conversation{life: l, out: out}
	c.begin()
	var kill <-chan time.Time
	hello := time.After(l.cfg.HelloLimit)
	stop, barrier, ended := ctx.Done(), (<-chan struct{})(l.task.Stop), (<-chan struct{})(exited)
	for ended != nil {
		select {
		case m := <-words:
			if c.hear(m); l.lastWord && kill == nil {
				kill = time.After(lastWordGrace)
			}
		case err := <-silent:
			silent = nil
			c.hush(err)
			if kill == nil { // it exits now, or never by itself
				kill = time.After(lastWordGrace)
			}
		case addrs := <-l.task.Addrs:
			c.meet(addrs)
		case <-barrier:
			barrier = nil
			c.askToStop()
		case <-stop:
			stop = nil
			l.kill()
		case <-hello:
			if !c.heard && !l.lastWord {
				l.mute = true
				l.kill()
			}
		case <-kill:
			l.kill()
		case <-ended:
			ended = nil
		}
	}
	l.sweep(ctx)
	if silent != nil {
		c.drain(words, silent)
	}
}

// sweep ends what the task's process has started and left: nobody holds its socket
// and its output then.
func (l *life) sweep(ctx context.Context) {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	if err := killAll(limit, l.group, inSession(l.proc.PID(), marked(l.folder))); err != nil {
		l.log.Warn("task leaves processes behind", "error", err)
	}
}

// kill ends the task's process and those it has started, as far as one step goes;
// sweep finds the rest.
func (l *life) kill() {
	if err := l.proc.Kill(); err != nil {
		l.log.Warn("task is not killed", "error", err)
	}
	l.group.kill()
}

// settle reaps the process, and says why it failed, if it did not say so itself.
func (l *life) settle() *job.Failure {
	status, err := l.proc.Wait() // closes the socket too
	if err != nil {
		l.log.Warn("end of task", "error", err)
	}
	l.talkers.Wait()
	select {
	case <-l.drained:
	case <-time.After(drainTimeout): // a process that cannot be killed holds the pipe
	}
	if err := l.pipe.Close(); err != nil {
		l.log.Warn("output of task", "error", err)
	}
	<-l.drained
	return l.verdict(status)
}

// verdict says why the task failed; nil if it has said so itself.
func (l *life) verdict(status taskproc.Exit) *job.Failure {
	limit := l.task.Order.Limits.Memory
	oom := status.Signal() == syscall.SIGKILL && l.group.outOfMemory()
	switch {
	case l.lastWord:
		return nil
	case l.overMemory.Load() || oom && limit > 0:
		return memoryFailure(l.key, limit)
	case l.mute:
		return job.Fail(job.FaultProgram, "task %d did not speak within %v: is it a bsp program, whose main ends with bsp.Main?", l.key.Task, l.cfg.HelloLimit)
	case l.nonsense != nil:
		return job.Fail(job.FaultProgram, "task %d sent what is no message of this version: %v", l.key.Task, l.nonsense)
	default:
		return exitFailure(l.key, status, tailLog(l.logFile, panicTail))
	}
}

// bury closes the log and removes the task's cgroup and folder.
func (l *life) bury(ctx context.Context) {
	if l.output != nil {
		n, err := l.output.close()
		l.metrics.logBytes.Add(float64(n))
		if err != nil {
			l.log.Warn("part of the task's output is lost", "error", err)
		}
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	if err := l.group.remove(limit); err != nil {
		l.log.Warn("task leaves its cgroup", "error", err)
	}
	if err := removeFolder(l.folder); err != nil {
		l.log.Warn("task leaves its folder", "error", err)
	}
}
