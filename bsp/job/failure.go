package job

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// FailureKind says whose fault ended an attempt; it decides what happens next.
type FailureKind uint8

// The kinds of failure.
const (
	FaultProgram    FailureKind = iota + 1 // error, panic, exit, out of memory: counted by MaxAttempts
	FaultInput                             // malformed input or a wrong option: no further attempt
	FaultGroom                             // the groom is lost: counted by MaxGroomLosses
	FaultLink                              // a task lost another while both processes live: as FaultGroom
	FaultCheckpoint                        // the checkpoint cannot be read: the one before is used
	FaultOutput                            // the output exists or cannot be written: no further attempt
	FaultInternal                          // a broken invariant of ours: as FaultProgram
	FaultDrain                             // no fault: a groom of the job drains, and the job goes on elsewhere from its checkpoint; only masters say it
)

var kindNames = [...]string{FaultProgram: "program", FaultInput: "input", FaultGroom: "groom", FaultLink: "link", FaultCheckpoint: "checkpoint", FaultOutput: "output", FaultInternal: "internal", FaultDrain: "drain"}

// String returns the kind's name.
func (k FailureKind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// MarshalText writes the kind's name; nothing for no kind.
func (k FailureKind) MarshalText() ([]byte, error) {
	if k == 0 {
		return []byte{}, nil
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (k *FailureKind) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*k = 0
		return nil
	}
	for i, name := range kindNames {
		if name != "" && name == string(b) {
			*k = FailureKind(i)
			return nil
		}
	}
	return fmt.Errorf("unknown failure kind %q", b)
}

// Failure is why an attempt or a job ended: one clear line and an exit code.
// It is an error; errors.As finds it through wrapping.
type Failure struct {
	Kind    FailureKind `json:"kind"`
	Code    int         `json:"code"`             // exit code of the job if this ends it
	Message string      `json:"message"`          // one line, says what to do where we know, ≤ MaxMessage once reported
	Task    int         `json:"task"`             // -1: none
	Peer    int         `json:"peer"`             // -1: none
	Groom   string      `json:"groom,omitempty"`  //
	Detail  string      `json:"detail,omitempty"` // a stack or the last lines of stderr, ≤ MaxDetail once reported
}

// Bytes of a Failure's texts that travel.
const (
	MaxMessage = 2 << 10
	MaxDetail  = 4 << 10
)

// Error returns the message with the place it came from, unless it begins with that:
// "task 1 was killed".
func (f *Failure) Error() string {
	switch {
	case f.placed():
		return f.Message
	case f.Peer >= 0:
		return fmt.Sprintf("peer %d: %s", f.Peer, f.Message)
	case f.Task >= 0:
		return fmt.Sprintf("task %d: %s", f.Task, f.Message)
	}
	return f.Message
}

// placed reports whether the message begins with where it came from.
func (f *Failure) placed() bool {
	if f.Peer < 0 {
		return strings.HasPrefix(f.Message, "task ")
	}
	rest, ok := strings.CutPrefix(f.Message, fmt.Sprintf("peer %d", f.Peer))
	return ok && strings.IndexAny(rest, " ,") == 0
}

// Fail returns a Failure of no particular task with the kind's usual exit code.
func Fail(kind FailureKind, format string, args ...any) *Failure {
	code := ExitFailed
	if kind == FaultInternal {
		code = ExitInternal
	}
	return &Failure{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...), Task: -1, Peer: -1}
}

// Usage returns the Failure of a wrong option: no further attempt, and its exit code is that of wrong use.
func Usage(format string, args ...any) *Failure {
	return Fail(FaultInput, format, args...).WithCode(ExitUsage)
}

// WithCode gives f another exit code, and returns it.
func (f *Failure) WithCode(code int) *Failure {
	f.Code = code
	return f
}

// AsFailure returns a copy of the Failure in err, with what was said around it, or
// makes one of the given kind.
func AsFailure(err error, kind FailureKind) *Failure {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return Fail(kind, "%v", err)
	}
	out := *f
	if whole := err.Error(); whole != f.Error() {
		out.Message = strings.Replace(whole, f.Error(), f.Message, 1) // Error says again where it was
	}
	return &out
}

// Clipped returns a copy of f with its texts cut to MaxMessage and MaxDetail.
func (f *Failure) Clipped() *Failure {
	out := *f
	out.Message, out.Detail = clip(f.Message, MaxMessage), clip(f.Detail, MaxDetail)
	return &out
}

// clip returns at most n bytes of s as valid UTF-8, whole characters only.
func clip(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "?")
}
