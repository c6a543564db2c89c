package bsp

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"scalar/bsp/arena"
	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
	"scalar/superstep"
)

// TaskConfig is one task's share of an attempt.
type TaskConfig struct {
	Runner Runner         // required
	Start  wire.TaskStart // who the task is; Listen, DataPlane and Credentials are not used here
	Conns  []net.Conn     // to the other tasks, from superstep.Mesh; nil for one task. RunTask closes them
	TLS    bool           // Conns are TLS

	// Report gets progress, checkpoints, and the first failure as soon as it is
	// known, while other peers may still run. It is called by several goroutines, and
	// must not block for long. nil: nobody listens.
	Report func(wire.FromTask)
	// Output is where a peer's output goes if Start.OutputTmp is empty; nil: it is
	// dropped.
	Output func(peer int) io.Writer
	// File is where the files of a program with the option Files go, called by the peers' goroutines,
	// if Start.OutputTmp is empty; nil: WriteFile fails.
	File func(peer int, name string, content []byte) error
	// Stderr is where Log writes; nil: os.Stderr.
	Stderr io.Writer
	// Stop is closed to have the task end at its next barrier, where all tasks of the
	// job end together if one is asked; RunTask then returns a Stopped end. A program
	// that comes to no barrier goes on. nil: it is never asked.
	Stop <-chan struct{}
	// Arena is how many bytes of memory the arena of the task's peers may have; 0: half
	// of Go's memory limit, which the groom sets below the task's own.
	Arena int64
	// CheckpointInterval is the time between checkpoints when they are not counted in
	// supersteps; 0: 30 s.
	CheckpointInterval time.Duration
}

// task runs the peers of one process.
type task struct {
	cfg   *TaskConfig
	start *wire.TaskStart
	id    uint64 // hash of the job's id
	own   job.Range
	n     int // peers of the job
	began time.Time
	group *superstep.Group
	arena *arena.Arena
	peers []*core
	ckpt  *checkpoints
	names *counterNames
	plots plotNames // with a report
	log   *slog.Logger

	latest latest // with a report

	failed atomic.Pointer[job.Failure] // the first cause, set before the group ends
	stop   context.CancelCauseFunc
}

// RunTask runs the peers [lo,hi) of Start.Ranges[Start.Key.Task] and returns when
// all have ended: what groom and local runs start in a process, and what tests run
// several of in one. The error is a *job.Failure: of kind FaultLink where a link
// broke or another task ended the attempt, so that the real cause is elsewhere; or
// it is the cause of ctx's end. A program that ignores ctx is waited for.
func RunTask(ctx context.Context, cfg TaskConfig) (wire.TaskDone, error) {
	began := time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	t, err := newTask(ctx, &cfg)
	if err != nil {
		closeAll(cfg.Conns)
		if ctx.Err() != nil { // which the input's listing, for one, calls an error of its own
			err = context.Cause(ctx)
		}
		return wire.TaskDone{}, err
	}
	t.began, t.stop = began, stop
	return t.run(ctx)
}

func newTask(ctx context.Context, cfg *TaskConfig) (*task, error) {
	start := &cfg.Start
	if err := cfg.Runner.check(); err != nil {
		return nil, job.AsFailure(err, job.FaultProgram)
	}
	me := start.Key.Task
	if me < 0 || me >= len(start.Ranges) {
		return nil, job.Fail(job.FaultInternal, "task %d of %d", me, len(start.Ranges))
	}
	t := &task{cfg: cfg, start: start, id: jobHash(start.Key.Job), own: start.Ranges[me], n: start.Ranges[len(start.Ranges)-1].Hi, names: newCounterNames()}
	t.log = slog.New(slog.NewTextHandler(cmp.Or[io.Writer](cfg.Stderr, os.Stderr), nil))
	var err error
	if t.group, err = superstep.NewGroup(groupConfig(cfg)); err != nil {
		return nil, job.AsFailure(err, job.FaultInternal)
	}
	t.arena = arena.New("", cmp.Or(cfg.Arena, debug.SetMemoryLimit(-1)/arenaShare))
	var splits []storage.Split
	if start.Input != "" {
		if splits, err = storage.Splits(ctx, start.Input, t.n); err != nil {
			return nil, job.AsFailure(inputFailure(err), job.FaultInput)
		}
	}
	for peer := t.own.Lo; peer < t.own.Hi; peer++ {
		c := &core{t: t, port: t.group.Port(peer), index: peer, counters: map[string]int64{}, out: newOutput(t, peer)}
		c.log = t.log.With(slog.Int("peer", peer))
		if start.Trace {
			c.recorder = newRecorder(t.own.N())
		}
		if splits != nil {
			c.split = &splits[peer]
			c.open = func() (*storage.Records, error) { return storage.OpenRecords(ctx, *c.split) }
		}
		t.peers = append(t.peers, c)
	}
	t.ckpt = newCheckpoints(t)
	return t, nil
}

