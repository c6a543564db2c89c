package kernel

import "math"

// A line has the numbers of all bytes: that of b is float32(fma(slope, b, start)). Scaled bytes have one.
type line struct{ slope, start float64 }

func (l line) at(b int) float32 { return float32(math.FMA(l.slope, float64(b), l.start)) }

// lineOf returns the line that the numbers are rounded values of, or nil. Each number is what an interval of
// reals is rounded to; of a slope, the intervals of b's start that all bytes leave have a width that is
// concave in the slope and above 0 only where the slope is right.
func lineOf(numbers *[256]float32) *line {
	var low, high [256]float64
	for b, x := range numbers {
		low[b] = (float64(x) + float64(math.Nextafter32(x, float32(math.Inf(-1))))) / 2
		high[b] = (float64(x) + float64(math.Nextafter32(x, float32(math.Inf(1))))) / 2
	}
	starts := func(slope float64) (from, to float64) {
		from, to = math.Inf(-1), math.Inf(1)
		for b := range numbers {
			from, to = max(from, low[b]-slope*float64(b)), min(to, high[b]-slope*float64(b))
		}
		return from, to
	}
	width := func(slope float64) float64 {
		from, to := starts(slope)
		return to - from
	}
	const last = len(numbers) - 1
	flat, steep := (low[last]-high[0])/float64(last), (high[last]-low[0])/float64(last)
	for range 100 {
		third := (steep - flat) / 3
		left, right := width(flat+third), width(steep-third)
		if left <= right {
			flat += third
		}
		if left >= right {
			steep -= third
		}
	}
	from, to := starts((flat + steep) / 2)
	l := &line{(flat + steep) / 2, (from + to) / 2}
	for b, x := range numbers {
		if math.Float32bits(l.at(b)) != math.Float32bits(x) {
			return nil
		}
	}
	return l
}
