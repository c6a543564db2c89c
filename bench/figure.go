package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A Figure is one measured quantity beside its limit, measured in the same run, and
// the mark that it should meet.
type Figure struct {
	Name    string
	Unit    string
	Samples []float64
	Mark    float64   // at most this; 0: no mark
	AtLeast bool      // the mark is the least instead: more is better
	Limit   []float64 // what a single-purpose program reaches, sample by sample beside Samples; nil: not measured
	Floor   string    // which program
	Peers   string    // what others reach, and where that was measured
	Note    string    // data plane, tasks, peers, command
}

// Median returns the middle of the samples, NaN-free: 0 without samples.
func (f Figure) Median() float64 { return quantile(f.Samples, 0.5) }

// LimitMedian returns the middle of the limit's samples, 0 without.
func (f Figure) LimitMedian() float64 { return quantile(f.Limit, 0.5) }

// Behind returns how many times worse than its limit the median is; 0 without a limit.
func (f Figure) Behind() float64 {
	ours, limit := f.Median(), f.LimitMedian()
	if f.AtLeast {
		ours, limit = limit, ours
	}
	if limit == 0 {
		return 0
	}
	return ours / limit
}

// Max returns the largest sample.
func (f Figure) Max() float64 { return quantile(f.Samples, 1) }

// Min returns the smallest sample.
func (f Figure) Min() float64 { return quantile(f.Samples, 0) }

// quantile interpolates between neighbours: the median of two samples is their mean.
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(samples))
	at, rest := math.Modf(q * float64(len(s)-1))
	lo := int(at)
	return s[lo] + rest*(s[min(lo+1, len(s)-1)]-s[lo])
}

// Met reports whether the median meets the mark.
func (f Figure) Met() bool {
	switch {
	case f.Mark == 0:
		return true
	case f.AtLeast:
		return f.Median() >= f.Mark
	}
	return len(f.Samples) > 0 && f.Median() <= f.Mark
}

// WriteMarkdown writes the figures as a table. Of one without samples its note says why.
func WriteMarkdown(w io.Writer, figures []Figure) error {
	var b strings.Builder
	b.WriteString("| figure | median | min–max (runs) | mark | met | limit | times the limit | others | how |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range figures {
		mark, met := "–", "–"
		if f.Mark > 0 {
			mark, met = fmt.Sprintf("≤ %s %s", short(f.Mark), f.Unit), "no"
			if f.AtLeast {
				mark = fmt.Sprintf("≥ %s %s", short(f.Mark), f.Unit)
			}
			if f.Met() {
				met = "yes"
			}
		}
		if len(f.Samples) == 0 {
			fmt.Fprintf(&b, "| %s | – | – | %s | – | – | – | %s | %s |\n", f.Name, mark, f.Peers, f.Note)
			continue
		}
		limit, behind := "–", "–"
		if len(f.Limit) > 0 {
			limit = fmt.Sprintf("%s %s, %s", short(f.LimitMedian()), f.Unit, f.Floor)
			behind = fmt.Sprintf("%.2f", f.Behind())
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s–%s (%d) | %s | %s | %s | %s | %s | %s |\n", f.Name, short(f.Median()), f.Unit,
			short(f.Min()), short(f.Max()), len(f.Samples), mark, met, limit, behind, f.Peers, f.Note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func short(x float64) string { return fmt.Sprintf("%.4g", x) }
