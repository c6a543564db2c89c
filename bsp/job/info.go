package job

import "time"

// Info is what people and scripts are told of a job: the one object that
// "-o json" prints for submit and inspect, and that GET /v1/jobs/{id} answers.
type Info struct {
	ID         ID               `json:"id"`
	Name       string           `json:"name"`
	Namespace  string           `json:"namespace"`
	Program    string           `json:"program"`
	State      State            `json:"state"`
	ExitCode   int              `json:"exit_code"` // 0 while it runs
	Peers      int              `json:"peers"`
	Tasks      int              `json:"tasks"`
	Attempts   int              `json:"attempts"`       // epochs begun
	Supersteps int              `json:"supersteps"`     // completed barriers, live while it runs
	Note       string           `json:"note,omitempty"` // what the program says of itself (Peer.Note), while it runs: one line of at most MaxNote bytes
	Output     string           `json:"output"`
	DataPlane  string           `json:"data_plane"` // in-process, unix, tcp or tcp+tls
	Seconds    Seconds          `json:"seconds"`
	Counters   map[string]int64 `json:"counters"`
	Result     string           `json:"result,omitempty"` // without an output: what the peers wrote, ≤ 1 MiB
	Error      *Failure         `json:"error,omitempty"`
	Priority   int              `json:"priority"`
	Checkpoint int              `json:"checkpoint"` // superstep of the last committed one, -1: none
	Submitter  string           `json:"submitter,omitempty"`
	Submitted  time.Time        `json:"submitted,omitzero"`
	Finished   time.Time        `json:"finished,omitzero"`
	Stopping   time.Time        `json:"stopping,omitzero"` // while it is stopped and runs: when its tasks are killed that have not ended by then
	Placement  []Placed         `json:"placement,omitempty"`
	Slowest    []Slow           `json:"slowest,omitempty"` // of each phase that any peer has spent time in
}

// The phases whose slowest peer is told.
const (
	PhaseLoad    = "load"
	PhaseCompute = "compute"
	PhaseWrite   = "write"
)

// Slow is the peer that has taken longest in a phase of the current or last attempt,
// beside all peers. Computing does not count waiting for others, in barriers and
// collectives, so that uneven work shows: all peers wait for the slowest one.
type Slow struct {
	Phase   string  `json:"phase"`
	Peer    int     `json:"peer"`
	Task    int     `json:"task"`
	Groom   string  `json:"groom"`
	Seconds float64 `json:"seconds"`
	Median  float64 `json:"median"` // seconds, of all peers; estimated where a task has more than 32
}

// Seconds are a job's phases. Load is from task start to graph or data built;
// compute from the first superstep's start until peers write their output after the last
// barrier, exchange and checkpoints in it; write to _SUCCESS. Each ends when the last task has ended it.
type Seconds struct {
	Queued  float64 `json:"queued"`
	Start   float64 `json:"start"`
	Load    float64 `json:"load"`
	Compute float64 `json:"compute"`
	Write   float64 `json:"write"`
	Total   float64 `json:"total"`
}

// Join returns the phases of two tasks together, a phase of which ends when both have
// ended it: load, compute and write are never more than the longer task's in sum.
func (s Seconds) Join(o Seconds) Seconds {
	load := max(s.Load, o.Load)
	computed := max(s.Load+s.Compute, o.Load+o.Compute)
	written := max(s.Load+s.Compute+s.Write, o.Load+o.Compute+o.Write)
	s.Load, s.Compute, s.Write = load, computed-load, written-computed
	return s
}

// Placed says where one task of the current epoch is.
type Placed struct {
	Task      int    `json:"task"`
	Peers     Range  `json:"peers"`
	Groom     string `json:"groom"`
	State     string `json:"state,omitempty"` // the task's phase as last reported
	Superstep int    `json:"superstep"`
	PID       int    `json:"pid,omitempty"`
}

// The names of built-in counters. A program's own are counted beside them.
const (
	CounterMessages     = "messages"      // sent, before combining
	CounterMessageBytes = "message_bytes" // encoded, after combining
	CounterWireBytes    = "wire_bytes"    // written to sockets, frames' headers included
	CounterSpilledBytes = "spilled_bytes" // written to disk beyond the memory budget; not there if 0
	CounterCheckpoints  = "checkpoints"   // written whole by this attempt

	CounterCheckpointBytes = "checkpoint_bytes"    // of those; not there if 0
	CounterCheckpointPause = "checkpoint_pause_us" // microseconds that peers spent at barriers to copy what is written, all peers added up; not there if 0
)

// Node is what people are told of a groom or a master.
type Node struct {
	ID          string    `json:"id"`
	Role        string    `json:"role"`  // master or groom
	State       string    `json:"state"` // leader, follower, ready, draining, lost
	Addr        string    `json:"addr"`
	Slots       int       `json:"slots"`
	Free        int       `json:"free"`
	Cores       float64   `json:"cores"`
	Memory      int64     `json:"memory"` // bytes
	GPUs        int       `json:"gpus"`
	Incarnation uint64    `json:"incarnation,omitempty"`
	Version     string    `json:"version"`
	LastSeen    time.Time `json:"last_seen,omitzero"`
}

// Why explains why a job is where it is: every constraint of its placement.
type Why struct {
	ID      ID       `json:"id"`
	State   State    `json:"state"`
	Summary string   `json:"summary"` // one line
	Reasons []Reason `json:"reasons"`
}

// Reason is one constraint that is not met.
type Reason struct {
	Constraint string `json:"constraint"`        // slots, memory, cores, gpus, drain, input, order, excluded, reserved, pause, queue
	Groom      string `json:"groom,omitempty"`   // empty: the whole cluster
	Needed     string `json:"needed"`            //
	Free       string `json:"free"`              //
	Holders    []ID   `json:"holders,omitempty"` // jobs that hold it
}

// Role is what a token may do; each includes the ones before it.
type Role string

// The roles.
const (
	Viewer    Role = "viewer"    // read
	Submitter Role = "submitter" // submit and stop jobs of its namespace
	Operator  Role = "operator"  // stop any job, drain nodes
	Admin     Role = "admin"     // tokens
)

// Allows reports whether a token of role r may do what needs role need.
func (r Role) Allows(need Role) bool {
	rank := map[Role]int{Viewer: 1, Submitter: 2, Operator: 3, Admin: 4}
	return rank[r] > 0 && rank[need] > 0 && rank[r] >= rank[need]
}

// Token is what people are told of a token; its secret is shown once, at creation.
type Token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Namespace string    `json:"namespace"` // "*": all
	Created   time.Time `json:"created,omitzero"`
	Secret    string    `json:"secret,omitempty"`
}
