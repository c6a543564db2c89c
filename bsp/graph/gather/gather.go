package gather

import "scalar/superstep"

// Reach is how many values a number of 16 bits leads to.
const Reach = 1 << 16

// Rows puts what comes to each of rows along so many edges into its place of sums. The sources of a
// row lie one after the other, those of all rows too. From four edges on there are four chains
// of additions: edge i of each whole eight belongs to chain i%4, and so on through a four, a two
// and a one, which belongs to the third; they are added as (0 + 1) + (2 + 3). It panics if there
// are fewer sources than that; rows must be places of sums.
func Rows(rows []uint32, sources []uint16, edges int, values *[Reach]float64, sums []float64) {
	if len(rows) == 0 {
		return
	}
	addRows(rows, sources[:len(rows)*edges], edges, values, sums)
}

// Cell adds what comes along each of edges to a sum, one edge after the other: the upper 16 bits are
// its place in values, the lower that in sums. Meanwhile it fetches ahead, which is read next, into
// the cache, as far as it comes.
func Cell(edges []uint32, values, sums *[Reach]float64, ahead []float64) {
	addCell(edges, values, sums, ahead)
}

// StripRows is how many rows lie side by side in a strip.
const StripRows = 4

// StripLen returns how many numbers a strip takes whose rows have so many edges.
func StripLen(edges int) int { return StripRows / 2 * (1 + edges) }

// Strips adds what comes along the edges of strips to sums. A strip is four different rows of so many
// edges each: first the rows' places in sums, then the place in values of each row's first edge, then of each
// one's second, and so on, all as 16 bits, the lower half of a number before the upper (the sliced ELLPACK
// format: Monakov, Lokhmotov, Avetisyan, Automatically tuning sparse matrix-vector multiplication for GPU
// architectures, HiPEAC 2010). To each sum one edge is added after the other, as by Cell, and those of four
// rows are under way at a time. It panics if a part of a strip is left over.
func Strips(strips []uint32, edges int, values, sums *[Reach]float64) {
	if checkStrips(strips, edges); len(strips) > 0 {
		addStrips(strips, edges, values, sums)
	}
}

func checkStrips(strips []uint32, edges int) {
	if edges < 0 || len(strips)%StripLen(edges) != 0 {
		panic("gather: a part of a strip")
	}
}

// PlainRows is Rows for all kinds of numbers.
func PlainRows[M superstep.Number](rows []uint32, sources []uint16, edges int, values *[Reach]M, sums []M) {
	switch edges {
	case 0:
		for _, v := range rows {
			sums[v] = 0
		}
	case 1:
		for i, u := range sources[:len(rows)] {
			sums[rows[i]] = values[u]
		}
	case 2:
		for i, v := range rows {
			row := (*[2]uint16)(sources[2*i:])
			sums[v] = values[row[0]] + values[row[1]]
		}
	case 3:
		for i, v := range rows {
			row := (*[3]uint16)(sources[3*i:])
			sums[v] = values[row[0]] + values[row[1]] + values[row[2]]
		}
	default:
		for i, v := range rows {
			sums[v] = sumRow(sources[i*edges:][:edges], values)
		}
	}
}

// sumRow adds up what comes along four edges or more.
func sumRow[M superstep.Number](row []uint16, values *[Reach]M) M {
	var a, b, c, e M
	for len(row) >= 8 {
		a += values[row[0]]
		b += values[row[1]]
		c += values[row[2]]
		e += values[row[3]]
		a += values[row[4]]
		b += values[row[5]]
		c += values[row[6]]
		e += values[row[7]]
		row = row[8:]
	}
	if len(row) >= 4 {
		a += values[row[0]]
		b += values[row[1]]
		c += values[row[2]]
		e += values[row[3]]
		row = row[4:]
	}
	if len(row) >= 2 {
		a += values[row[0]]
		b += values[row[1]]
		row = row[2:]
	}
	if len(row) == 1 {
		c += values[row[0]]
	}
	return (a + b) + (c + e)
}

// PlainCell is Cell for all kinds of numbers. It fetches nothing.
func PlainCell[M superstep.Number](edges []uint32, values, sums *[Reach]M, _ []M) {
	for _, e := range edges {
		sums[e%Reach] += values[e>>16]
	}
}

// PlainStrips is Strips for all kinds of numbers.
func PlainStrips[M superstep.Number](strips []uint32, edges int, values, sums *[Reach]M) {
	checkStrips(strips, edges)
	size := StripLen(edges)
	for ; len(strips) > 0; strips = strips[size:] {
		a, b, c, d := &sums[strips[0]%Reach], &sums[strips[0]>>16], &sums[strips[1]%Reach], &sums[strips[1]>>16]
		for i := 2; i < size; i += 2 {
			*a += values[strips[i]%Reach]
			*b += values[strips[i]>>16]
			*c += values[strips[i+1]%Reach]
			*d += values[strips[i+1]>>16]
		}
	}
}
