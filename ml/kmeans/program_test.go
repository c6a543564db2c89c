package kmeans_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/kmeans"
	"scalar/ml/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(tb testing.TB, name, text string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// options are those of a job on a file of rows.
func options(url string, k int) kmeans.Options {
	return kmeans.Options{
		Options: map[string]string{}, Input: data.Input{URL: url, Scale: data.None}, K: k, Metric: kmeans.Euclidean, Iterations: 100, Seed: 1,
	}
}

func runner(o kmeans.Options) bsp.Runner { return bsp.NewRunner(kmeans.Program(o), bsp.Files()) }

// cloudsFile writes rows around some points on a grid 100 wide.
func cloudsFile(tb testing.TB, n, k int, spread float64) string {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 4))
	var b strings.Builder
	for i := range n {
		j := i % k
		fmt.Fprintf(&b, "%g,%g,%g\n", float64(100*(j%4))+spread*r.NormFloat64(), float64(100*(j/4))+spread*r.NormFloat64(), r.NormFloat64())
	}
	return write(tb, "clouds.csv", b.String())
}

// centers returns the model of a result, and its centres.
func centers(tb testing.TB, r bsp.Result) (*model.Model, [][]float32) {
	tb.Helper()
	dir := tb.TempDir()
	for name, b := range r.Files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	m, tensors, err := model.Open(tb.Context(), dir)
	if err != nil {
		tb.Fatal(err)
	}
	out := make([][]float32, 0, tensors[0].Shape[0])
	f := tensors[0].Shape[1]
	for j := range tensors[0].Shape[0] {
		out = append(out, tensors[0].Data[j*f:(j+1)*f])
	}
	return m, out
}

// TestContract: the mean of three rows.
func TestContract(t *testing.T) {
	o := options(write(t, "p.csv", "0,0\n1,1\n2,2\n"), 1)
	o.Iterations = 3
	m, at := centers(t, bsptest.Run(t, bsptest.Config{}, runner(o)))
	if fmt.Sprint(at) != "[[1 1]]" || m.Kind != "kmeans" || math.Abs(m.Training.Loss-4.0/3) > 1e-12 {
		t.Errorf("centres %v, kind %s, loss %g", at, m.Kind, m.Training.Loss)
	}
}

// TestSameBits: with a number of shards the model is the same for any number of peers and
// tasks, and after a restart.
func TestSameBits(t *testing.T) {
	url := cloudsFile(t, 3000, 12, 30)
	for _, metric := range []kmeans.Metric{kmeans.Euclidean, kmeans.Cosine} {
		o := options(url, 9)
		o.Shards, o.Metric, o.Iterations = 5, metric, 12
		want := bsptest.Run(t, bsptest.Config{Peers: 1}, runner(o))
		if want.Supersteps < 6 {
			t.Fatalf("%s: %d supersteps: too few to be restarted in", metric, want.Supersteps)
		}
		for _, c := range []bsptest.Config{
			{Peers: 2}, {Peers: 2, Tasks: 2}, {Peers: 3, Tasks: 2, RestartAt: 1}, {Peers: 5, RestartAt: 4}, {Peers: 5, Tasks: 2, RestartAt: want.Supersteps},
		} {
			got := bsptest.Run(t, c, runner(o))
			for name, b := range want.Files {
				if string(got.Files[name]) != string(b) {
					t.Errorf("%s: %+v: %s differs:\n%s\n%s", metric, c, name, got.Files[name], b)
				}
			}
			if got.Supersteps != want.Supersteps || got.Counters["reassigned"] != want.Counters["reassigned"] {
				t.Errorf("%s: %+v: %d supersteps, %d rows reassigned, want %d and %d", metric, c, got.Supersteps, got.Counters["reassigned"], want.Supersteps, want.Counters["reassigned"])
			}
		}
	}
}

