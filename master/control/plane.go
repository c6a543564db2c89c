package control

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"scalar/bsp/wire"
	"scalar/internal/pki"
	"scalar/master/fsm"
)

// Config says what the control loop works with. Propose, State, Changed
// and Leader are required.
type Config struct {
	// Propose has a command committed and applied here, or returns why not.
	Propose func(ctx context.Context, c fsm.Command) (fsm.Result, error)
	// State returns the latest applied state.
	State func() *fsm.State
	// Changed returns a channel that is closed at the next change of State.
	Changed func() <-chan struct{}
	// Leader returns the cluster address of the leader as known here, "" if none is.
	Leader func() string

	Store       string         // URL that all daemons share; required
	DataPlane   wire.DataPlane // default wire.PlaneTLS
	Compression wire.Compression
	Logger      *slog.Logger     // default: discard
	Clock       func() time.Time // of the stamps in State; default time.Now
	Lease       time.Duration    // of a groom whose machine answers, from its last report; default 10 s
	Grace       time.Duration    // of a groom whose connection closed; default 0.8 s, at most Lease
	Absence     time.Duration    // of a groom that this leader has not heard of, from its first moment; default 3 s
	HistoryJobs int              // finished jobs in the state; more are archived; default 1,000
	HistoryAge  time.Duration    // since a job's end; older ones are archived; default 7 days
}

// The history that masters keep.
const (
	DefaultHistoryJobs = 1000
	DefaultHistoryAge  = 7 * 24 * time.Hour
)

// Plane is the part of a master that runs jobs: it keeps the grooms' leases,
// schedules, gives orders, and turns what grooms report into commands for Raft.
// Only the leader's does so; a follower's sends grooms to the leader and answers
// from the replicated state. All methods are safe for concurrent use.
type Plane struct {
	cfg Config

	mu       sync.Mutex // guards what follows
	reign    *reign     // nil: not the leader
	sessions map[uint64]*session
	lastID   uint64        // of a session
	news     chan struct{} // closed and replaced when what is known live has changed
}

// reign is one time of being the leader.
type reign struct {
	term uint64
	core *Core         // guarded by Plane.mu
	kick chan struct{} // holds a value while decide must be called; sent by who told the core something
}

// wake has Decide called soon. It never blocks.
func (r *reign) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// New returns a Plane that does not lead.
func New(cfg Config) (*Plane, error) {
	if cfg.Propose == nil || cfg.State == nil || cfg.Changed == nil || cfg.Leader == nil || cfg.Store == "" {
		return nil, errors.New("control: Propose, State, Changed, Leader and Store are required")
	}
	if cfg.DataPlane == "" {
		cfg.DataPlane = wire.PlaneTLS
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Lease <= 0 {
		cfg.Lease = 10 * time.Second
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 800 * time.Millisecond
	}
	if cfg.Absence <= 0 {
		cfg.Absence = 3 * time.Second
	}
	if cfg.HistoryJobs <= 0 {
		cfg.HistoryJobs = DefaultHistoryJobs
	}
	if cfg.HistoryAge <= 0 {
		cfg.HistoryAge = DefaultHistoryAge
	}
	cfg.Grace = min(cfg.Grace, cfg.Lease)
	cfg.Store = strings.TrimRight(cfg.Store, "/")
	return &Plane{cfg: cfg, sessions: map[uint64]*session{}, news: make(chan struct{})}, nil
}

// Lead runs jobs until ctx ends. It is called once per term, when this master's
// state holds all that was committed before, and one call at a time. It returns
// nil after all that it started has ended.
func (c *Plane) Lead(ctx context.Context, term uint64) error {
	r := &reign{term: term, kick: make(chan struct{}, 1)}
	r.core = NewCore(CoreConfig{
		Term: term, Store: c.cfg.Store, Plane: c.cfg.DataPlane, Compression: c.cfg.Compression, Lease: c.cfg.Lease, Grace: c.cfg.Grace, Absence: c.cfg.Absence,
	}, c.cfg.Clock())
	c.setReign(r)
	defer c.setReign(nil)
	var running sync.WaitGroup // proposals and probes
	defer running.Wait()
	running.Go(func() { c.keepHistory(ctx) })
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		changed := c.cfg.Changed() // before State, so that no change is missed
		state := c.cfg.State()
		now := c.cfg.Clock()
		c.mu.Lock()
		todo := r.core.Decide(now, state)
		c.give(todo.Orders)
		c.tell()
		c.mu.Unlock()
		for _, p := range todo.Commands {
			running.Go(func() { c.carry(ctx, r, p) })
		}
		for _, p := range todo.Probes {
			running.Go(func() { c.probe(ctx, r, p) })
		}
		var due <-chan time.Time
		if !todo.Wake.IsZero() {
			timer.Reset(max(0, todo.Wake.Sub(now)))
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-r.kick:
		case <-due:
		}
	}
}

func (c *Plane) setReign(r *reign) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reign = r
	c.tell()
}

// tell wakes those who watch. c.mu is held.
func (c *Plane) tell() {
	close(c.news)
	c.news = make(chan struct{})
}

// give hands orders to the sessions that push them. c.mu is held.
func (c *Plane) give(list []GroomOrders) {
	for _, o := range list {
		if s := c.sessions[o.Session]; s != nil {
			s.give(o.Orders)
		}
	}
}

// carry proposes one command.
func (c *Plane) carry(ctx context.Context, r *reign, p Proposal) {
	ok := false
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		r.core.Settled(c.cfg.Clock(), p, ok)
		r.wake()
	}()
	if p.Cmd.Place != nil && c.cfg.DataPlane == wire.PlaneTLS {
		place := *p.Cmd.Place // the core keeps the original
		keys, err := c.sign(&place)
		if err != nil {
			c.cfg.Logger.Error("cannot make the certificates of an attempt", "job", place.Job, "error", err)
			return
		}
		c.mu.Lock()
		r.core.HasKeys(place.Job, place.CA, keys)
		c.mu.Unlock()
		p.Cmd.Place = &place
	}
	result, err := c.cfg.Propose(ctx, p.Cmd)
	if err == nil {
		err = result.Err()
	}
	if ok = err == nil; !ok && ctx.Err() == nil {
		c.cfg.Logger.Debug("command refused", "command", p.Key, "error", err)
	}
}

// sign makes the certificates of an attempt with a CA of its own, whose key is
// forgotten when sign returns.
func (c *Plane) sign(p *fsm.Place) ([]wire.Credentials, error) {
	attempt, err := pki.NewAttempt(string(p.Job), uint32(p.Epoch), time.Now())
	if err != nil {
		return nil, err
	}
	p.CA = attempt.CertPEM()
	keys := make([]wire.Credentials, len(p.Tasks))
	for i, t := range p.Tasks {
		pair, err := attempt.Task(i, t.Host)
		if err != nil {
			return nil, err
		}
		keys[i] = wire.Credentials{CA: p.CA, Cert: pair.Cert, Key: pair.Key}
	}
	return keys, nil
}
