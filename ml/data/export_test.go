package data

import "math/big"

// Parse32 and Parse64 read numbers; finite is false for anything else.
func Parse32(b []byte) (x float32, finite bool) {
	x, kind := parse32(b)
	return x, kind == number
}

// Parse64 is Parse32 for float64.
func Parse64(b []byte) (x float64, finite bool) {
	x, kind := parse64(b)
	return x, kind == number
}

// ExactSum adds up numbers in groups, each a sum of its own that travels to the next.
func ExactSum(groups ...[]float64) (*big.Rat, bool) {
	var all sum
	for _, g := range groups {
		var part, told sum
		for _, x := range g {
			part.add(x)
		}
		if !told.take(part.wire()) {
			return nil, false
		}
		all.merge(&told)
	}
	return all.value(), true
}

// Moments is moments.
var Moments = moments

// Fields cuts all lines of a text, and returns how many were cut before an error.
func Fields(b []byte, separator byte) (lines [][]string, err error) {
	s := splitter{separator: separator}
	for i := 0; i < len(b); {
		if i, err = s.next(b, i); err != nil {
			return lines, err
		}
		if len(s.fields) == 0 {
			continue
		}
		line := make([]string, len(s.fields))
		for j, f := range s.fields {
			line[j] = string(f)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// Half is half.
var Half = half
