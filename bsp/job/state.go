package job

import "fmt"

// State is where a job stands. The order of the constants is the order of a
// job's life; states from Succeeded on are final.
type State uint8

// The states of a job. A job whose attempt ended and that waits for its next
// one is Queued again, with Epoch > 0.
const (
	Queued     State = iota + 1 // waits for its gang of slots
	Running                     // placed: tasks start, compute, recover
	Committing                  // all tasks are done, the output is being made visible
	Succeeded
	Failed
	Stopped
	TimedOut
)

var stateNames = [...]string{Queued: "queued", Running: "running", Committing: "committing", Succeeded: "succeeded", Failed: "failed", Stopped: "stopped", TimedOut: "timed_out"}

// String returns the name used in the API.
func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Final reports whether the job has ended.
func (s State) Final() bool { return s >= Succeeded }

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the state's name.
func (s *State) UnmarshalText(b []byte) error {
	for i, name := range stateNames {
		if name != "" && name == string(b) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("unknown job state %q", b)
}

// The exit codes of bsp (README, "Exit codes").
const (
	ExitOK          = 0
	ExitFailed      = 1 // the job failed; malformed input or a full disk, too
	ExitUsage       = 2 // wrong command line, or the output exists
	ExitNotFound    = 3 // program, job or input
	ExitDenied      = 4
	ExitUnreachable = 5
	ExitTimedOut    = 6
	ExitStopped     = 7
	ExitInternal    = 8
)