func groupConfig(cfg *TaskConfig) superstep.Config {
	start := &cfg.Start
	g := superstep.Config{
		Job: jobHash(start.Key.Job), Epoch: uint32(start.Key.Epoch), Task: start.Key.Task,
		Conns: cfg.Conns, TLS: cfg.TLS, Ranges: make([]superstep.Range, len(start.Ranges)),
	}
	for i, r := range start.Ranges {
		g.Ranges[i] = superstep.Range{Lo: r.Lo, Hi: r.Hi}
	}
	g.Compress = compressions[start.Compression]
	g.MemoryBudget, g.SpillLimit = budgets(cfg.Runner.options(), start.Ranges[start.Key.Task].N(), debug.SetMemoryLimit(-1))
	if start.Restore != nil {
		g.Superstep = start.Restore.Superstep
	}
	return g
}

// compressions are the engine's names for what masters order.
var compressions = map[wire.Compression]superstep.Compression{
	wire.CompressS2: superstep.CompressS2, wire.CompressZstd: superstep.CompressZstd, wire.CompressAuto: superstep.CompressAuto,
}

// jobHash is the job's number in frames and checkpoints.
func jobHash(id job.ID) uint64 { return hash(string(id)) }

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, text) // never fails
	return h.Sum64()
}

func (t *task) run(ctx context.Context) (wire.TaskDone, error) {
	var links, peers sync.WaitGroup
	links.Go(func() { t.ckpt.run(ctx) })
	links.Go(func() {
		if err := t.group.Run(ctx); err != nil {
			t.fail(ctx, nil, err)
		}
	})
	over := make(chan struct{})
	if t.cfg.Report != nil {
		links.Go(func() { t.progress(over) })
	}
	for _, c := range t.peers {
		peers.Go(func() { t.runPeer(ctx, c) })
	}
	peers.Wait()
	closed := t.now()
	if t.failed.Load() == nil {
		if err := t.group.Close(); err != nil {
			t.end(ctx, t.failure(nil, err))
		}
	}
	close(over)
	t.ckpt.close()
	links.Wait()
	if err := t.arena.Close(); err != nil { // nobody uses it any more
		t.log.Warn("the arena was not closed", "reason", err)
	}
	if t.start.Trace {
		t.report(wire.FromTask{Trace: t.trace()})
	}
	if f := t.failed.Load(); f != nil {
		return wire.TaskDone{}, causeOf(ctx, f)
	}
	return t.done(closed), nil
}

// causeOf is what RunTask returns: the end of ctx if that came from outside.
func causeOf(ctx context.Context, f *job.Failure) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, f) {
		return cause
	}
	return f
}

func (t *task) done(closed int64) wire.TaskDone {
	d := wire.TaskDone{Counters: t.counters(), Seconds: t.seconds(), Times: t.peerTimes()}
	computed := int64((d.Seconds.Load + d.Seconds.Compute) * 1e9)
	d.Seconds.Write = float64(max(closed-computed, 0)) / 1e9
	for _, c := range t.peers {
		d.Supersteps, d.Stopped = max(d.Supersteps, c.ended), d.Stopped || c.stopped
		d.Parts = append(d.Parts, c.out.written()...)
	}
	if d.Stopped {
		d.Parts = nil // of peers that had returned before
	}
	return d
}

// errGoexit is the error of a program that ended its goroutine.
var errGoexit = errors.New("the program called runtime.Goexit (in a test: t.FailNow or t.Fatal): return an error instead")

// runPeer runs one peer to its end.
func (t *task) runPeer(ctx context.Context, c *core) {
	err := errGoexit
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r, debug.Stack())
		}
		if err != nil {
			t.fail(ctx, c, err)
			c.out.abandon()
			_ = c.closeRecords() // the attempt has failed already
		}
	}()
	if err = t.cfg.Runner.run(ctx, c); err == nil {
		err = c.finish(ctx)
	}
	if c.stopped && err != nil {
		c.depart()
		err = nil
	}
}

// stopVote asks all tasks to end at the next barrier if this one was asked to.
func (t *task) stopVote() superstep.Control {
	select {
	case <-t.cfg.Stop:
		return superstep.ControlStop
	default:
		return 0
	}
}

