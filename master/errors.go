package master

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"scalar/bsp/job"
	"scalar/master/fsm"
	"scalar/storage"
)

// apiError is what a client is told of a refused call.
type apiError struct {
	status  int
	Message string `json:"error"`
	Code    int    `json:"code"` // exit code of bsp
}

// Error returns the message.
func (e *apiError) Error() string { return e.Message }

// exitCodes gives bsp's exit code by HTTP status.
var exitCodes = map[int]int{
	http.StatusBadRequest: job.ExitUsage, http.StatusUnauthorized: job.ExitDenied, http.StatusForbidden: job.ExitDenied,
	http.StatusNotFound: job.ExitNotFound, http.StatusMethodNotAllowed: job.ExitUsage, http.StatusConflict: job.ExitUsage,
	http.StatusRequestEntityTooLarge: job.ExitUsage, http.StatusUnprocessableEntity: job.ExitUsage,
	http.StatusServiceUnavailable: job.ExitUnreachable, http.StatusInsufficientStorage: job.ExitUnreachable,
}

// fail returns an error with the exit code that goes with the status.
func fail(status int, format string, args ...any) *apiError {
	code, ok := exitCodes[status]
	if !ok {
		code = job.ExitInternal
	}
	return &apiError{status: status, Message: fmt.Sprintf(format, args...), Code: code}
}

// statuses maps the sentinels of the layers below.
var statuses = []struct {
	err    error
	status int
}{
	{ErrNotLeader, http.StatusServiceUnavailable},
	{errNoLeader, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
	{context.Canceled, http.StatusServiceUnavailable},
	{fsm.ErrNotFound, http.StatusNotFound},
	{fsm.ErrFinal, http.StatusConflict},
	{fsm.ErrCommitting, http.StatusConflict},
	{fsm.ErrConflict, http.StatusConflict},
	{fsm.ErrReused, http.StatusConflict},
	{fsm.ErrStale, http.StatusConflict},
	{fsm.ErrInvalid, http.StatusBadRequest},
	{fsm.ErrFull, http.StatusServiceUnavailable},
	{storage.ErrDigest, http.StatusBadRequest},
	{storage.ErrURL, http.StatusBadRequest},
	{storage.ErrTooLarge, http.StatusRequestEntityTooLarge},
}

// toAPIError turns any error into what the client is told. A job.Failure keeps
// its exit code.
func toAPIError(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if f, ok := errors.AsType[*job.Failure](err); ok {
		return &apiError{status: failureStatus(f), Message: f.Error(), Code: f.Code}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fail(http.StatusRequestEntityTooLarge, "%v", err)
	}
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			message := strings.TrimPrefix(err.Error(), fsm.ErrInvalid.Error()+": ")
			return fail(s.status, "%s", message)
		}
	}
	return fail(http.StatusInternalServerError, "%v", err)
}

func failureStatus(f *job.Failure) int {
	switch {
	case f.Code == job.ExitNotFound:
		return http.StatusNotFound
	case f.Kind == job.FaultOutput:
		return http.StatusConflict
	case f.Code == job.ExitUsage || f.Kind == job.FaultInput:
		return http.StatusBadRequest
	case f.Code == job.ExitUnreachable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
