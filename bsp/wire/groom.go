package wire

import "scalar/bsp/job"

// The methods of the RPC link between a groom and a master.
const (
	MethodReport  uint16 = iota + 1 // groom → master: Report, answered by ReportReply
	MethodOrders                    // master → groom: Orders, answered by an empty body
	MethodProbe                     // master → groom: Probe, answered by ProbeReply
	MethodLog                       // master → groom: LogRequest, answered by LogReply
	MethodArchive                   // master → groom: Archive, answered by ArchiveReply
	MethodSweep                     // master → groom: Sweep, answered by SweepReply
)

// TaskKey names one task of one attempt.
type TaskKey struct {
	Job   job.ID
	Epoch job.Epoch
	Task  int
}

// Report is all that a groom runs and has. It is sent on connecting, on every
// change (coalesced), and at least every heartbeat.
type Report struct {
	Cluster     string // UUID, empty until learnt
	Groom       string
	Incarnation uint64 // one life of the groom process, growing
	Seq         uint64 // grows with every report of this incarnation
	OrdersSeq   uint64 // of the last Orders applied under OrdersTerm
	OrdersTerm  uint64
	Addr        string // host that tasks listen on
	Slots       int
	Cores       float64
	Memory      int64 // bytes
	GPUs        int
	Version     string
	Tasks       []TaskStatus
	Storage     []StorageStatus
	Leaving     bool // the groom shuts down in order
}

// ReportReply renews the groom's lease.
type ReportReply struct {
	Cluster string
	Leader  string // cluster address of the leader when this master is not it: connect there
	Term    uint64
}

// Phase is where a task process stands.
type Phase uint8

// The phases of a task, in order.
const (
	Starting  Phase = iota + 1 // being fetched and exec'd
	Listening                  // its data address is known, it waits for the others'
	Working                    // computing
	Done                       // its program returned nil, its parts are on storage
	Dead                       // ended with Failure
	Stopped                    // ended in order at a barrier, because it was asked to; it leaves no parts
)

// String returns the phase's name.
func (p Phase) String() string {
	names := [...]string{"", "starting", "listening", "working", "done", "dead", "stopped"}
	if int(p) < len(names) {
		return names[p]
	}
	return "unknown"
}

// TaskStatus is a task as its groom sees it.
type TaskStatus struct {
	Key         TaskKey
	Phase       Phase
	PID         int
	Addr        string // data address, from Listening on
	Superstep   int
	Counters    map[string]int64
	Seconds     job.Seconds // load, compute, write of this task
	Times       *Times      `msgpack:",omitempty"`
	Note        string      `msgpack:",omitempty"` // as Progress had it last
	Checkpoints []CheckpointPart
	Parts       []Part       // from Done on
	Failure     *job.Failure // in phase Dead, and in Working when a link is lost
}

// CheckpointPart is one task's share of a checkpoint, on storage and synced.
type CheckpointPart struct {
	Superstep int
	Task      int
	Files     []Part
}

// MaxFiles is how many files of output a peer may write.
const MaxFiles = 16

// Part is one file that a peer has written.
type Part struct {
	Peer int
	Path string // URL
	Size int64
	CRC  uint32 // CRC-32C of the whole file
}

// Checkpoint is a committed checkpoint: the files of all peers, in peer order.
type Checkpoint struct {
	Superstep int
	Epoch     job.Epoch
	Files     []Part
}

// Orders is all that a groom should run. What it runs and is not listed is
// killed; what is listed and not known is started; a key that has ended is
// never started again. Of a task that the groom has reported, Start holds only
// its key. Orders of an older term, or of the same term with a smaller Seq, are
// refused.
type Orders struct {
	Term    uint64
	Seq     uint64
	Cluster string
	Tasks   []TaskOrder
	Storage []StorageOrder
}

// TaskOrder is one task to run.
type TaskOrder struct {
	Start   TaskStart
	Program job.Program
	Files   []job.File
	Env     map[string]string
	Limits  Limits
	Addrs   []string // data addresses by task; nil until all are known
	Stop    bool     `msgpack:",omitempty"` // it shall end at its next barrier; it is killed as ever when no order lists it
}

// Limits of one task (of all its peers together).
type Limits struct {
	Memory int64   // bytes; 0: none
	Cores  float64 // 0: none
	Procs  int     // processes and threads; 0: the groom's default
	LogMax int64   // bytes of stdout and stderr kept; 0: 64 MiB
}

// StorageOrder is work on storage that any groom can do, idempotent.
type StorageOrder struct {
	Job    job.ID
	Epoch  job.Epoch
	Commit *OutputCommit // make the output visible
	Remove []string      // URLs of folders to remove; each names the job
}

// OutputCommit makes Tmp visible as Output.
type OutputCommit struct {
	Tmp    string // folder URL that the tasks wrote
	Output string // folder URL; must not exist, unless it is this commit's own work
	Parts  []Part
}

// StorageStatus answers a StorageOrder; it is repeated until the order is gone.
type StorageStatus struct {
	Job     job.ID
	Epoch   job.Epoch
	Commit  bool // the order it answers was to make an output visible
	Done    bool
	Failure *job.Failure
}

// Probe asks a groom what it sees of a job's paths.
type Probe struct {
	Inputs []string
	Output string
}

// ProbeReply answers Probe.
type ProbeReply struct {
	Missing      []string // inputs that are not there
	OutputExists bool
}

// LogRequest asks for a part of a task's log.
type LogRequest struct {
	Key    TaskKey
	Offset int64 // bytes from the start; what rotation dropped is skipped
	Max    int   // bytes; at most 256 KiB
}

// LogReply answers LogRequest.
type LogReply struct {
	Data   []byte
	Offset int64 // of Data's first byte
	Size   int64 // bytes that the task has written by now, kept or not; 0: not told
	EOF    bool  // the task has ended and nothing follows
	Gone   bool  // this groom knows no such task
}
