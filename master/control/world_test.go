package control_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/internal/rpc"
	"scalar/master/control"
	"scalar/master/fsm"
)

// world is a cluster in a synctest bubble: masters' control loops over one
// replicated state that is applied at once, and grooms that pretend to run tasks
// over in-memory connections. No fault happens but by a test.
type world struct {
	t       *testing.T
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex // guards what follows
	state    *fsm.State
	changed  chan struct{}
	leader   int // index of the master that leads, -1: none
	reigning sync.WaitGroup
	abdicate context.CancelFunc
	refuse   bool // proposals fail

	keep    int // finished jobs in the history
	masters []*control.Plane
	grooms  map[string]*pretender
}

func newWorld(t *testing.T, masters int, grooms ...string) *world {
	t.Helper()
	return newWorldKeeping(t, 0, masters, grooms...)
}

// newWorldKeeping is newWorld with masters that keep so many finished jobs.
func newWorldKeeping(t *testing.T, keep, masters int, grooms ...string) *world {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &world{t: t, ctx: ctx, stop: stop, state: fsm.New(), changed: make(chan struct{}), leader: -1, grooms: map[string]*pretender{}, keep: keep}
	for i := range masters {
		c, err := control.New(control.Config{
			Propose: func(ctx context.Context, c fsm.Command) (fsm.Result, error) { return w.propose(ctx, i, c) },
			State:   func() *fsm.State { w.mu.Lock(); defer w.mu.Unlock(); return w.state },
			Changed: func() <-chan struct{} { w.mu.Lock(); defer w.mu.Unlock(); return w.changed },
			Leader:  w.leaderAddr,
			Store:   "file:///store/", HistoryJobs: w.keep, HistoryAge: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.masters = append(w.masters, c)
	}
	for _, name := range grooms {
		w.startGroom(name)
	}
	return w
}

// end stops everything and waits for it.
func (w *world) end() {
	w.stop()
	w.depose()
	w.running.Wait()
}

func (w *world) leaderAddr() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leader < 0 {
		return ""
	}
	return strconv.Itoa(w.leader)
}

var errNotLeading = errors.New("not the leader")

func (w *world) propose(_ context.Context, from int, c fsm.Command) (fsm.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leader != from || w.refuse {
		return fsm.Result{}, errNotLeading
	}
	return w.applyLocked(c)
}

func (w *world) applyLocked(c fsm.Command) (fsm.Result, error) {
	b, err := c.Encode()
	if err != nil {
		return fsm.Result{}, err
	}
	next, r := fsm.ApplyEncoded(w.state, w.state.Index+1, b)
	if next != w.state {
		w.state = next
		close(w.changed)
		w.changed = make(chan struct{})
	}
	return r, nil
}

func (w *world) apply(c fsm.Command) fsm.Result {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Now = time.Now()
	r, err := w.applyLocked(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) depose() {
	w.mu.Lock()
	w.leader = -1
	abdicate := w.abdicate
	w.mu.Unlock()
	if abdicate != nil {
		abdicate()
	}
	w.reigning.Wait()
}

// lead makes master i the leader.
func (w *world) lead(i int) {
	w.depose()
	ctx, cancel := context.WithCancel(w.ctx)
	w.mu.Lock()
	w.leader, w.abdicate = i, cancel
	term := w.state.Index + 1
	w.mu.Unlock()
	w.reigning.Go(func() {
		if err := w.masters[i].Lead(ctx, term); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) submit(spec job.Spec) job.ID {
	w.t.Helper()
	spec.Program = job.Program{Name: "pi", Builtin: "pi"}
	r := w.apply(fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: "file:///store/results"}})
	if r.Err() != nil {
		w.t.Fatal(r.Err())
	}
	return r.Job
}

// wait returns when the job is final, and how long that took.
func (w *world) wait(id job.ID) job.Info {
	w.t.Helper()
	for {
		w.mu.Lock()
		j, ok := w.state.Job(id)
		changed := w.changed
		w.mu.Unlock()
		if !ok {
			w.t.Fatalf("job %s is gone", id)
		}
		if j.State.Final() {
			in, _ := w.masters[0].Info(id)
			return in
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Minute):
			in, _ := w.masters[0].Info(id)
			w.t.Fatalf("job %s is still %s after ten minutes: %+v", id, j.State, in)
		}
	}
}

// pretender is a groom without processes.
type pretender struct {
	w      *world
	name   string
	slots  int
	work   time.Duration   // that a task takes
	seen   map[string]bool // inputs; nil: all
	out    map[string]bool // outputs that exist
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended

	mu          sync.Mutex // guards what follows
	incarnation uint64
	seq         uint64
	term, order uint64 // of the last orders
	tasks       map[wire.TaskKey]*wire.TaskStatus
	began       map[wire.TaskKey]time.Time
	over        map[wire.TaskKey]bool
	storage     map[string]wire.StorageStatus
	keys        map[wire.TaskKey]bool // started with credentials
	removed     []string
	commits     []string     // tmp → output
	fail        *job.Failure // of the next commit
	silent      bool
	hangs       bool              // its store
	slow        time.Duration     // its store, for each request
	poison      job.ID            // cannot be archived
	objects     map[job.ID][]byte // of the archive, over all lives
	batches     []int             // their numbers, request by request
	changed     chan struct{}
}

func (w *world) startGroom(name string) {
	g := w.grooms[name]
	if g == nil {
		g = &pretender{w: w, name: name, slots: 2, objects: map[job.ID][]byte{}}
		w.grooms[name] = g
	}
	ctx, cancel := context.WithCancel(w.ctx)
	g.mu.Lock()
	g.incarnation++
	g.cancel = cancel
	g.seq, g.term, g.order = 0, 0, 0
	g.tasks, g.began, g.over = map[wire.TaskKey]*wire.TaskStatus{}, map[wire.TaskKey]time.Time{}, map[wire.TaskKey]bool{}
	g.storage, g.keys = map[string]wire.StorageStatus{}, map[wire.TaskKey]bool{}
	g.changed = make(chan struct{}, 1)
	g.mu.Unlock()
	done := make(chan struct{})
	g.done = done
	w.running.Go(func() {
		defer close(done)
		g.run(ctx)
	})
}

// kill ends the groom at once, as kill -9 does.
func (g *pretender) kill() {
	g.cancel()
	<-g.done
}

func (g *pretender) run(ctx context.Context) {
	target := 0
	for ctx.Err() == nil {
		next := g.connect(ctx, target)
		if next < 0 { // refused or broken: another, after a while
			next = (target + 1) % len(g.w.masters)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
		target = next
	}
}

// connect serves one connection to a master, and returns the one to go to next or -1.
func (g *pretender) connect(ctx context.Context, target int) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	here, there := net.Pipe()
	conn := rpc.NewConn(here, g.handle, rpc.Config{})
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	serving.Go(func() { _ = g.w.masters[target].Serve(ctx, g.name, there) })
	serving.Go(func() { _ = conn.Run(ctx) })
	for {
		g.mu.Lock()
		silent := g.silent
		body, err := pack.Marshal(g.reportLocked())
		g.mu.Unlock()
		if err != nil {
			g.w.t.Error(err)
			return -1
		}
		if !silent {
			answer, err := conn.Call(ctx, wire.MethodReport, body)
			if err != nil {
				return -1
			}
			var reply wire.ReportReply
			if err := pack.Unmarshal(answer, &reply); err != nil {
				g.w.t.Error(err)
			}
			if reply.Leader != "" {
				return int(reply.Leader[0] - '0')
			}
		}
		select {
		case <-ctx.Done():
			return -1
		case <-conn.Done():
			return -1
		case <-g.changed:
		case <-time.After(400 * time.Millisecond):
			g.advance()
		}
	}
}

// touch makes run report at once. g.mu is held.
func (g *pretender) touch() {
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

func (g *pretender) reportLocked() wire.Report {
	g.seq++
	r := wire.Report{
		Groom: g.name, Incarnation: g.incarnation, Seq: g.seq, OrdersSeq: g.order, OrdersTerm: g.term,
		Addr: "127.0.0.1", Slots: g.slots, Cores: 4, Memory: 1 << 30,
	}
	for _, s := range g.tasks {
		r.Tasks = append(r.Tasks, *s)
	}
	for _, s := range g.storage {
		r.Storage = append(r.Storage, s)
	}
	return r
}

func (g *pretender) handle(ctx context.Context, method uint16, body []byte) ([]byte, error) {
	switch method {
	case wire.MethodOrders:
		var o wire.Orders
		if err := pack.Unmarshal(body, &o); err != nil {
			return nil, err
		}
		return nil, g.obey(o)
	case wire.MethodProbe:
		var p wire.Probe
		if err := pack.Unmarshal(body, &p); err != nil {
			return nil, err
		}
		r := wire.ProbeReply{OutputExists: g.out[p.Output]}
		for _, in := range p.Inputs {
			if g.seen != nil && !g.seen[in] {
				r.Missing = append(r.Missing, in)
			}
		}
		return pack.Marshal(r)
	case wire.MethodLog:
		return pack.Marshal(wire.LogReply{Data: []byte("hello from " + g.name), EOF: true})
	case wire.MethodArchive:
		return g.archive(ctx, body)
	}
	return nil, errors.New("unknown method")
}

// archive keeps objects, unless its store hangs or a job is not wanted.
func (g *pretender) archive(ctx context.Context, body []byte) ([]byte, error) {
	var a wire.Archive
	if err := pack.Unmarshal(body, &a); err != nil {
		return nil, err
	}
	g.mu.Lock()
	hangs, slow := g.hangs, g.slow
	g.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	time.Sleep(slow)
	g.mu.Lock()
	defer g.mu.Unlock()
	var r wire.ArchiveReply
	g.batches = append(g.batches, len(a.Objects))
	for _, o := range a.Objects {
		if o.Job == g.poison {
			r.Error = "cannot write " + string(o.Job)
			continue
		}
		g.objects[o.Job] = o.Data
		r.Done = append(r.Done, o.Job)
	}
	return pack.Marshal(r)
}

func (g *pretender) obey(o wire.Orders) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.Term < g.term || o.Term == g.term && o.Seq < g.order {
		return errors.New("stale orders")
	}
	g.term, g.order = o.Term, o.Seq
	wanted := map[wire.TaskKey]bool{}
	for _, t := range o.Tasks {
		key := t.Start.Key
		wanted[key] = true
		s := g.tasks[key]
		if s == nil && !g.over[key] {
			if t.Start.DataPlane == wire.PlaneTLS && t.Start.Credentials == nil {
				g.w.t.Errorf("groom %s is to start %v without a key", g.name, key)
			}
			s = &wire.TaskStatus{Key: key, Phase: wire.Listening, Addr: fmt.Sprintf("%s:%d", g.name, key.Task), PID: 1}
			g.tasks[key] = s
		}
		if s != nil && t.Addrs != nil && s.Phase == wire.Listening {
			s.Phase = wire.Working
			g.began[key] = time.Now()
		}
	}
	for key := range g.tasks {
		if !wanted[key] {
			delete(g.tasks, key)
			g.over[key] = true
		}
	}
	g.store(o.Storage)
	g.finish()
	g.touch()
	return nil
}

// say has the groom's tasks of a number have a note.
func (g *pretender) say(task int, note string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, s := range g.tasks {
		if key.Task == task {
			s.Note = note
		}
	}
	g.touch()
}

// store does storage work at once. g.mu is held.
func (g *pretender) store(orders []wire.StorageOrder) {
	old := maps.Clone(g.storage)
	clear(g.storage)
	for _, o := range orders {
		key := fmt.Sprint(o.Job, "/", o.Epoch)
		if s, ok := old[key]; ok {
			g.storage[key] = s
			continue
		}
		s := wire.StorageStatus{Job: o.Job, Epoch: o.Epoch, Done: true}
		if o.Commit != nil {
			g.commits = append(g.commits, o.Commit.Tmp)
			if g.fail != nil {
				s.Done, s.Failure = false, g.fail
			}
		}
		g.removed = append(g.removed, o.Remove...)
		g.storage[key] = s
	}
}

// advance ends tasks whose work is done.
func (g *pretender) advance() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.finish()
}

func (g *pretender) finish() {
	for key, s := range g.tasks {
		if s.Phase == wire.Working && s.Failure == nil && time.Since(g.began[key]) >= g.work {
			s.Phase, s.Superstep = wire.Done, 9
			s.Counters = map[string]int64{job.CounterMessages: 10}
			s.Parts = []wire.Part{{Peer: key.Task, Path: fmt.Sprint("part-", key.Task)}}
		}
	}
}

// die makes one of the groom's tasks fail.
func (g *pretender) die(kind job.FailureKind) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.tasks {
		if s.Phase == wire.Working {
			s.Failure = job.Fail(kind, "it died")
			if kind != job.FaultLink {
				s.Phase = wire.Dead
			}
			g.touch()
			return true
		}
	}
	return false
}
