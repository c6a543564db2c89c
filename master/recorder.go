package master

import (
	"errors"
	"net/http"
	"time"
)

// recorder notes the status that is answered, and gives each write time of its
// own: how long an answer is need not be known.
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
	if err := w.extend(); err != nil {
		return 0, err
	}
	n, err := w.ResponseWriter.Write(b)
	return n, errors.Join(err, w.relax())
}

// FlushError is what http.ResponseController calls.
func (w *recorder) FlushError() error {
	if err := w.extend(); err != nil {
		return err
	}
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return err
	}
	return w.relax()
}

// Unwrap lets http.ResponseController find what the connection can do.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) control() *http.ResponseController { return http.NewResponseController(w) }

// extend gives the client time to take the next piece of the answer.
func (w *recorder) extend() error { return w.deadline(time.Now().Add(writeDeadline)) }

// relax lets an answer be silent: a deadline that passes ends a stream of HTTP/2,
// also when nobody writes.
func (w *recorder) relax() error { return w.deadline(time.Time{}) }

func (w *recorder) deadline(t time.Time) error {
	err := w.control().SetWriteDeadline(t)
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// piece writes and flushes one piece of a stream.
func (w *recorder) piece(b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.FlushError()
}
