package kmeans

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"scalar/internal/pack"
)

// A Metric is what is near.
type Metric string

// The metrics. Cosine compares directions: rows and centres are made unit vectors.
const (
	Euclidean Metric = "euclidean"
	Cosine    Metric = "cosine"
)

// A crowd is the peers of a job, as a fit needs them. All peers call the same in the same
// order.
type crowd struct {
	// sum returns the sum of all shards' vectors along the tree, given those of the peer's
	// own shards: the same bits at all peers.
	sum func(ctx context.Context, mine [][]float64) ([]float64, error)
	// gather returns what all peers give, by peer.
	gather func(ctx context.Context, b []byte) ([][]byte, error)
}

// A fit is a peer's share of Lloyd's iterations.
type fit struct {
	crowd
	n       int // rows of the job
	k, f    int
	metric  Metric
	seed    uint64
	shards  []*shard  // the peer's own, ascending
	workers []*worker // each takes shards on its own
	spread  spread
	squares float64 // sum of the squares of all rows, less the shift
	now     *centers
	totals  [][]float64 // of the peer's own shards
}

// each calls do for all own shards, by as many workers as there are.
func (t *fit) each(do func(w *worker, i int) error) error {
	if len(t.workers) == 1 {
		for i := range t.shards {
			if err := do(t.workers[0], i); err != nil {
				return err
			}
		}
		return nil
	}
	var g errgroup.Group
	for at, w := range t.workers {
		g.Go(func() error {
			for i := at; i < len(t.shards); i += len(t.workers) {
				if err := do(w, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// vectors returns one of n zeros for each own shard.
func (t *fit) vectors(n int) [][]float64 {
	out := make([][]float64, len(t.shards))
	for i := range out {
		out[i] = make([]float64, n)
	}
	return out
}

// rows returns how many the peer has.
func (t *fit) rows() (n int) {
	for _, s := range t.shards {
		n += s.len()
	}
	return n
}

// Rows are compared by products in float32. Those of rows and centres whose squares are below the most stay finite, and those of rows
// whose squares are the least in the mean keep float32's precision.
const (
	mostSquare  = math.MaxFloat32 / 4
	leastSquare = 0x1p-126
)

var errSquares = errors.New("float32 does not hold the squares of distances: --scale columns divides each column by its deviation")

// prepare brings the rows, which are unit vectors with cosine, else in the units of the data,
// into the form in which they are compared.
func (t *fit) prepare(ctx context.Context) error {
	moments := t.vectors(2 * t.f)
	if err := t.each(func(_ *worker, i int) error { t.shards[i].moments(moments[i]); return nil }); err != nil {
		return err
	}
	all, err := t.sum(ctx, moments)
	if err != nil {
		return err
	}
	t.spread = spreadOf(all, t.n)
	if t.metric == Cosine {
		clear(t.spread.shift)
	}
	squares := t.vectors(1)
	err = t.each(func(_ *worker, i int) error {
		s := t.shards[i]
		s.subtract(t.spread.shift)
		for r := range s.len() {
			square := dot(s.row(r), s.row(r))
			if !(square < mostSquare) {
				return errSquares
			}
			squares[i][0] += square
		}
		return nil
	})
	if err != nil {
		return err
	}
	if all, err = t.sum(ctx, squares); err != nil {
		return err
	}
	if t.squares = all[0]; t.squares > 0 && t.squares < leastSquare*float64(t.n) {
		return errSquares
	}
	t.now = newCenters(t.k, t.f, t.metric == Cosine)
	t.totals = t.vectors(totalsLen(t.k, t.f))
	return nil
}

// given returns centres in the units of the data as those that are compared with rows.
func (t *fit) given(at []float32) ([]float64, error) {
	out := make([]float64, len(at))
	for j := range t.k {
		row := append([]float32(nil), at[j*t.f:(j+1)*t.f]...)
		if t.metric == Cosine && !unit(row) {
			return nil, fmt.Errorf("centre %d is all zeros: it has no direction, as --metric cosine needs", j+1)
		}
		square := 0.0
		for i, v := range row {
			x := float64(v) - float64(t.spread.shift[i])
			out[j*t.f+i] = x
			square += float64(x * x)
		}
		if square >= mostSquare {
			return nil, fmt.Errorf("centre %d is too far away: %w", j+1, errSquares)
		}
	}
	return out, nil
}

// taken returns the centres in the units of the data.
func (t *fit) taken() []float32 {
	out := make([]float32, len(t.now.at))
	for i, x := range t.now.at {
		out[i] = float32(x + float64(t.spread.shift[i%t.f]))
	}
	return out
}

// label labels all own rows by centres that were those of the iteration before.
func (t *fit) label(before []float64) error {
	if err := t.now.set(t.workers[0].cpu, before); err != nil {
		return err
	}
	return t.each(func(w *worker, i int) error { return w.label(t.shards[i], t.now) })
}

// A round is what an iteration has found.
type round struct {
	inertia float64   // of the centres it began with
	changed int       // rows that have another cluster than before
	next    []float64 // centres
	moved   float64   // sum of the squared distances from centres to next
}

// iterate assigns all rows to the centres, and says where these move.
func (t *fit) iterate(ctx context.Context, at []float64) (round, error) {
	if err := t.now.set(t.workers[0].cpu, at); err != nil {
		return round{}, err
	}
	if err := t.each(func(w *worker, i int) error { return w.assign(t.shards[i], t.now, t.totals[i]) }); err != nil {
		return round{}, err
	}
	totals, err := t.sum(ctx, t.totals)
	if err != nil {
		return round{}, err
	}
	r := round{inertia: t.now.inertia(totals, t.squares), changed: int(totals[len(totals)-1])}
	if r.changed > 0 {
		if err := t.refill(ctx, totals); err != nil {
			return round{}, err
		}
	}
	r.next = t.now.means(totals)
	r.moved = t.now.moved(r.next)
	return r, nil
}

// refill gives empty clusters, if there are any, the rows farthest from their centres.
func (t *fit) refill(ctx context.Context, totals []float64) error {
	n := t.now.empty(totals)
	if n == 0 {
		return nil
	}
	found := make([][]remote, len(t.shards))
	if err := t.each(func(_ *worker, i int) error { found[i] = t.shards[i].farthest(t.now, 2*n); return nil }); err != nil {
		return err
	}
	var mine []remote
	for _, rows := range found {
		mine = append(mine, rows...)
	}
	b, err := pack.Marshal(mine)
	if err != nil {
		return err
	}
	parts, err := t.gather(ctx, b)
	if err != nil {
		return err
	}
	var all []remote
	for _, b := range parts {
		var rows []remote
		if err := pack.UnmarshalData(b, &rows); err != nil {
			return err
		}
		all = append(all, rows...)
	}
	t.now.refill(totals, all)
	return nil
}

// measure returns the sum of the distances of all rows from the nearest of the centres, each
// in float64.
func (t *fit) measure(ctx context.Context, at []float64) (float64, error) {
	if err := t.label(at); err != nil {
		return 0, err
	}
	sums := t.vectors(1)
	if err := t.each(func(_ *worker, i int) error { sums[i][0] = t.shards[i].measure(t.now); return nil }); err != nil {
		return 0, err
	}
	all, err := t.sum(ctx, sums)
	if err != nil {
		return 0, err
	}
	return all[0], nil
}
