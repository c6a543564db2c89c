package master

import (
	"errors"
	"net/http"
	"time"
)

// recorder notes the status that is answered.
type recorder struct {
	http.ResponseWriter
	status   int
	proxyErr error // why the leader did not answer at all
}

// WriteHeader notes the first status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes the status that comes without WriteHeader.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find what the connection can do.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) control() *http.ResponseController { return http.NewResponseController(w) }

// extend gives the client time to take the next piece of the answer.
func (w *recorder) extend() error {
	err := w.control().SetWriteDeadline(time.Now().Add(writeDeadline))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// piece writes and flushes one piece of a stream.
func (w *recorder) piece(b []byte) error {
	if err := w.extend(); err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.control().Flush()
}
