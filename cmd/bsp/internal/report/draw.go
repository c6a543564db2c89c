package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The size of a picture in the units of its viewBox.
const (
	pageWidth = 960.0
	left      = 76.0 // room for the labels of the y axis
	right     = 34.0
	plotWidth = pageWidth - left - right
)

// tick is a mark of an axis.
type tick struct {
	At    float64
	Label string
}

// ticks returns round numbers from lo to hi, some n of them, at their place between 0
// and length.
func ticks(lo, hi, length float64, n int, label func(float64) string) []tick {
	if hi <= lo {
		return []tick{{0, label(lo)}}
	}
	step := round((hi - lo) / float64(n))
	var list []tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ { // where lo and hi are multiples but for rounding, they are marked
		list = append(list, tick{max((i*step-lo)/(hi-lo)*length, 0), label(i*step + 0)}) // +0 of -0
	}
	return list
}

// round returns the next of 1, 2, 5, 10, 20, … that is not smaller than x.
func round(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// short writes a number with at most three digits and k, M, G or T.
func short(x float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(x) >= u.size*0.9995 {
			return digits(x/u.size) + u.name
		}
	}
	return digits(x)
}

func digits(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

// seconds writes nanoseconds as s, ms, µs or ns.
func seconds(ns float64) string {
	switch a := math.Abs(ns); {
	case a == 0:
		return "0"
	case a >= 1e9*0.9995:
		return long(ns/1e9) + " s"
	case a >= 1e6*0.9995:
		return long(ns/1e6) + " ms"
	case a >= 1e3*0.9995:
		return long(ns/1e3) + " µs"
	}
	return long(ns) + " ns"
}

// long writes three digits, and all that are before the point.
func long(x float64) string {
	if math.Abs(x) >= 999.5 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return digits(x)
}

// area is the path of a step function: heights[i] from xs[i] to xs[i+1], on a base line
// at y, scaled by height.
func area(xs, heights []float64, y, height float64) string {
	if len(heights) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%s %s", coord(xs[0]), coord(y))
	last := coord(y)
	for i, h := range heights {
		if at := coord(y - h*height); at != last || i == 0 {
			if i > 0 {
				fmt.Fprintf(&b, "H%s", coord(xs[i]))
			}
			fmt.Fprintf(&b, "V%s", at)
			last = at
		}
	}
	fmt.Fprintf(&b, "H%sV%sZ", coord(xs[len(heights)]), coord(y))
	return b.String()
}

// coord writes a coordinate with one digit after the point.
func coord(x float64) string {
	return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
}
