package wire

import "scalar/bsp/job"

// ToTask is a message from the groom to its task. One field is set.
type ToTask struct {
	Start   *TaskStart `msgpack:",omitempty"` // first, once
	Connect *Connect   `msgpack:",omitempty"` // after Address, once
	Stop    bool       `msgpack:",omitempty"` // end now; the socket closes soon after
	Barrier bool       `msgpack:",omitempty"` // after Connect, once: end at the next barrier, with all others
}

// FromTask is a message from a task to its groom. One field is set.
type FromTask struct {
	Address    *Address        `msgpack:",omitempty"`
	Progress   *Progress       `msgpack:",omitempty"`
	Checkpoint *CheckpointPart `msgpack:",omitempty"` // written and synced
	LinkLost   *job.Failure    `msgpack:",omitempty"` // the task stays and waits for its end
	Done       *TaskDone       `msgpack:",omitempty"` // last
	Failed     *job.Failure    `msgpack:",omitempty"` // last, but for Trace
	Trace      *job.Trace      `msgpack:",omitempty"` // if TaskStart has it, once: before Done, or after Failed
}

// TaskStart is all that a task needs to know.
type TaskStart struct {
	Key             TaskKey
	Name            string      // of the job
	Builtin         string      // which built-in to run; empty in a user's binary
	Args            []string    //
	Ranges          []job.Range // peers of every task
	Hosts           []string    // host of every task's groom
	Input           string      // URL, empty: none
	OutputTmp       string      // folder URL for part-NNNNN, made by whoever comes first
	CheckpointDir   string      // folder URL of this job's checkpoints; empty: checkpoints off
	CheckpointEvery int         // supersteps; 0: the first barrier after 30 s
	Restore         *Checkpoint // nil: start at superstep 0
	DataPlane       DataPlane
	Compression     Compression // of what it sends to other tasks
	Trace           bool        `msgpack:",omitempty"` // a report is wanted
	Listen          string      // host to listen on for tcp, folder for unix sockets
	Credentials     *Credentials
}

// DataPlane is how tasks reach each other.
type DataPlane string

// The data planes.
const (
	PlaneTLS  DataPlane = "tcp+tls"
	PlaneTCP  DataPlane = "tcp"
	PlaneUnix DataPlane = "unix"
)

// Compression is how what travels between tasks is packed.
type Compression string

// The ways to pack; an unset one is off.
const (
	CompressOff  Compression = "off"
	CompressS2   Compression = "s2"
	CompressZstd Compression = "zstd"
	CompressAuto Compression = "auto" // what is measured fastest, link by link
)

// Known reports whether c can be set.
func (c Compression) Known() bool {
	return c == "" || c == CompressOff || c == CompressS2 || c == CompressZstd || c == CompressAuto
}

// Credentials are a task's own for one attempt. The CA signed only the tasks of
// this attempt and its key is gone.
type Credentials struct {
	CA   []byte // PEM
	Cert []byte // PEM
	Key  []byte // PEM; travels over TLS and fd 3 only
}

// Address says where the task can be reached by the others.
type Address struct{ Addr string }

// Connect holds the data addresses by task.
type Connect struct{ Addrs []string }

// Progress is sent at most every 100 ms.
type Progress struct {
	Superstep int
	Counters  map[string]int64 `msgpack:",omitempty"`
	Seconds   job.Seconds
	Times     *Times `msgpack:",omitempty"`
	Note      string `msgpack:",omitempty"` // of the lowest-numbered peer that has one; see job.ValidNote
}

// TaskDone is the task's last word after success; its parts are synced.
type TaskDone struct {
	Stopped    bool `msgpack:",omitempty"` // it ended at a barrier because it was asked to, and has no parts
	Supersteps int
	Parts      []Part
	Counters   map[string]int64
	Seconds    job.Seconds
	Times      *Times `msgpack:",omitempty"`
}
