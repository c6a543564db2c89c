package sim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// Config says which world is run.
type Config struct {
	Seed    uint64
	Length  time.Duration // of virtual time, at least; the last round is brought to its end
	Masters int           // 3 or 5; 0: by the seed
	Grooms  int           // 0: 3 to 8 by the seed
	Calm    bool          // no faults
	Trace   io.Writer     // gets a line for every event; nil: only the last ones are kept
}

// Result is what a run was.
type Result struct {
	Virtual time.Duration
	Events  uint64
	Trace   uint64            // hash of all that happened, in order
	Counts  map[string]uint64 // faults injected and things done, by name
	Loss    time.Duration     // the longest from a groom's last word to a leader until its loss was decided
}

// World is a simulated cluster. It is not safe for concurrent use.
type World struct {
	loop
	cfg     Config
	rng     *rand.Rand
	net     *network
	masters []*master
	grooms  []*groom
	clients []*client
	store   *store
	gangs   map[gangKey]*gang
	chaos   *chaos
	check   *checker
	lastID  uint64 // of sessions

	counts map[string]uint64
	hash   uint64
	recent []line // a ring of the last events
	next   int
	err    error // the first violation
}

// line is one traced event.
type line struct {
	at   time.Duration
	what string
	node int
	n    uint64
	text string
}

func (l line) String() string {
	return fmt.Sprintf("%15v  node %2d  %s %d %s", l.at, l.node, l.what, l.n, l.text)
}

const (
	recentLines = 300
	slotsEach   = 4
	clientCount = 4
	theName     = "sim" // of the cluster, of every job, and of the version
)

// epochStart is the date at which every world begins.
var epochStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// New returns a world at its beginning.
func New(cfg Config) *World {
	w := &World{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x5ca1a5)), gangs: map[gangKey]*gang{},
		counts: map[string]uint64{}, hash: 14695981039346656037, recent: make([]line, 0, recentLines),
	}
	masters, grooms := cfg.Masters, cfg.Grooms
	if masters == 0 {
		masters = 3 + 2*w.rng.IntN(2)*w.rng.IntN(2)
	}
	if grooms == 0 {
		grooms = 3 + w.rng.IntN(6)
	}
	w.net = newNetwork(w, masters+grooms+1)
	w.store = newStore(w)
	w.check = newChecker(w)
	for i := range masters {
		w.masters = append(w.masters, newMaster(w, i))
	}
	for i := range grooms {
		w.grooms = append(w.grooms, newGroom(w, masters+i, i))
	}
	for i := range clientCount {
		w.clients = append(w.clients, newClient(w, masters+grooms, i))
	}
	w.chaos = &chaos{w: w}
	return w
}

// Run runs rounds of faults, each followed by a time without any in which everything
// must come to its end, until the world is as old as it shall be. The error is the
// first promise that was broken.
func (w *World) Run() (Result, error) {
	for _, m := range w.masters {
		m.start()
	}
	for _, g := range w.grooms {
		g.start()
	}
	w.check.start()
	for w.err == nil && w.now < w.cfg.Length {
		w.round()
	}
	result := Result{Virtual: w.now, Events: w.done, Trace: w.hash, Counts: w.counts, Loss: w.check.worst}
	if w.err != nil {
		return result, w.report()
	}
	return result, nil
}

const (
	shortRound = 4 * time.Minute
	longRound  = 15 * time.Minute
	settleTime = 15 * time.Minute // for everything to end after the last fault
)

// round is a time of work and faults, and its settling.
func (w *World) round() {
	w.count("rounds")
	end := w.now + min(w.between(shortRound, longRound), max(time.Minute, w.cfg.Length-w.now))
	for _, c := range w.clients {
		c.start(end)
	}
	if !w.cfg.Calm {
		w.chaos.start(end)
	}
	w.runUntil(end, func() bool { return false })
	w.chaos.heal()
	limit := w.now + settleTime
	settled := w.now
	w.runUntil(limit, func() bool {
		if w.now < settled {
			return false
		}
		settled = w.now + time.Second
		return w.check.settled() == ""
	})
	if open := w.check.settled(); open != "" && w.err == nil {
		w.fail("not settled %v after the last fault: %s", settleTime, open)
	}
	w.check.roundEnd()
}

// runUntil runs events until a time, a violation, or stop.
func (w *World) runUntil(end time.Duration, stop func() bool) {
	for w.err == nil && w.now < end && !stop() {
		if !w.step() {
			return
		}
	}
}

// fail notes that a promise is broken. The first counts.
func (w *World) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
		w.trace("BROKEN", -1, 0, w.err.Error())
	}
}

// report is the error with what is needed to see it again.
func (w *World) report() error {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d at %v (%d masters, %d grooms): %v\nthe last events:\n", w.cfg.Seed, w.now, len(w.masters), len(w.grooms), w.err)
	for i := range w.recent {
		fmt.Fprintln(&b, w.recent[(w.next+i)%len(w.recent)])
	}
	return errors.New(b.String())
}

// trace adds an event to the hash and to those remembered.
func (w *World) trace(what string, node int, n uint64, text string) {
	l := line{w.now, what, node, n, text}
	const prime = 1099511628211
	h := w.hash
	for _, v := range [...]uint64{uint64(l.at), uint64(node), n} {
		h = (h ^ v) * prime
		h ^= h >> 32
	}
	for _, s := range [...]string{what, text} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
	}
	w.hash = h
	if w.cfg.Trace != nil {
		_, _ = fmt.Fprintln(w.cfg.Trace, l) // for a person who looks on
	}
	if len(w.recent) < recentLines {
		w.recent = append(w.recent, l)
		return
	}
	w.recent[w.next] = l
	w.next = (w.next + 1) % recentLines
}

func (w *World) count(what string) { w.counts[what]++ }

func (w *World) chance(p float64) bool { return w.rng.Float64() < p }

// between returns a duration of [lo, hi).
func (w *World) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(w.rng.Int64N(int64(hi-lo)))
}
