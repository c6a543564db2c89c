package bsp_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/job"

	"pgregory.net/rapid"
)

// A curve's points are the means of what was plotted in their stretches, and its width is
// the least with which there is room.
func TestCurveMeans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		step := rapid.OneOf(rapid.Just(0), rapid.Just(1), rapid.IntRange(0, 1000)).Draw(t, "step")
		var steps []int
		var ys []float64
		for at := rapid.IntRange(0, 1<<30).Draw(t, "first"); len(steps) < 100; at += rapid.IntRange(0, step).Draw(t, "more") {
			steps = append(steps, at)
			ys = append(ys, rapid.OneOf(rapid.Float64Range(-1000, 1000), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)})).Draw(t, "y"))
		}
		got := bsp.Plotted(limit, steps, ys)
		want := stretched(got.Width, steps, ys)
		if len(got.At) > limit || got.Width > 1 && len(stretched(got.Width/2, steps, ys).At) <= limit {
			t.Fatalf("%d points of %d, at most %d", len(got.At), got.Width, limit)
		}
		if !slices.Equal(got.At, want.At) || !slices.Equal(got.N, want.N) || !slices.EqualFunc(got.Y, want.Y, near) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// stretched is a curve made by the book.
func stretched(width int, steps []int, ys []float64) job.Curve {
	sums, counts := map[int64]float64{}, map[int64]int64{}
	var c job.Curve
	for i, s := range steps {
		at := int64(s / width)
		if _, ok := counts[at]; !ok {
			c.At = append(c.At, at)
			counts[at] = 0
		}
		if !math.IsNaN(ys[i]) && !math.IsInf(ys[i], 0) {
			sums[at], counts[at] = sums[at]+ys[i], counts[at]+1
		}
	}
	for _, at := range c.At {
		c.Y, c.N = append(c.Y, sums[at]/float64(max(counts[at], 1))), append(c.N, counts[at])
	}
	return c
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9 }

// Numbers whose sum is too large are a gap, as NaN is.
func TestCurveOverflow(t *testing.T) {
	c := bsp.Plotted(4, []int{3, 3}, []float64{math.MaxFloat64, math.MaxFloat64})
	if len(c.At) != 1 || c.At[0] != 3 || c.Y[0] != 0 || c.N[0] != 0 {
		t.Errorf("%+v", c)
	}
}

// What peers plot comes together under its name: with the superstep it was plotted in, as
// the mean of the peers that did, in limits however much it is.
func TestPlot(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		for p.Superstep() < 2000 {
			s := p.Superstep()
			p.Plot("busy", float64(s))
			p.Plot("", 1)
			if s == 3 || s == 5 && p.Index() == 1 {
				p.Plot("rare\n", float64(s+p.Index()))
			}
			if s == 7 {
				p.Plot("rare", math.NaN())
			}
			for i := range 20 * min(s/8, 1) { // after the others
				p.Plot(fmt.Sprintf("some %02d", i), 1)
			}
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		p.Plot("rare", 1)
		return nil
	}
	for _, report := range []bool{true, false} {
		var told []*job.Trace
		var stderr bytes.Buffer
		_, _, err := bsp.RunLocal(t.Context(), bsp.NewRunner(prog), bsp.LocalConfig{
			Spec: job.Spec{Peers: 3, Report: report}, Trace: func(_ int, tr *job.Trace) { told = append(told, tr) }, Stderr: &stderr,
		})
		if err != nil {
			t.Fatal(err)
		}
		if !report {
			if len(told) > 0 || stderr.Len() > 0 {
				t.Errorf("told %d times, and %q", len(told), stderr.String())
			}
			continue
		}
		if len(told) != 1 || len(told[0].Curves) != job.MaxCurves || strings.Count(stderr.String(), "no room for more curves") != 1 {
			t.Fatalf("told %d times: %+v\n%s", len(told), told, stderr.String())
		}
		busy, rare := told[0].Curves[0], told[0].Curves[1]
		if busy.Name != "busy" || busy.Width != 4 || len(busy.At) != 500 || busy.At[9] != 9 || busy.Y[9] != 37.5 || busy.N[9] != 12 {
			t.Errorf("%+v", busy)
		}
		want := job.Curve{Name: "rare", Width: 1, At: []int64{3, 5, 7, 2000}, Y: []float64{4, 6, 0, 1}, N: []int64{3, 1, 0, 3}}
		if rare.Name != want.Name || rare.Width != 1 || !slices.Equal(rare.At, want.At) || !slices.Equal(rare.Y, want.Y) || !slices.Equal(rare.N, want.N) {
			t.Errorf("got  %+v\nwant %+v", rare, want)
		}
	}
}

// Peers whose curves have different widths come together with the wider one.
func TestPlotWidths(t *testing.T) {
	var told *job.Trace
	_, _, err := bsp.RunLocal(t.Context(), bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		for p.Superstep() < 1500 {
			if p.Index() == 0 || p.Superstep() == 1001 {
				p.Plot("y", float64(p.Index()))
			}
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	}), bsp.LocalConfig{Spec: job.Spec{Peers: 2, Report: true}, Trace: func(_ int, tr *job.Trace) { told = tr }})
	if err != nil || told == nil || len(told.Curves) != 1 {
		t.Fatal(told, err)
	}
	c := told.Curves[0]
	if c.Width != 4 || len(c.At) != 375 || c.N[250] != 5 || c.Y[250] != 0.2 || c.Y[251] != 0 || c.N[251] != 4 {
		t.Errorf("%+v", c)
	}
}
