package fsm

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// State is all that the masters agree on. It is immutable: hold it as long as
// you like, change nothing that you reach through it.
type State struct {
	Index     uint64    // log index of the last command that changed something
	Now       time.Time // the latest stamp of a command, UTC
	Cluster   string    // UUID, empty until Bootstrap
	Before    string    // UUID of the cluster whose snapshot was taken over last, see Adopt
	AdminHash []byte    // SHA-256 of the first admin token
	LastJob   uint64    // number of the last job submitted

	jobs      table[uint64, *Job] // by number: not final, or final and not yet cleaned
	history   table[uint64, *Job] // by number: cleaned
	finished  table[uint64, uint64]
	finishSeq uint64 // last key of finished: the numbers in history by the time they were cleaned

	grooms table[string, *Groom]
	tokens table[string, *Token]
	hashes table[string, string] // token hash → id

	requests   table[string, request]
	requestLog table[uint64, string] // requests by arrival
	requestSeq uint64                // last key of requestLog
}

// request is what a request id did, so that its repetition does nothing more.
type request struct {
	Seq    uint64
	At     time.Time
	Kind   string
	Result Result
}

// New returns the state before the first command.
func New() *State { return &State{} }

// Claim is what tasks hold of a groom. Whole numbers, so that giving back
// what was taken leaves no remainder.
type Claim struct {
	Slots      int   `msgpack:",omitempty"`
	MilliCores int64 `msgpack:",omitempty"`
	Memory     int64 `msgpack:",omitempty"` // bytes
	GPUs       int   `msgpack:",omitempty"`
}

// Plus returns the sum of both.
func (c Claim) Plus(d Claim) Claim {
	return Claim{c.Slots + d.Slots, c.MilliCores + d.MilliCores, c.Memory + d.Memory, c.GPUs + d.GPUs}
}

// Minus returns what is left of c after d is taken; it may be negative.
func (c Claim) Minus(d Claim) Claim {
	return Claim{c.Slots - d.Slots, c.MilliCores - d.MilliCores, c.Memory - d.Memory, c.GPUs - d.GPUs}
}

// Covers reports whether c has at least as much of everything as d.
func (c Claim) Covers(d Claim) bool {
	return c.Slots >= d.Slots && c.MilliCores >= d.MilliCores && c.Memory >= d.Memory && c.GPUs >= d.GPUs
}

// Assignment is one task of an attempt on its groom.
type Assignment struct {
	Peers       job.Range
	Groom       string
	Incarnation uint64 // of the groom
	Host        string // that the task listens on
	Claim       Claim
}

// Job is one job from submission until it is forgotten.
type Job struct {
	ID        job.ID
	Number    uint64
	Spec      job.Spec
	Submitter string `msgpack:",omitempty"`
	Output    string // URL: the spec's, or the folder of its own in the store

	State job.State
	Epoch job.Epoch `msgpack:",omitempty"` // attempts begun; the number of the current or last one
	Peers int       `msgpack:",omitempty"` // fixed by the first placement
	// Tasks of the current or last attempt, by task. They hold their claims while the job is Running.
	Tasks       []Assignment      `msgpack:",omitempty"`
	CA          []byte            `msgpack:",omitempty"` // PEM, of the current attempt
	Checkpoints []wire.Checkpoint `msgpack:",omitempty"` // newest first, two at most
	Checkpoint  int               // superstep of the newest committed one, -1: none
	Saved       uint64            `msgpack:",omitempty"` // index of the command that committed it

	Faults  int          `msgpack:",omitempty"` // attempts that the program ended
	Losses  int          `msgpack:",omitempty"` // attempts that grooms, links or checkpoints ended
	Row     int          `msgpack:",omitempty"` // attempts that ended one after another without a new checkpoint
	Blamed  []Blame      `msgpack:",omitempty"` // grooms that ended attempts
	Failure *job.Failure `msgpack:",omitempty"` // of the last attempt that failed
	EndedBy string       `msgpack:",omitempty"` // who stopped it, first
	// Stopping is set while it is Running and its tasks have time to end by themselves.
	Stopping *Stopping      `msgpack:",omitempty"`
	Result   *AttemptResult `msgpack:",omitempty"` // from Committing on

	Submitted time.Time
	Queued    time.Time     `msgpack:",omitempty"` // since when it waits, while Queued
	NotBefore time.Time     `msgpack:",omitempty"` // when the next attempt may begin, while Queued after one that failed
	Waited    time.Duration `msgpack:",omitempty"` // in the queue, all periods that have ended
	Placed    time.Time     `msgpack:",omitempty"` // when the current or last attempt was placed
	Done      time.Time     `msgpack:",omitempty"` // when the tasks had finished, from Committing on
	Finished  time.Time     `msgpack:",omitempty"` // when the state became final

	Clean bool   `msgpack:",omitempty"` // nothing of it but the output is left on storage
	seq   uint64 // its key in State.finished, once it is clean
}

// Stopping is a stop that waits for a job's tasks. Whatever ends the attempt, the job
// is Stopped then: who was told that it is being stopped never sees it go on.
type Stopping struct {
	Deadline time.Time // the tasks are killed then
}

// AttemptResult is what the successful attempt left, or, without parts, what the
// last one of a job that did not succeed had come to.
type AttemptResult struct {
	Supersteps int         `msgpack:",omitempty"`
	Parts      []wire.Part `msgpack:",omitempty"` // until the output is committed
	Counters   []Counter   `msgpack:",omitempty"` // by name: a map would be encoded in random order
	Seconds    job.Seconds
	DataPlane  string
	Slowest    []job.Slow `msgpack:",omitempty"` // one a phase at most
}

