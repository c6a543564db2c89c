package report_test

import (
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
)

// plotted is a run of one peer in each of so many tasks, from superstep 10 on, of 20
// supersteps, with these curves by task.
func plotted(curves ...[]job.Curve) (job.Info, []*job.Trace) {
	column := func() []int64 { return make([]int64, 20) }
	traces := make([]*job.Trace, 0, len(curves))
	for i, list := range curves {
		traces = append(traces, &job.Trace{
			Task: i, Peers: job.Range{Lo: i, Hi: i + 1}, First: 10, Steps: 20, Width: 1, TrackWidth: 1, Curves: list,
			Compute: column(), Exchange: column(), Wait: column(), Messages: column(), Active: column(), Longest: column(), End: column(),
			Tracks: []job.Track{{Peer: i, Compute: column(), Exchange: column(), Wait: column()}},
		})
	}
	return job.Info{ID: "mlp-1", Program: "mlp", State: job.Succeeded, Peers: len(curves), Tasks: len(curves), Attempts: 1, Supersteps: 30}, traces
}

func curve(name string, width int, at []int64, y ...float64) job.Curve {
	c := job.Curve{Name: name, Width: width, At: at, Y: y, N: make([]int64, len(y))}
	for i, v := range y {
		if !math.IsNaN(v) {
			c.N[i] = 1
		} else {
			c.Y[i] = 0
		}
	}
	return c
}

// cells returns the rows of the table of curves.
func cells(page string) (rows [][]string) {
	_, table, _ := strings.Cut(page, "Curves as a table")
	_, table, _ = strings.Cut(table, "<tbody>")
	table, _, _ = strings.Cut(table, "</tbody>")
	for row := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		found := regexp.MustCompile(`<t[hd][^>]*>([^<]*)</t[hd]>`).FindAllStringSubmatch(row, -1)
		list := make([]string, 0, len(found))
		for _, m := range found {
			list = append(list, m[1])
		}
		rows = append(rows, list)
	}
	return rows
}

// Curves of the same name come together over tasks; names with a slash share a chart.
func TestCurves(t *testing.T) {
	info, traces := plotted(
		[]job.Curve{curve("a<b", 1, []int64{10, 12}, 1, math.NaN()), curve("loss/test", 4, []int64{3, 4}, 3, 5), curve("loss/train", 1, []int64{10, 30}, 8, 2)},
		[]job.Curve{curve("loss/test", 2, []int64{7, 8, 14}, 6, 5, 1)},
	)
	page := write(t, info, traces)
	want := [][]string{
		{"a&lt;b", "1", "1", "1 in 10", "1 in 10"},
		// 3 of the first task and 6 of the second in 12 to 15, twice 5 in 16 to 19, 1 in 28 to 31.
		{"loss/test", "4.5", "1", "1 in 28 to 30", "5 in 16 to 19"},
		{"loss/train", "8", "2", "2 in 30", "8 in 10"},
	}
	if got := cells(page); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	headings := regexp.MustCompile(`<h2>([^<]*)</h2>`).FindAllStringSubmatch(page, -1)
	if len(headings) < 3 || headings[0][1] != "a&lt;b" || headings[1][1] != "loss" || headings[2][1] != "Time of each peer" {
		t.Errorf("headings %v", headings)
	}
	// The axis goes from 0 to 8, 200 high above 208, and 850 wide from 76 for 20 supersteps:
	// the middles of 12 to 15, 16 to 19 and 28 to 31 are 4, 8 and 20 of them in.
	for _, path := range []string{`d="M246 95.5L416 83L926 183"`, `d="M97.3 8L926 158"`} {
		if !strings.Contains(page, path) {
			t.Errorf("the page has no %s:\n%v", path, regexp.MustCompile(`<path class="line[^>]*>`).FindAllString(page, -1))
		}
	}
	if n := strings.Count(page, `class="key"`); n != 2 {
		t.Errorf("%d lines in legends", n)
	}
}

// A gap is none of the line, and a point beside gaps is seen.
func TestCurveGap(t *testing.T) {
	nan := math.NaN()
	info, traces := plotted([]job.Curve{curve("y", 1, []int64{10, 11, 12, 13, 14, 15, 16}, 0, 4, nan, 2, nan, 4, 4)})
	page := write(t, info, traces)
	if want := `d="M97.3 208L139.8 8M224.8 108M309.8 8L352.3 8"`; !strings.Contains(page, want) {
		t.Errorf("no %s:\n%v", want, regexp.MustCompile(`<path class="line[^>]*>`).FindAllString(page, -1))
	}
	if !strings.Contains(page, "M224.8 108h0") {
		t.Error("no dot")
	}
}

