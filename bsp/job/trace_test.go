package job_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
)

// Curves that cannot be make a trace that is not valid.
func TestCurvesValid(t *testing.T) {
	curve := func(change func(c *job.Curve)) []job.Curve {
		c := job.Curve{Name: "loss", Width: 4, At: []int64{2, 3, 7}, Y: []float64{-1, math.MaxFloat64, 0}, N: []int64{1, 4, 0}}
		change(&c)
		return []job.Curve{c}
	}
	many := func(n int) (list []job.Curve) {
		for i := range n {
			list = append(list, job.Curve{Name: fmt.Sprintf("%064d", i), Width: 1})
		}
		return list
	}
	long := func(n int) []job.Curve {
		return curve(func(c *job.Curve) {
			c.Width, c.At, c.Y, c.N = 1, nil, make([]float64, n), make([]int64, n)
			for i := range n {
				c.At = append(c.At, int64(10+i))
			}
		})
	}
	for _, x := range []struct {
		name   string
		valid  bool
		curves []job.Curve
	}{
		{"as it is", true, curve(func(*job.Curve) {})},
		{"none", true, nil},
		{"without points", true, []job.Curve{{Name: "a", Width: 1}}},
		{"16", true, many(16)},
		{"17", false, many(17)},
		{"512 points", true, long(512)},
		{"513 points", false, long(513)},
		{"without a name", false, curve(func(c *job.Curve) { c.Name = "" })},
		{"a long name", false, curve(func(c *job.Curve) { c.Name = strings.Repeat("x", 65) })},
		{"two lines of name", false, curve(func(c *job.Curve) { c.Name = "a\nb" })},
		{"twice", false, slices.Repeat(many(1), 2)},
		{"not in order", false, []job.Curve{{Name: "b", Width: 1}, {Name: "a", Width: 1}}},
		{"no width", false, curve(func(c *job.Curve) { c.Width = 0 })},
		{"an odd width", false, curve(func(c *job.Curve) { c.Width = 3 })},
		{"points twice", false, curve(func(c *job.Curve) { c.At[1] = 2 })},
		{"before the attempt", false, curve(func(c *job.Curve) { c.At[0] = 1 })},
		{"in the superstep after the last", true, curve(func(c *job.Curve) { c.Width, c.At = 1, []int64{10, 11, 610} })},
		{"after the end", false, curve(func(c *job.Curve) { c.Width, c.At = 1, []int64{10, 11, 611} })},
		{"not a number", false, curve(func(c *job.Curve) { c.Y[0] = math.NaN() })},
		{"infinite", false, curve(func(c *job.Curve) { c.Y[2] = math.Inf(-1) })},
		{"of fewer than none", false, curve(func(c *job.Curve) { c.N[0] = -1 })},
		{"without values", false, curve(func(c *job.Curve) { c.Y = c.Y[:2] })},
		{"without counts", false, curve(func(c *job.Curve) { c.N = nil })},
	} {
		t.Run(x.name, func(t *testing.T) {
			column := make([]int64, 2)
			tr := &job.Trace{
				Peers: job.Range{Hi: 1}, First: 10, Steps: 600, Width: 512, TrackWidth: 512, Curves: x.curves,
				Compute: column, Exchange: column, Wait: column, Messages: column, Active: column, Longest: column, End: column,
			}
			if got := tr.Valid(0, tr.Peers); got != x.valid {
				t.Errorf("valid: %v", got)
			}
		})
	}
}
