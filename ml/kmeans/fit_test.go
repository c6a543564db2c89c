package kmeans_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/ml/kmeans"
	"scalar/tensor"
)

// newFit returns a fit of rows in some shards.
func newFit(tb testing.TB, rows [][]float32, k, shards int, metric kmeans.Metric) kmeans.Fit {
	tb.Helper()
	f, err := kmeans.NewFit(tb.Context(), newCPU(tb, 1), kmeans.FitConfig{Rows: rows, K: k, Shards: shards, Metric: metric})
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func newCPU(tb testing.TB, cores int) *tensor.CPU {
	tb.Helper()
	cpu, err := tensor.NewCPU(tensor.Config{Cores: cores})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cpu.Close)
	return cpu
}

// An oracle is an iteration as it is written in books.
type oracle struct {
	rows    [][]float32
	metric  kmeans.Metric
	at      [][]float64 // centres before it
	labels  []int
	counts  []float64
	inertia float64     // of at
	next    [][]float64 // sums of members, then centres after it
}

func lloyd(rows [][]float32, at [][]float64, metric kmeans.Metric) *oracle {
	o := &oracle{rows: rows, metric: metric, at: at, counts: make([]float64, len(at))}
	for range at {
		o.next = append(o.next, make([]float64, len(at[0])))
	}
	for _, row := range rows {
		best, least := 0, math.Inf(1)
		for j, c := range at {
			if d := apart(row, c, metric); d < least {
				best, least = j, d
			}
		}
		o.labels = append(o.labels, best)
		o.counts[best]++
		o.inertia += least
		scale := 1.0
		if metric == kmeans.Cosine {
			scale = 1 / length(row)
		}
		for i, v := range row {
			o.next[best][i] += float64(v) * scale
		}
	}
	o.refill()
	for j, sums := range o.next {
		n := o.counts[j]
		if metric == kmeans.Cosine {
			n = 0
			for _, v := range sums {
				n += v * v
			}
			n = math.Sqrt(n)
		}
		for i := range sums {
			if n > 0 {
				sums[i] /= n
			} else {
				sums[i] = at[j][i]
			}
		}
	}
	return o
}

// refill gives empty clusters the farthest rows that are not alone.
func (o *oracle) refill() {
	var taken []int
	for j := range o.next {
		if o.counts[j] > 0 {
			continue
		}
		far, most := -1, 0.0
		for i, row := range o.rows {
			if d := apart(row, o.at[o.labels[i]], o.metric); d > most && o.counts[o.labels[i]] > 1 && !slices.Contains(taken, i) {
				far, most = i, d
			}
		}
		if far < 0 {
			continue
		}
		taken = append(taken, far)
		o.counts[j]++
		o.counts[o.labels[far]]--
		for i, v := range o.rows[far] {
			o.next[j][i] += float64(v)
			o.next[o.labels[far]][i] -= float64(v)
		}
	}
}

// changed is how many labels are others than before.
func (o *oracle) changed(before *oracle) int {
	if before == nil {
		return len(o.labels)
	}
	n := 0
	for i, l := range o.labels {
		if l != before.labels[i] {
			n++
		}
	}
	return n
}

func apart(row []float32, c []float64, metric kmeans.Metric) float64 {
	if metric == kmeans.Cosine {
		inner, a, b := 0.0, 0.0, 0.0
		for i, v := range row {
			inner += float64(v) * c[i]
			a += float64(v) * float64(v)
			b += c[i] * c[i]
		}
		return 1 - inner/math.Sqrt(a*b)
	}
	d := 0.0
	for i, v := range row {
		d += (float64(v) - c[i]) * (float64(v) - c[i])
	}
	return d
}

// clouds returns n rows around some points, moved by offset.
func clouds(n, f, k int, offset float64, seed uint64) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 7))
	at := make([][]float64, 0, k)
	for range k {
		c := make([]float64, f)
		for i := range c {
			c[i] = r.NormFloat64() * 5
		}
		at = append(at, c)
	}
	rows := make([][]float32, 0, n)
	for range n {
		c, row := at[r.IntN(k)], make([]float32, f)
		for i := range row {
			row[i] = float32(offset + c[i] + r.NormFloat64())
		}
		rows = append(rows, row)
	}
	return rows
}

func length(row []float32) float64 {
	sum := 0.0
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within*(1+math.Abs(b)) }

// TestIterations compares with Lloyd's iterations in float64, near the origin and far.
func TestIterations(t *testing.T) {
	for _, c := range []struct {
		name    string
		offset  float64
		metric  kmeans.Metric
		k, f, n int
	}{
		{"euclidean", 0, kmeans.Euclidean, 7, 5, 1000},
		{"one cluster", 0, kmeans.Euclidean, 1, 3, 500},
		{"many", 0, kmeans.Euclidean, 40, 33, 2000},
		{"far from the origin", 1e5, kmeans.Euclidean, 7, 5, 1000},
		{"cosine", 0, kmeans.Cosine, 7, 5, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := clouds(c.n, c.f, c.k+2, c.offset, 3)
			f := newFit(t, rows, c.k, 3, c.metric)
			var flat []float32
			want := make([][]float64, 0, c.k)
			for j := range c.k {
				row := slices.Clone(rows[j*c.n/c.k])
				if c.metric == kmeans.Cosine {
					kmeans.Unit(row)
				}
				flat = append(flat, row...)
				want = append(want, nil)
				for _, v := range row {
					want[j] = append(want[j], float64(v))
				}
			}
			at, err := f.Given(flat)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, f, at, lloyd(rows, want, c.metric))
		})
	}
}

