package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/serving/protocol"
	"scalar/tensor"
)

// A Version is a model in memory. It never changes but for its queue, and goes when the host
// and all who hold it have let go of it.
type Version struct {
	name, version, folder string

	digest    string
	kind      string
	net       *nn.Spec // nil: it has none
	weights   int64    // bytes of them
	bytes     int64    // that it counts for
	signature *protocol.Signature
	ports     []string // names of the outputs
	predictor *model.Predictor
	encoder   *data.Encoder
	features  int // of an encoded row
	columns   int // of a row as it comes
	texts     bool
	log       *slog.Logger

	chunk     int // rows that an executor computes at once, at most
	batch     int // rows of a batch of queued requests, at most
	queueRows int // that may wait
	queueTime time.Duration
	cores     int
	perRow    atomic.Int64 // ns, of late
	pace      atomic.Int64 // ns a row from one request that waited to the next, of late; 0: none has
	users     atomic.Int64 // who holds it, and 1 for the host; at 0 it is gone
	gone      func(*Version)
	shown     bool      // it was in a snapshot; guarded by the host's lock
	calls     sync.Pool // of *call

	mu    sync.Mutex // guards what follows, and what call says
	free  []*executor
	queue queue
	stats Stats
}

// Stats count what a version has done.
type Stats struct {
	Requests, Rows uint64 // that were computed
	Batches        uint64 // of more than one request
	Batched        uint64 // requests in them
	Queued         uint64 // requests that waited
	Full, Late     uint64 // refused: no room in the queue; the deadline has passed, or would have
	Shadows        uint64 // requests of Requests that were copies of another version's
	Dropped        uint64 // such copies that were not computed: large, other columns, or too many
}

const (
	chunkBytes = 4 << 20 // of an executor's buffers
	maxChunk   = 256     // rows
	queueBytes = 64 << 20
)

// open makes a version whole and warm. weights is how many bytes of them were reserved.
func (h *Host) open(ctx context.Context, name, version, folder string, weights int64) (*Version, error) {
	v := &Version{
		name: name, version: version, folder: folder, bytes: weights, weights: weights, log: h.config.Log,
		queueTime: h.config.QueueTime, cores: h.config.Cores, chunk: maxChunk, gone: h.gone,
	}
	v.users.Store(1)
	v.calls.New = func() any { return &call{wake: make(chan struct{}, 1)} }
	err := v.read(ctx)
	if err == nil {
		for v.chunk > 1 && v.executorBytes() > chunkBytes {
			v.chunk /= 2
		}
		v.batch = min(h.config.BatchRows, v.chunk)
		v.queueRows = max(1, min(h.config.QueueRows, queueBytes/(4*v.features)))
		more := int64(v.cores) * v.executorBytes()
		if err = h.reserve(more); err == nil {
			v.bytes += more
			err = v.start(ctx, h.alike(v))
			if h.config.batch > 0 {
				v.batch = h.config.batch
			}
		}
	}
	if err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// read reads the version's folder.
func (v *Version) read(ctx context.Context) error {
	m, tensors, err := model.Open(ctx, v.folder)
	if err != nil {
		return err
	}
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		return err
	}
	defer cpu.Close()
	if v.predictor, err = model.NewPredictor(cpu, m, tensors); err != nil {
		return err
	}
	v.digest, v.kind, v.net, v.encoder = m.Digest, m.Kind, m.Net, v.predictor.Encoder()
	v.features, v.columns, v.texts = v.encoder.Features(), m.Transform.Columns, len(m.Transform.Categories) > 0
	for _, out := range m.Outputs {
		v.ports = append(v.ports, out.Name)
	}
	v.signature, err = signatureOf(v.name, v.version, m)
	return err
}

// executorBytes returns how much memory an executor has at most.
func (v *Version) executorBytes() int64 {
	return v.predictor.ExecutorBytes(v.chunk) + 4*int64(v.chunk)*int64(v.features)
}

// alike returns a version of the same model that answers and computes the same with other weights; nil: there is none.
func (h *Host) alike(v *Version) *Version {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.models[v.name]
	if m == nil {
		return nil
	}
	for _, r := range m.versions {
		if o := r.v; o != nil && o.kind == v.kind && o.features == v.features && o.weights == v.weights && reflect.DeepEqual(o.net, v.net) {
			return o
		}
	}
	return nil
}

