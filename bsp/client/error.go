package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"scalar/bsp/job"
)

// ErrUnreachable is wrapped by the error of a call that no master answered.
var ErrUnreachable = errors.New("no master answers")

// Error is what a master answered instead of a result.
type Error struct {
	Status    int    // of HTTP
	Code      int    // exit code for bsp, see bsp/job
	Message   string // one line for people
	RequestID string // finds the call in the master's log
}

// Error returns the master's line.
func (e *Error) Error() string { return e.Message }

// ExitCode returns the exit code that err stands for: an *Error's own,
// job.ExitUnreachable for ErrUnreachable, a *job.Failure's, else
// job.ExitInternal; nil is job.ExitOK.
func ExitCode(err error) int {
	if err == nil {
		return job.ExitOK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if f, ok := errors.AsType[*job.Failure](err); ok {
		return f.Code
	}
	if errors.Is(err, ErrUnreachable) {
		return job.ExitUnreachable
	}
	return job.ExitInternal
}

// maxErrorBytes is how much of an error's body is read.
const maxErrorBytes = 64 << 10

// responseError turns a response that is no success into an *Error and closes it.
func responseError(resp *http.Response) *Error {
	defer resp.Body.Close() //nolint:errcheck // read only
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get(requestIDHeader)}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // the status says enough
	var told struct {
		Error string `json:"error"`
		Code  int    `json:"code"`
	}
	if json.Unmarshal(body, &told) == nil {
		e.Message, e.Code = told.Error, told.Code
	}
	if e.Code == 0 {
		e.Code = codeOf(resp.StatusCode)
	}
	if e.Message == "" {
		e.Message = strings.TrimSpace(fmt.Sprintf("the master answered %s %s", resp.Status, firstLine(body)))
	}
	return e
}

// codeOf gives the exit code for a status whose body names none.
func codeOf(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return job.ExitDenied
	case http.StatusNotFound:
		return job.ExitNotFound
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return job.ExitUnreachable
	}
	if status >= 400 && status < 500 {
		return job.ExitUsage
	}
	return job.ExitInternal
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return line
}
