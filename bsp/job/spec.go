package job

import (
	"time"
)

// ID names a job for its whole life: the slug of its name, a dash and a number,
// for example "pagerank-17". It is safe in paths and URLs.
type ID string

// Epoch numbers the attempts of a job's whole gang, from 1.
type Epoch uint32

// Spec is what a person asks for. Every field travels as JSON in the API and
// as msgpack in the Raft log, there without what is zero: a queue of 100,000 jobs is
// in every snapshot.
type Spec struct {
	Name            string            `json:"name,omitempty" msgpack:",omitempty"`             // default: the program's name
	Namespace       string            `json:"namespace,omitempty" msgpack:",omitempty"`        // default "default"
	Program         Program           `json:"program" msgpack:",omitempty"`                    //
	Args            []string          `json:"args,omitempty" msgpack:",omitempty"`             // what came after "--"
	Peers           int               `json:"peers,omitempty" msgpack:",omitempty"`            // 0: min(free slots, 8)
	Tasks           int               `json:"tasks,omitempty" msgpack:",omitempty"`            // processes; 0: the fewest that fit
	Cores           float64           `json:"cores,omitempty" msgpack:",omitempty"`            // per peer; 0: the groom's cores / slots
	Memory          int64             `json:"memory,omitempty" msgpack:",omitempty"`           // bytes per peer; 0: the groom's memory / slots
	GPUs            int               `json:"gpus,omitempty" msgpack:",omitempty"`             // per peer
	Input           string            `json:"input,omitempty" msgpack:",omitempty"`            // URL of a file or folder; empty: none
	Output          string            `json:"output,omitempty" msgpack:",omitempty"`           // URL of the folder to make; empty: the result is kept in the store
	Priority        int               `json:"priority,omitempty" msgpack:",omitempty"`         // higher first, -100 to 100
	CheckpointEvery int               `json:"checkpoint_every,omitempty" msgpack:",omitempty"` // supersteps; 0: the first barrier after 30 s
	MaxAttempts     int               `json:"max_attempts,omitempty" msgpack:",omitempty"`     // program faults until the job fails; 0: 4
	Timeout         time.Duration     `json:"timeout,omitempty" msgpack:",omitempty"`          // from submission to the end, in ns; 0: none
	Files           []File            `json:"files,omitempty" msgpack:",omitempty"`            // put into the tasks' working folder
	Env             map[string]string `json:"env,omitempty" msgpack:",omitempty"`              //
	Report          bool              `json:"report,omitempty" msgpack:",omitempty"`           // the tasks record their supersteps: see Trace
}

// Program says what a task executes: a built-in of the bsp binary, or a static
// binary in the store by its SHA-256. Exactly one of Builtin and Digest is set.
type Program struct {
	Name    string `json:"name" msgpack:",omitempty"`              // shown to people
	Builtin string `json:"builtin,omitempty" msgpack:",omitempty"` //
	Digest  string `json:"digest,omitempty" msgpack:",omitempty"`  // lower-case hex SHA-256
	Size    int64  `json:"size,omitempty" msgpack:",omitempty"`    // bytes, of a binary
}

// File is a file shipped by digest into the working folder of every task.
type File struct {
	Name   string `json:"name" msgpack:",omitempty"` // a plain name without separators
	Digest string `json:"digest" msgpack:",omitempty"`
	Size   int64  `json:"size" msgpack:",omitempty"`
}

// Defaults and limits of a Spec.
const (
	DefaultNamespace   = "default"
	DefaultMaxAttempts = 4
	DefaultStopGrace   = 10 * time.Second // that the tasks of a stopped job have to end by themselves
	MaxGroomLosses     = 20               // attempts ended by lost grooms until the job fails
	MaxPeers           = 1 << 16          //
	MaxTasks           = 4096             //
	MaxSpecBytes       = 1 << 20          // encoded
)

// Range is the peers [Lo,Hi) that one task hosts.
type Range struct {
	Lo int `json:"lo" msgpack:",omitempty"`
	Hi int `json:"hi" msgpack:",omitempty"`
}

// N returns the number of peers in r.
func (r Range) N() int { return r.Hi - r.Lo }
