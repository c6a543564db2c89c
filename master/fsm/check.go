package fsm

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
)

// The bounds of the state.
const (
	MaxJobs        = 100_000        // that are not final or not cleaned
	MaxGrooms      = 10_000         //
	MaxTokens      = 10_000         //
	MaxSlowest     = 3              // phases whose slowest peer is kept of a job
	MaxCounters    = 4096           // of one job
	MaxCounterName = 256            // bytes
	MaxFilesSize   = 14 << 20       // FilesSize of a checkpoint or of a result's parts
	MaxRequests    = 100_000        // request ids remembered at once
	RequestAge     = 24 * time.Hour // of stamped time that a request id is remembered
	MaxHistory     = 50_000         // finished jobs; more than that wait for their archive objects only while the store is gone
	MaxArchived    = 1024           // jobs of one Archived
	MaxGrace       = 24 * time.Hour // that a stopped job's tasks have to end by themselves
	BlameLimit     = 2              // attempts that one life of a groom may end before the job avoids it
	MaxAttempts    = 1000           // of job.Spec: each leaves a folder that is to be removed
	maxName        = 256            // bytes of a name, id or address
	maxURL         = 4096           // bytes
	maxCA          = 64 << 10       // bytes of an attempt's CA certificate
	maxKeptSpec    = 4 << 10        // bytes of arguments kept of a finished job
)

// CheckSpec says what is wrong with a job as a person asked for it. The line is
// for that person.
func CheckSpec(s job.Spec) error {
	switch {
	case (s.Program.Builtin == "") == (s.Program.Digest == ""):
		return invalid("a job runs either a built-in or a binary: set exactly one of program.builtin and program.digest")
	case s.Program.Digest != "" && !isDigest(s.Program.Digest):
		return invalid("program digest %q is no lower-case hex SHA-256", clip(s.Program.Digest))
	case s.Peers < 0 || s.Peers > job.MaxPeers:
		return invalid("--peers %d: choose 1 to %d", s.Peers, job.MaxPeers)
	case s.Tasks < 0 || s.Tasks > job.MaxTasks:
		return invalid("--tasks %d: choose 1 to %d", s.Tasks, job.MaxTasks)
	case s.Peers > 0 && s.Tasks > s.Peers:
		return invalid("--tasks %d is more than --peers %d: a task hosts one peer at least", s.Tasks, s.Peers)
	case !(s.Cores >= 0 && s.Cores <= 1<<16): // NaN too
		return invalid("--cores %v: choose 0 to %d", s.Cores, 1<<16)
	case s.Memory < 0:
		return invalid("--memory %d is negative", s.Memory)
	case s.GPUs < 0 || s.GPUs > 1024:
		return invalid("--gpus %d: choose 0 to 1024", s.GPUs)
	case s.Priority < -100 || s.Priority > 100:
		return invalid("--priority %d: choose -100 to 100", s.Priority)
	case s.CheckpointEvery < 0 || s.Timeout < 0:
		return invalid("--checkpoint-every and --timeout cannot be negative")
	case s.MaxAttempts < 0 || s.MaxAttempts > MaxAttempts:
		return invalid("--max-attempts %d: choose 1 to %d", s.MaxAttempts, MaxAttempts)
	case len(s.Name) > maxName || len(s.Namespace) > maxName || len(s.Program.Name) > maxName:
		return invalid("a name is longer than %d bytes", maxName)
	case len(s.Input) > maxURL || len(s.Output) > maxURL:
		return invalid("a URL is longer than %d bytes", maxURL)
	}
	return checkSpecParts(s)
}

func checkSpecParts(s job.Spec) error {
	for _, f := range s.Files {
		if f.Name == "" || f.Name == "." || f.Name == ".." || len(f.Name) > maxName || strings.ContainsAny(f.Name, "/\x00") {
			return invalid("--file name %q: use a plain name without separators", clip(f.Name))
		}
		if !isDigest(f.Digest) {
			return invalid("--file %s: digest %q is no lower-case hex SHA-256", f.Name, clip(f.Digest))
		}
	}
	for k, v := range s.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
			return invalid("--env %q is no valid variable", clip(k))
		}
	}
	b, err := pack.Marshal(s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(b) > job.MaxSpecBytes {
		return invalid("the job's description has %d bytes, at most %d: ship data with --file", len(b), job.MaxSpecBytes)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// FilesSize estimates how many bytes a list of files takes in a command and in
// orders to a groom. Neither may grow over a limit by what a program reports.
func FilesSize(files []wire.Part) int {
	size := 0
	for _, f := range files {
		size += 48 + len(f.Path)
	}
	return size
}

// clip shortens what is repeated to people of their own wrong input.
func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}

// slug makes a name safe in paths and URLs: a-z, 0-9 and dashes, 40 bytes at most.
func slug(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		switch {
		case r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9'):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		default:
			dash = true
		}
		if b.Len() >= 40 {
			break
		}
	}
	if b.Len() == 0 {
		return "job"
	}
	return b.String()
}