// compare compares iterations from at with an oracle's, until no row changes.
func compare(t *testing.T, f kmeans.Fit, at []float64, o *oracle) {
	t.Helper()
	var before *oracle
	for step := range 30 {
		r, err := f.Iterate(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if r.Changed != o.changed(before) || !near(r.Inertia, o.inertia, 1e-6) {
			t.Fatalf("step %d: %d rows change, inertia %.12g; want %d and %.12g", step, r.Changed, r.Inertia, o.changed(before), o.inertia)
		}
		if measured, err := f.Measure(t.Context(), at); err != nil || !near(measured, o.inertia, 1e-6) {
			t.Fatalf("step %d: measured %.12g, want %.12g (%v)", step, measured, o.inertia, err)
		}
		for j, want := range o.next {
			for i, v := range want {
				if got := r.Next[j*len(want)+i] + float64(f.Shift()[i]); !near(got, v, 1e-6) {
					t.Fatalf("step %d: centre %d is %.12g at %d, want %.12g", step, j, got, i, v)
				}
			}
		}
		if r.Changed == 0 {
			return
		}
		at, before, o = r.Next, o, lloyd(o.rows, o.next, o.metric)
	}
}

// TestTies: of equally near centres the first counts.
func TestTies(t *testing.T) {
	rows := [][]float32{{0, 0}, {2, 0}, {1, 0}, {1, 5}, {1, -5}}
	f := newFit(t, rows, 3, 2, kmeans.Euclidean)
	if _, err := f.Iterate(t.Context(), []float64{0, 0, 2, 0, 2, 0}); err != nil {
		t.Fatal(err)
	}
	got := f.Labels()
	if want := []int32{0, 1, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("labels %v, want %v", got, want)
	}
}

// TestRefill: empty clusters take the rows that are farthest from their centres.
func TestRefill(t *testing.T) {
	rows := [][]float32{{0}, {1}, {2}, {50}, {-30}, {0.5}}
	f := newFit(t, rows, 4, 2, kmeans.Euclidean)
	r, err := f.Iterate(t.Context(), []float64{0, 1e3, -1e3, 2e3})
	if err != nil {
		t.Fatal(err)
	}
	// All rows are in cluster 0; 50 and -30 leave it, then 2.
	if want := []float64{0.5, 50, -30, 2}; !slices.Equal(r.Next, want) {
		t.Errorf("centres %v, want %v", r.Next, want)
	}
	// Rows that all are at their centres leave the empty cluster where it is.
	f = newFit(t, [][]float32{{1}, {1}, {3}}, 3, 1, kmeans.Euclidean)
	if r, err = f.Iterate(t.Context(), []float64{1, 3, 9}); err != nil {
		t.Fatal(err)
	}
	if want := []float64{1, 3, 9}; !slices.Equal(r.Next, want) {
		t.Errorf("centres %v, want %v", r.Next, want)
	}
}

// TestStart: k-means‖ finds the clusters of clouds far apart, whatever the shards.
func TestStart(t *testing.T) {
	const k = 8
	rows := make([][]float32, 0, 4000)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 4000 {
		j := i % k
		rows = append(rows, []float32{float32(100*(j%3)) + float32(r.NormFloat64()), float32(100*(j/3)) + float32(r.NormFloat64())})
	}
	for seed := range uint64(5) {
		for _, shards := range []int{1, 3} {
			f := newFit(t, rows, k, shards, kmeans.Euclidean)
			at, err := f.Start(t.Context(), seed)
			if err != nil {
				t.Fatal(err)
			}
			hit := map[[2]int]bool{}
			for j := range k {
				hit[[2]int{int(math.Round(at[2*j] / 100)), int(math.Round(at[2*j+1] / 100))}] = true
			}
			if len(hit) != k {
				t.Errorf("seed %d, %d shards: %d of %d clouds have a centre", seed, shards, len(hit), k)
			}
		}
	}
}

// TestStartFew: with fewer rows that differ than clusters, centres repeat.
func TestStartFew(t *testing.T) {
	f := newFit(t, [][]float32{{1, 1}, {2, 2}, {1, 1}, {2, 2}, {2, 2}}, 4, 2, kmeans.Euclidean)
	at, err := f.Start(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float64]bool{}
	for j := range 4 {
		if at[2*j] != at[2*j+1] {
			t.Errorf("centre %d is none of the rows: %v", j, at[2*j:2*j+2])
		}
		seen[at[2*j]] = true
	}
	if len(seen) != 2 {
		t.Errorf("centres %v, want both rows among them", at)
	}
}

// TestStartQuality: the start is about as good as k-means++ on all rows: a little above the
// inertia that Lloyd's iterations end with.
func TestStartQuality(t *testing.T) {
	rows := clouds(3000, 8, 20, 0, 9)
	f := newFit(t, rows, 20, 4, kmeans.Euclidean)
	at, err := f.Start(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	begin, err := f.Iterate(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	best := 3000.0 * 8 // the clouds' own variance
	if begin.Inertia > 3*best {
		t.Errorf("inertia %g at the start, around the true points %g", begin.Inertia, best)
	}
}