// A curve of few points is not hidden below one of many; the legend goes by name.
func TestCurveOrder(t *testing.T) {
	info, traces := plotted([]job.Curve{curve("y/a", 1, []int64{10, 20}, 1, 2), curve("y/b", 1, []int64{10, 11, 12}, 1, 2, 3)})
	page := write(t, info, traces)
	if a, b := strings.Index(page, "<title>a: "), strings.Index(page, "<title>b: "); a < b || b < 0 {
		t.Errorf("a is drawn at %d, b at %d", a, b)
	}
	if a, b := strings.Index(page, "</svg>a</li>"), strings.Index(page, "</svg>b</li>"); b < a || a < 0 {
		t.Errorf("the legend has a at %d, b at %d", a, b)
	}
}

// Axes have marks that can be told apart, whatever the numbers.
func TestCurveAxes(t *testing.T) {
	for _, x := range []struct {
		ys   []float64
		want []string
	}{
		{[]float64{2.31, 0.06}, []string{"0.0", "0.5", "1.0", "1.5", "2.0"}},
		{[]float64{0.0912, 0.0908}, []string{"0.09080", "0.09085", "0.09090", "0.09095", "0.09100", "0.09105", "0.09110", "0.09115", "0.09120"}},
		{[]float64{0, 0}, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{[]float64{5, 5}, []string{"4.6", "4.8", "5.0", "5.2", "5.4"}},
		{[]float64{-3, 3}, []string{"-3", "-2", "-1", "0", "1", "2", "3"}},
		{[]float64{84000, 91000}, []string{"84000", "85000", "86000", "87000", "88000", "89000", "90000", "91000"}},
		{[]float64{1e9, 3e9}, []string{"0", "5e+08", "1e+09", "1.5e+09", "2e+09", "2.5e+09", "3e+09"}},
		{[]float64{3e-9, 1e-9}, []string{"0", "5e-10", "1e-09", "1.5e-09", "2e-09", "2.5e-09", "3e-09"}},
		{[]float64{math.MaxFloat64, -math.MaxFloat64}, []string{"-1e+280", "-5e+279", "0", "5e+279", "1e+280"}},
		{[]float64{math.SmallestNonzeroFloat64, 0}, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{[]float64{1, 1 + 1e-15}, []string{"0.90", "0.95", "1.00", "1.05", "1.10"}},
		{[]float64{math.NaN(), math.NaN()}, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
	} {
		info, traces := plotted([]job.Curve{curve("y", 1, []int64{10, 11}, x.ys...)})
		page := write(t, info, traces)
		svg := regexp.MustCompile(`(?s)<svg viewBox.*?</svg>`).FindString(page)
		marks := regexp.MustCompile(`text-anchor="end">([^<]*)<`).FindAllStringSubmatch(svg, -1)
		got := make([]string, 0, len(marks))
		for _, m := range marks {
			got = append(got, html.UnescapeString(m[1]))
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%v: got %q, want %q", x.ys, got, x.want)
		}
	}
}

// The most curves that a job can have make a page within its limit, which says so.
func TestManyCurves(t *testing.T) {
	at, ys := make([]int64, job.MaxPoints), make([]float64, job.MaxPoints)
	for i := range ys {
		at[i], ys[i] = int64(10+i), math.Sin(float64(i*i))
	}
	all := make([][]job.Curve, 0, 8)
	for task := range 8 {
		list := make([]job.Curve, 0, job.MaxCurves)
		for i := range job.MaxCurves {
			list = append(list, curve(fmt.Sprintf("many/%0*d", job.MaxCurveName-5, task*job.MaxCurves+i), 1, at, ys...))
		}
		all = append(all, list)
	}
	info, traces := plotted(all...)
	for _, tr := range traces {
		tr.Steps, tr.Width, tr.TrackWidth = 640, 32, 32
		if !tr.Valid(tr.Task, tr.Peers) {
			t.Fatal("not valid")
		}
	}
	page := write(t, info, traces)
	if !strings.Contains(page, "Of 128 curves that the program has plotted, the first 16 by name are drawn.") || strings.Count(page, `class="key"`) != 16 || len(cells(page)) != 16 {
		t.Error("the page does not say which curves are drawn")
	}
}