// Counter is one counter of a finished attempt, over all tasks.
type Counter struct {
	Name  string
	Value int64
}

// Counters returns a map's counters by name.
func Counters(m map[string]int64) []Counter {
	list := make([]Counter, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, Counter{name, m[name]})
	}
	return list
}

// Blame counts the attempts that one life of a groom ended.
type Blame struct {
	Groom       string
	Incarnation uint64
	Count       int
}

// Excludes reports whether the job must avoid this life of a groom: it ended
// two attempts. Other jobs go on using it.
func (j *Job) Excludes(groom string, incarnation uint64) bool {
	return slices.ContainsFunc(j.Blamed, func(b Blame) bool {
		return b.Groom == groom && b.Incarnation == incarnation && b.Count >= BlameLimit
	})
}

// ExitCode returns what bsp exits with for the job; 0 while it is not final.
func (j *Job) ExitCode() int {
	switch j.State {
	case job.Failed:
		if j.Failure != nil && j.Failure.Code > 0 && j.Failure.Code <= job.ExitInternal {
			return j.Failure.Code
		}
		return job.ExitFailed
	case job.Stopped:
		return job.ExitStopped
	case job.TimedOut:
		return job.ExitTimedOut
	case job.Queued, job.Running, job.Committing, job.Succeeded:
		return job.ExitOK
	}
	return job.ExitInternal
}

// MaxAttempts returns how many program faults end the job.
func (j *Job) MaxAttempts() int {
	if j.Spec.MaxAttempts > 0 {
		return j.Spec.MaxAttempts
	}
	return job.DefaultMaxAttempts
}

// Groom is a node as registered.
type Groom struct {
	Facts    Facts
	Draining bool      `msgpack:",omitempty"`
	Drained  uint64    `msgpack:",omitempty"` // index of the command since which it drains
	Lost     bool      `msgpack:",omitempty"`
	Since    time.Time // registered, or lost
	Used     Claim     `msgpack:"-"` // the claims of running jobs
	Changed  uint64    // index of the last command after which older plans may be wrong
}

// Moves reports whether j is to leave groom: it drains, and a checkpoint was
// committed since, so that nothing but a restart is lost.
func (j *Job) Moves(g *Groom) bool {
	return j.State == job.Running && j.Stopping == nil && g.Draining && j.Saved > g.Drained
}

// Facts are what a groom says of itself.
type Facts struct {
	Name        string
	Incarnation uint64
	Addr        string // host that tasks listen on
	Slots       int
	Cores       float64
	Memory      int64 // bytes
	GPUs        int
	Version     string
}

// Capacity returns all that the groom has.
func (f Facts) Capacity() Claim {
	return Claim{Slots: f.Slots, MilliCores: int64(f.Cores * 1000), Memory: f.Memory, GPUs: f.GPUs}
}

// Token is an API token; its secret is known by its hash only.
type Token struct {
	ID        string
	Name      string
	Role      job.Role
	Namespace string // "*": all
	Hash      []byte // SHA-256 of the secret
	Created   time.Time
}

// Job finds a job, finished ones included.
func (s *State) Job(id job.ID) (*Job, bool) {
	dash := strings.LastIndexByte(string(id), '-')
	number, err := strconv.ParseUint(string(id[dash+1:]), 10, 64)
	if err != nil {
		return nil, false
	}
	j, ok := s.jobs.get(number)
	if !ok {
		j, ok = s.history.get(number)
	}
	if !ok || j.ID != id {
		return nil, false
	}
	return j, true
}

// Active walks the jobs that need work, in submission order: those that are not
// final, and final ones whose leftovers on storage are not yet removed.
func (s *State) Active() iter.Seq[*Job] { return values(s.jobs.all()) }

// Jobs returns all jobs in submission order.
func (s *State) Jobs() []*Job {
	all := slices.Concat(slices.Collect(values(s.history.all())), slices.Collect(s.Active()))
	slices.SortFunc(all, func(a, b *Job) int { return int(int64(a.Number) - int64(b.Number)) })
	return all
}

// Groom finds a groom by name, lost ones included.
func (s *State) Groom(name string) (*Groom, bool) { return s.grooms.get(name) }

// Grooms walks the grooms by name, lost ones included.
func (s *State) Grooms() iter.Seq[*Groom] { return values(s.grooms.all()) }

// Token finds a token by its id.
func (s *State) Token(id string) (*Token, bool) { return s.tokens.get(id) }

// TokenByHash finds a token by the SHA-256 of its secret.
func (s *State) TokenByHash(hash []byte) (*Token, bool) {
	id, ok := s.hashes.get(string(hash))
	if !ok {
		return nil, false
	}
	return s.tokens.get(id)
}

// Tokens walks the tokens by id.
func (s *State) Tokens() iter.Seq[*Token] { return values(s.tokens.all()) }

func values[K comparable, V any](seq iter.Seq2[K, V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		seq(func(_ K, v V) bool { return yield(v) })
	}
}

// clone returns a copy whose slices and maps may be changed.
func (j *Job) clone() *Job {
	c := *j
	c.Checkpoints = slices.Clone(j.Checkpoints)
	c.Blamed = slices.Clone(j.Blamed)
	if j.Result != nil {
		r := *j.Result
		c.Result = &r
	}
	return &c
}

// Request returns what a request id did, if it is remembered.
func (s *State) Request(id string) (Result, bool) {
	r, ok := s.requests.get(id)
	return r.Result, ok && s.Now.Sub(r.At) < RequestAge
}
