package protocol

import (
	"fmt"
	"net/http"
)

// An Error is what is wrong with a request: a status of HTTP, and one line for whoever sent it.
type Error struct {
	Status  int
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// refuse returns an error with status 400.
func refuse(format string, args ...any) error {
	return &Error{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// clip returns a text in quotes, at most 64 bytes of it, for an error.
func clip[T string | []byte](text T) string {
	const most = 64
	if len(text) > most {
		return fmt.Sprintf("%q…", string(text[:most]))
	}
	return fmt.Sprintf("%q", string(text))
}

// bare returns the text of a number, at most 40 bytes of it, for an error.
func bare(text []byte) string {
	const most = 40
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
