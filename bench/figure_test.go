package bench_test

import (
	"strings"
	"testing"

	"scalar/bench"
)

func TestFigure(t *testing.T) {
	f := bench.Figure{Name: "x", Unit: "ms", Samples: []float64{5, 1, 3}, Mark: 3}
	if f.Median() != 3 || f.Max() != 5 || !f.Met() {
		t.Errorf("median %v, max %v, met %v", f.Median(), f.Max(), f.Met())
	}
	if f.Mark = 2.9; f.Met() {
		t.Error("3 meets a mark of 2.9")
	}
	if (bench.Figure{Mark: 1}).Met() {
		t.Error("no sample meets a mark")
	}
	if even := (bench.Figure{Samples: []float64{8, 1, 2, 3}}).Median(); even != 2.5 {
		t.Errorf("the median of an even number of samples is %v", even)
	}
	var b strings.Builder
	if err := bench.WriteMarkdown(&b, []bench.Figure{f}); err != nil || !strings.Contains(b.String(), "| x | 3 ms | 1–5 (3) | ≤ 2.9 ms | no | – | – |") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestFigureWithoutSamples(t *testing.T) {
	var b strings.Builder
	f := bench.Figure{Name: "z", Unit: "times", Mark: 3, AtLeast: true, Note: "not measured: no java"}
	if err := bench.WriteMarkdown(&b, []bench.Figure{f}); err != nil || !strings.Contains(b.String(), "| z | – | – | ≥ 3 times | – | – | – |  | not measured: no java |\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestFigureBesideItsLimit(t *testing.T) {
	f := bench.Figure{Name: "y", Unit: "GB/s", Samples: []float64{2, 1, 2}, Mark: 1.5, AtLeast: true, Limit: []float64{4, 4, 5}, Floor: "bare"}
	if !f.Met() || f.Behind() != 2 {
		t.Errorf("median %v, met %v, %v times the limit", f.Median(), f.Met(), f.Behind())
	}
	if f.AtLeast = false; f.Met() || f.Behind() != 0.5 {
		t.Errorf("median %v, met %v, %v times the limit", f.Median(), f.Met(), f.Behind())
	}
	if (bench.Figure{Mark: 1, AtLeast: true}).Met() || (bench.Figure{}).Behind() != 0 {
		t.Error("no sample meets a mark or has a ratio")
	}
	var b strings.Builder
	f.AtLeast = true
	if err := bench.WriteMarkdown(&b, []bench.Figure{f}); err != nil || !strings.Contains(b.String(), "| ≥ 1.5 GB/s | yes | 4 GB/s, bare | 2.00 |") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