// TestClouds: clouds that lie apart are found by k-means‖, and rows that never change end it.
func TestClouds(t *testing.T) {
	o := options(cloudsFile(t, 2400, 12, 1), 12)
	m, at := centers(t, bsptest.Run(t, bsptest.Config{Peers: 2}, runner(o)))
	hit := map[string]bool{}
	for _, c := range at {
		x, y := math.Round(float64(c[0])/100), math.Round(float64(c[1])/100)
		if math.Abs(float64(c[0])-100*x) > 1 || math.Abs(float64(c[1])-100*y) > 1 {
			t.Errorf("centre %v is near no point of the grid", c)
		}
		hit[fmt.Sprint(x, y)] = true
	}
	if len(hit) != 12 || m.Training.Steps > 20 || math.Abs(m.Training.Loss-3) > 0.3 {
		t.Errorf("%d clouds found in %d steps, loss %g", len(hit), m.Training.Steps, m.Training.Loss)
	}
}

// TestInit: the first centres come from a file in the units of the data, whatever the scale.
func TestInit(t *testing.T) {
	url := write(t, "a.csv", "x,y\n0,0\n0,2\n10,0\n10,2\n")
	init := write(t, "init.csv", "x,y\n1,1\n9,1\n")
	for _, scale := range []data.Scaling{data.None, data.Columns} {
		o := options(url, 0)
		o.Init, o.Input.Scale = init, scale
		m, at := centers(t, bsptest.Run(t, bsptest.Config{Peers: 2}, runner(o)))
		want := "[[0 1] [10 1]]"
		if scale == data.Columns {
			want = "[[-1 0] [1 0]]"
		}
		if fmt.Sprint(at) != want || m.Training.Steps != 1 {
			t.Errorf("scale %s: centres %v after %d steps, want %s after 1", scale, at, m.Training.Steps, want)
		}
		o.Iterations = 0 // the centres stay where they are
		if _, at = centers(t, bsptest.Run(t, bsptest.Config{Peers: 2}, runner(o))); scale == data.None && fmt.Sprint(at) != "[[1 1] [9 1]]" {
			t.Errorf("no iterations: centres %v", at)
		}
	}
}

// TestTolerance: a tolerance ends it before rows stop changing.
func TestTolerance(t *testing.T) {
	o := options(cloudsFile(t, 3000, 12, 60), 7)
	o.Shards = 2
	long := bsptest.Run(t, bsptest.Config{Peers: 2}, runner(o))
	o.Tolerance = 1e-3
	short := bsptest.Run(t, bsptest.Config{Peers: 2}, runner(o))
	if short.Supersteps >= long.Supersteps || short.Supersteps < 2 {
		t.Errorf("%d supersteps with a tolerance, %d without", short.Supersteps, long.Supersteps)
	}
	bsptest.SameBits(t, bsptest.Config{Peers: 2, Tasks: 2, RestartAt: short.Supersteps}, runner(o))
	a, _ := centers(t, long)
	b, _ := centers(t, short)
	if b.Training.Loss < a.Training.Loss || b.Training.Loss > 1.1*a.Training.Loss {
		t.Errorf("loss %g with a tolerance, %g without", b.Training.Loss, a.Training.Loss)
	}
}

// Numbers whose squares float32 just holds have the clusters that they have in other units.
func TestUnits(t *testing.T) {
	for _, unit := range []string{"e-16", "e0", "e17"} {
		rows := write(t, "a.csv", strings.ReplaceAll("0,0\n0,2u\n10u,0\n10u,2u\n", "u", unit))
		r := bsptest.Run(t, bsptest.Config{Peers: 2}, runner(options(rows, 2)))
		if _, at := centers(t, r); at[0][1] == 0 || at[0][1] != at[1][1] || at[0][0]+at[1][0] != 10*at[0][1] {
			t.Errorf("%s: centres %v", unit, at)
		}
	}
}

