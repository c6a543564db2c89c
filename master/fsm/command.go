package fsm

import (
	"fmt"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
)

// Command is one entry of the log. Exactly one of the pointers is set.
type Command struct {
	Now       time.Time // stamped by the leader when it proposes; never zero
	RequestID string    `msgpack:",omitempty"` // of a client's write: its repetition within 24 h does nothing more

	Bootstrap        *Bootstrap        `msgpack:",omitempty"`
	Submit           *Submit           `msgpack:",omitempty"`
	Place            *Place            `msgpack:",omitempty"`
	EndAttempt       *EndAttempt       `msgpack:",omitempty"`
	CommitCheckpoint *CommitCheckpoint `msgpack:",omitempty"`
	Finish           *Finish           `msgpack:",omitempty"`
	Committed        *Committed        `msgpack:",omitempty"`
	Stop             *Stop             `msgpack:",omitempty"`
	TimeOut          *TimeOut          `msgpack:",omitempty"`
	Cleaned          *Cleaned          `msgpack:",omitempty"`
	Archived         *Archived         `msgpack:",omitempty"`
	RegisterGroom    *RegisterGroom    `msgpack:",omitempty"`
	GroomLost        *GroomLost        `msgpack:",omitempty"`
	Drain            *Drain            `msgpack:",omitempty"`
	CreateToken      *CreateToken      `msgpack:",omitempty"`
	RevokeToken      *RevokeToken      `msgpack:",omitempty"`
}

// Bootstrap names the cluster, once. Repeating it with the same UUID does nothing.
type Bootstrap struct {
	Cluster   string // UUID
	AdminHash []byte // SHA-256 of the first admin token
}

// Submit queues a job. The result holds its id.
type Submit struct {
	Spec      job.Spec
	Submitter string
	Results   string // folder URL under which a job without an output gets one of its own: STORE/results
}

// Place begins the attempt Epoch = the job's Epoch + 1.
type Place struct {
	Job   job.ID
	Epoch job.Epoch
	Base  uint64 // State.Index that the plan was computed from
	Tasks []Assignment
	CA    []byte // PEM; empty when the data plane is plain
}

// EndAttempt ends the running attempt because of Failure; the job is queued
// again, or Failed when no further attempt makes sense. It also fails a job whose
// output cannot be committed.
type EndAttempt struct {
	Job     job.ID
	Epoch   job.Epoch
	Failure job.Failure
	Last    *AttemptResult `msgpack:",omitempty"` // what the attempt has come to; kept if the job ends
}

// CommitCheckpoint makes a checkpoint the one that the next attempt starts from.
type CommitCheckpoint struct {
	Job        job.ID
	Epoch      job.Epoch
	Checkpoint wire.Checkpoint
}

// Finish says that all tasks are done: the job is Committing.
type Finish struct {
	Job    job.ID
	Epoch  job.Epoch
	Result AttemptResult
}

// Committed says that the output is visible: the job is Succeeded.
type Committed struct {
	Job   job.ID
	Epoch job.Epoch
}

// Stop stops a job. A queued one ends at once. The tasks of a running one may end by
// themselves, at their next barrier, until Grace has passed by the stamps; a Stop
// without Grace then ends it, as it ends every running job at once.
type Stop struct {
	Job   job.ID
	By    string
	Grace time.Duration  `msgpack:",omitempty"`
	Last  *AttemptResult `msgpack:",omitempty"` // as in EndAttempt; counts if the job ends
}

// TimeOut ends a job whose Spec.Timeout has passed by the command's stamp.
type TimeOut struct {
	Job  job.ID
	Last *AttemptResult `msgpack:",omitempty"` // as in EndAttempt
}

// Cleaned says that nothing but the output is left of a final job on storage.
type Cleaned struct{ Job job.ID }

// Archived says that these finished jobs have their archive objects in the store:
// they are forgotten. Those that are not in the history any more are passed over.
type Archived struct{ Jobs []job.ID }

// RegisterGroom makes a groom known, or its facts current. A newer incarnation
// ends every attempt that has tasks on the older one.
type RegisterGroom struct{ Facts Facts }

// GroomLost ends every attempt that has tasks on this life of the groom.
type GroomLost struct {
	Groom       string
	Incarnation uint64
}

// Drain keeps new tasks away from a groom, or lets them back.
type Drain struct {
	Groom string
	On    bool
}

// CreateToken adds an API token.
type CreateToken struct {
	ID        string
	Name      string
	Role      job.Role
	Namespace string
	Hash      []byte // SHA-256 of the secret
}

// RevokeToken removes an API token.
type RevokeToken struct{ ID string }

// MaxCommand is the limit on an encoded command, in bytes: the parts of 65,536
// peers with their paths fit.
const MaxCommand = 16 << 20

// Encode returns the command as a log entry.
func (c Command) Encode() ([]byte, error) {
	b, err := pack.Marshal(c)
	if err != nil {
		return nil, err
	}
	if len(b) > MaxCommand {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, len(b), MaxCommand)
	}
	return b, nil
}

// Decode reads a log entry. Errors wrap [ErrInvalid].
func Decode(b []byte) (Command, error) {
	if len(b) > MaxCommand {
		return Command{}, fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, len(b), MaxCommand)
	}
	var c Command
	if err := pack.Unmarshal(b, &c); err != nil {
		return Command{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c, nil
}

// kind names the one command that is set; it is empty when none or several are.
func (c Command) kind() string {
	set := ""
	for _, f := range [...]struct {
		name string
		on   bool
	}{
		{"bootstrap", c.Bootstrap != nil},
		{"submit", c.Submit != nil},
		{"place", c.Place != nil},
		{"end attempt", c.EndAttempt != nil},
		{"commit checkpoint", c.CommitCheckpoint != nil},
		{"finish", c.Finish != nil},
		{"committed", c.Committed != nil},
		{"stop", c.Stop != nil},
		{"time out", c.TimeOut != nil},
		{"cleaned", c.Cleaned != nil},
		{"archived", c.Archived != nil},
		{"register groom", c.RegisterGroom != nil},
		{"groom lost", c.GroomLost != nil},
		{"drain", c.Drain != nil && c.Drain.On},
		{"undrain", c.Drain != nil && !c.Drain.On},
		{"create token", c.CreateToken != nil},
		{"revoke token", c.RevokeToken != nil},
	} {
		switch {
		case f.on && set != "":
			return ""
		case f.on:
			set = f.name
		}
	}
	return set
}
