package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"scalar/bsp/job"

	"github.com/klauspost/compress/zstd"
)

// ErrObject is wrapped by every error about bytes that are no valid object.
var ErrObject = errors.New("malformed archive object")

// version is that of the format.
const version = 1

// The limits of an object: one of 4,096 tasks and 4,096 counters with names of 256
// bytes has 2 MiB.
const (
	MaxPacked = 4 << 20 // bytes in the store
	maxPlain  = 8 << 20 // bytes of JSON
)

// Object is what is kept of a job that has ended.
type Object struct {
	Version int       `json:"version"` // set by Encode
	Cluster string    `json:"cluster"` // UUID of the cluster that ran it
	Info    job.Info  `json:"info"`    // as the API told it last; Result is empty
	Spec    job.Spec  `json:"spec"`    // as the history has it: without variables, files and long arguments
	EndedBy string    `json:"ended_by,omitempty"`
	Faults  int       `json:"faults,omitempty"` // attempts that the program ended
	Losses  int       `json:"losses,omitempty"` // attempts that grooms, links or checkpoints ended
	Placed  time.Time `json:"placed,omitzero"`  // when the last attempt was placed
	Done    time.Time `json:"done,omitzero"`    // when its tasks had finished
}

// Encode returns the object's bytes.
func Encode(o Object) ([]byte, error) {
	o.Version = version
	o.Info.Result = "" // it is in the store by itself
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("archive object of %s: %w", o.Info.ID, err)
	}
	if len(b) > maxPlain {
		return nil, fmt.Errorf("archive object of %s: %d bytes, at most %d", o.Info.ID, len(b), maxPlain)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("archive object of %s: %w", o.Info.ID, err)
	}
	packed := w.EncodeAll(b, nil)
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("archive object of %s: %w", o.Info.ID, err)
	}
	if len(packed) > MaxPacked {
		return nil, fmt.Errorf("archive object of %s: %d bytes packed, at most %d", o.Info.ID, len(packed), MaxPacked)
	}
	return packed, nil
}

// Decode reads what Encode wrote. It needs memory of about the JSON's size three times.
func Decode(b []byte) (Object, error) {
	if len(b) > MaxPacked {
		return Object{}, fmt.Errorf("%w: %d bytes, at most %d", ErrObject, len(b), MaxPacked)
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain), zstd.WithDecoderMaxWindow(maxPlain))
	if err != nil {
		return Object{}, fmt.Errorf("%w: %w", ErrObject, err)
	}
	defer r.Close()
	plain, err := r.DecodeAll(b, nil)
	if err != nil {
		return Object{}, fmt.Errorf("%w: %w", ErrObject, err)
	}
	return decodePlain(plain)
}

func decodePlain(plain []byte) (Object, error) {
	var o Object
	if !bytes.HasPrefix(plain, []byte(`{"version":`)) {
		return o, fmt.Errorf("%w: it does not begin with a version", ErrObject)
	}
	if err := json.Unmarshal(plain, &o); err != nil {
		return Object{}, fmt.Errorf("%w: %w", ErrObject, err)
	}
	switch {
	case o.Version != version:
		return Object{}, fmt.Errorf("%w: version %d, this is for %d", ErrObject, o.Version, version)
	case o.Info.ID == "" || o.Cluster == "":
		return Object{}, fmt.Errorf("%w: it names no job or no cluster", ErrObject)
	case !o.Info.State.Final():
		return Object{}, fmt.Errorf("%w: job %q is %s", ErrObject, o.Info.ID, o.Info.State)
	}
	if o.Info.Counters == nil {
		o.Info.Counters = map[string]int64{}
	}
	return o, nil
}