func TestRefuses(t *testing.T) {
	rows := write(t, "a.csv", "1,2\n3,4\n0,0\n")
	empty := write(t, "e.csv", "x,y\n")
	for name, c := range map[string]struct {
		change func(o *kmeans.Options)
		peers  int
		want   string
	}{
		"more clusters than rows": {func(o *kmeans.Options) { o.K = 4 }, 1, "4 clusters of 3 rows: give a smaller --k"},
		"a row without direction": {func(o *kmeans.Options) { o.Metric = kmeans.Cosine }, 1, "row 2, counted from 0, is all zeros"},
		"other columns":           {func(o *kmeans.Options) { o.Init = write(t, "i.csv", "1,2,3\n") }, 1, "3 features"},
		"other clusters":          {func(o *kmeans.Options) { o.Init = write(t, "i.csv", "1,2\n") }, 1, "1 centres in it, and --k says 2"},
		"a centre of zeros": {func(o *kmeans.Options) {
			o.Init, o.Metric, o.Input.URL = write(t, "i.csv", "0,0\n1,1\n"), kmeans.Cosine, write(t, "b.csv", "1,2\n2,1\n")
		}, 1, "centre 1 is all zeros"},
		"rows far apart": {func(o *kmeans.Options) {
			o.Input.URL = write(t, "far.csv", "0,1e20\n3e19,0\n0,-1e20\n")
		}, 1, "float32 does not hold the squares of distances: --scale columns"},
		"rows near each other": {func(o *kmeans.Options) {
			o.Input.URL = write(t, "near.csv", "0,1e-25\n3e-25,0\n0,-1e-25\n")
		}, 2, "float32 does not hold the squares of distances: --scale columns"},
		"a centre far away": {func(o *kmeans.Options) { o.Init = write(t, "i.csv", "1,2\n1e20,0\n") }, 1, "centre 2 is too far away"},
		"no rows":           {func(o *kmeans.Options) { o.Input.URL = empty }, 1, "no rows"},
		"a missing file":    {func(o *kmeans.Options) { o.Init = "/nowhere/i.csv" }, 1, "/nowhere/i.csv"},
		"too few shards":    {func(o *kmeans.Options) { o.Shards = 1 }, 2, "--shards"},
	} {
		o := options(rows, 2)
		c.change(&o)
		_, err := bsptest.Try(t, bsptest.Config{Peers: c.peers}, runner(o))
		if f := job.AsFailure(err, job.FaultInternal); err == nil || !strings.Contains(f.Message, c.want) || f.Kind != job.FaultInput {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, c := range []kmeans.Options{
		{Metric: kmeans.Euclidean},
		{K: -1, Metric: kmeans.Euclidean},
		{K: 1, Metric: "manhattan"},
		{K: 1, Metric: kmeans.Cosine, Iterations: -1},
		{K: 1, Metric: kmeans.Cosine, Tolerance: math.NaN()},
		{K: 1, Metric: kmeans.Cosine, Shards: -1},
		{K: kmeans.MaxClusters + 1, Metric: kmeans.Cosine},
	} {
		if f := job.AsFailure(c.Check(), job.FaultInternal); c.Check() == nil || f.Code != job.ExitUsage {
			t.Errorf("%+v: %v", c, c.Check())
		}
	}
}

// TestModelJSON: what model.json says of a fit.
func TestModelJSON(t *testing.T) {
	o := options(cloudsFile(t, 100, 4, 1), 4)
	o.Options = map[string]string{"k": "4"}
	r := bsptest.Run(t, bsptest.Config{Peers: 2}, runner(o))
	var m struct {
		Kind     string
		Clusters struct {
			K      int
			Metric string
		}
		Training struct {
			Shards  int
			Options map[string]string
			Data    struct{ Rows int }
		}
	}
	if err := json.Unmarshal(r.Files["model.json"], &m); err != nil {
		t.Fatal(err)
	}
	if m.Kind != "kmeans" || m.Clusters.K != 4 || m.Clusters.Metric != "euclidean" || m.Training.Shards != 2 || m.Training.Options["k"] != "4" || m.Training.Data.Rows != 100 {
		t.Errorf("model.json says %+v", m)
	}
}