// start makes the executors and warms them up. What was measured of a version that computes the same holds: measuring takes a core
// for longer than all else of a reload, from those who are answered meanwhile.
func (v *Version) start(ctx context.Context, same *Version) error {
	for range v.cores {
		e, err := newExecutor(v)
		if err != nil {
			return err
		}
		v.free = append(v.free, e)
		if err := e.warm(v.batch); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if same != nil {
		v.batch = same.batch
		v.perRow.Store(same.perRow.Load())
		return nil
	}
	return v.measure()
}

// warm predicts a few rows of zeros: one, some at once, one.
func (e *executor) warm(rows int) error {
	for _, n := range []int{1, rows, 1} {
		x := e.room(n)
		clear(x)
		if _, err := e.compute(x, n); !warmed(err) {
			return fmt.Errorf("it opens and does not compute: %w", err)
		}
	}
	return nil
}

// warmed reports whether a prediction was computed. That zeros are too much for a model says
// nothing about others.
func warmed(err error) bool {
	_, row := errors.AsType[*model.RowError](err)
	return err == nil || row
}

// Limits of measuring: a size of a batch has measureFor; a batch is to be that much faster a row
// than the smaller one, and may not take longer than batchTime, which who comes next has to wait.
const (
	measureFor = 2 * time.Millisecond
	faster     = .9
	batchTime  = 2 * time.Millisecond
)

// measure finds how long a row takes, and how many rows a batch is to have: more only as long as that
// makes each faster.
func (v *Version) measure() error {
	e, best, most := v.free[0], time.Duration(0), v.batch
	v.batch = 1
	first, err := newDoor()
	if err != nil {
		return err
	}
	defer first.close() //nolint:errcheck // nobody waits there
	for n := 1; n <= most; n *= 2 {
		x := e.room(n)
		clear(x)
		least, start := time.Duration(1<<62), time.Now()
		for runs := 0; runs < 3 || time.Since(start) < measureFor && runs < 20; runs++ {
			first.pass() // requests go first
			began := time.Now()
			if _, err := e.compute(x, n); !warmed(err) {
				return err
			}
			if least = min(least, time.Since(began)); time.Since(start) > 10*measureFor {
				break
			}
		}
		if n > 1 && least > batchTime {
			break
		}
		each := max(least/time.Duration(n), 1)
		switch {
		case n == 1:
			best = each
			v.perRow.Store(int64(each))
		case float64(each) < faster*float64(best):
			best, v.batch = each, n
		}
	}
	return nil
}

// took counts for the time a row. One that took far longer, since something else had the core, counts as
// twice as long.
func (v *Version) took(d time.Duration, rows int) {
	old := v.perRow.Load()
	v.perRow.Store(max(old+(min(int64(d)/int64(rows), 2*old)-old)/8, 1))
}

// paced counts for the pace: how long an executor took for rows from when it was handed to one who waited, with
// all that went first. More than four times the time of computing is no pace, but somebody else on the core.
func (v *Version) paced(d time.Duration, rows int) {
	perRow := v.perRow.Load()
	old := max(v.pace.Load(), perRow)
	v.pace.Store(old + (min(int64(d)/int64(rows), 4*perRow)-old)/8)
}

// doubt makes the time a row a little shorter: a request was refused by it, and nobody may be left to
// measure it.
func (v *Version) doubt() {
	old := v.perRow.Load()
	v.perRow.Store(max(old-old/64, 1))
}

// hold takes a share in the version, and reports whether it is still there.
func (v *Version) hold() bool {
	for {
		n := v.users.Load()
		if n == 0 {
			return false
		}
		if v.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release lets go of the version.
func (v *Version) release() {
	if v.users.Add(-1) == 0 {
		v.end()
	}
}

// end closes what the version has and lets its memory go, whoever still knows its name.
func (v *Version) end() {
	v.mu.Lock()
	for _, e := range v.free {
		e.close()
	}
	v.free, v.queue, v.predictor, v.encoder = nil, queue{}, nil, nil
	v.mu.Unlock()
	v.gone(v)
}

// Name returns the model's name.
func (v *Version) Name() string { return v.name }

// Version returns which version it is.
func (v *Version) Version() string { return v.version }

// Digest returns the model's digest: equal ones give equal answers.
func (v *Version) Digest() string { return v.digest }

// Signature returns what goes in and comes out. It is not to be changed.
func (v *Version) Signature() *protocol.Signature { return v.signature }

// Stats returns what it has done.
func (v *Version) Stats() Stats {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stats
}