// panicked makes a failure of a panic, with the top of its stack.
func panicked(r any, stack []byte) *job.Failure {
	f := job.Fail(job.FaultProgram, "panic: %v", r)
	text := string(stack)
	if i := strings.Index(text, "panic("); i >= 0 { // above are ours
		text = text[i:]
	}
	f.Detail = text[:min(len(text), job.MaxDetail)]
	return f
}

// fail ends the attempt. The first cause counts: what a peer returns after the
// group has ended is none. c is nil for an error of the links.
func (t *task) fail(ctx context.Context, c *core, err error) {
	if c != nil && c.broke != nil && cascade(c.broke) {
		err = c.broke
	}
	if echo(err) {
		return
	}
	t.end(ctx, t.failure(c, err))
}

// end ends the attempt by its first cause.
func (t *task) end(ctx context.Context, f *job.Failure) {
	if !t.failed.CompareAndSwap(nil, f) {
		return
	}
	if ctx.Err() == nil {
		t.report(failureReport(f)) // before the others can report what follows from it
	}
	t.group.Abort(errors.New(f.Error()))
	t.stop(f)
}

// failureReport is how a task tells its groom of a failure.
func failureReport(f *job.Failure) wire.FromTask {
	f = f.Clipped()
	if f.Kind == job.FaultLink {
		return wire.FromTask{LinkLost: f}
	}
	return wire.FromTask{Failed: f}
}

// cascade reports whether an engine's error only tells that the group has ended,
// here or in another task.
func cascade(err error) bool {
	if errors.Is(err, superstep.ErrInbox) { // messages that this peer cannot decode
		return false
	}
	_, lost := errors.AsType[*superstep.LinkError](err)
	return lost || errors.Is(err, superstep.ErrAborted)
}

// echo reports whether an error only repeats what another peer of this task is about
// to report itself.
func echo(err error) bool {
	if !cascade(err) {
		return false
	}
	_, lost := errors.AsType[*superstep.LinkError](err)
	_, remote := superstep.AbortedBy(err)
	return !lost && !remote
}

// failure says whose fault err is.
func (t *task) failure(c *core, err error) *job.Failure {
	kind := job.FaultProgram
	if cascade(err) {
		kind = job.FaultLink
	} else if diskFull(err) {
		kind = job.FaultGroom // another node may have room
	}
	f := job.AsFailure(err, kind).Clipped()
	f.Task = t.start.Key.Task
	if c != nil && kind != job.FaultLink {
		f.Peer = c.index
	}
	return f
}

// diskFull reports whether this machine's disk could not take what its memory could not.
func diskFull(err error) bool {
	_, messages := errors.AsType[*superstep.SpillError](err)
	_, memory := errors.AsType[*arena.Error](err)
	return memory || messages && !errors.Is(err, superstep.ErrSpillLimit)
}

func (t *task) report(m wire.FromTask) {
	if t.cfg.Report != nil {
		t.cfg.Report(m)
	}
}

// progress reports every 100 ms what has changed, until over is closed.
func (t *task) progress(over <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last wire.Progress
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		now := wire.Progress{Superstep: t.superstep(), Counters: t.counters(), Seconds: t.seconds(), Times: t.peerTimes(), Note: t.note()}
		if now.Superstep != last.Superstep || now.Note != last.Note || now.Seconds.Compute != last.Seconds.Compute || !sameCounters(now.Counters, last.Counters) {
			t.report(wire.FromTask{Progress: &now})
			last = now
		}
	}
}

// superstep is the completed barriers, as the peer that is furthest has them.
func (t *task) superstep() (n int) {
	for _, c := range t.peers {
		n = max(n, int(c.step.Load()))
	}
	return n
}

// note is the newest of the lowest-numbered peer that has one.
func (t *task) note() string {
	for _, c := range t.peers {
		if text := c.note.Load(); text != nil && *text != "" {
			return *text
		}
	}
	return ""
}

// now is the time since the task began in nanoseconds, never 0.
func (t *task) now() int64 { return max(int64(time.Since(t.began)), 1) }

func (t *task) interval() time.Duration {
	return cmp.Or(t.cfg.CheckpointInterval, checkpointInterval)
}

// host returns the name of the machine that a peer is on.
func (t *task) host(peer int) string {
	for i, r := range t.start.Ranges {
		if peer >= r.Lo && peer < r.Hi {
			return hostOf(t.start, i)
		}
	}
	return localhost
}

// localhost is the machine of tasks of which nothing else is said.
const localhost = "localhost"

func hostOf(start *wire.TaskStart, task int) string {
	if task < len(start.Hosts) {
		return start.Hosts[task]
	}
	return localhost
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		if c != nil {
			_ = c.Close() // nothing was sent over it
		}
	}
}
