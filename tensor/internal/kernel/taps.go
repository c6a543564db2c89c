package kernel

// Taps are rows of a product whose left operand is an image as it lies: row r of C, a vector,
// becomes
//
//	fma(Image[place of k + offset of r], Panel[k], … C[r])
//
// with k ascending through the places of the taps, row by row.
type Taps struct {
	image, panel, c []float32
	offsets         []int // of rows, in bytes
	cols, left      int   // places in a row, rows that are left
	step, jump      int   // bytes from one place to the next, and besides from a row's end
	vectors         int   // of a row of C; AVX-512 has one
}

// TapLanes returns how many columns [ISA.AddTaps] takes at a time for n, or 0 if the set has no vectors:
// one vector of either set, or two of AVX2.
func (i ISA) TapLanes(n int) int {
	switch {
	case i == Plain:
		return 0
	case n <= AVX2.Lanes():
		return AVX2.Lanes()
	}
	return AVX512.Lanes()
}

// AddTaps adds to sums, taps × lanes, the products of what each tap of an image meets and
// panel, places × lanes, as chains with places ascending.
func (i ISA) AddTaps(sums, image, panel []float32, lanes int, m *Images) {
	n := len(m.Offsets)
	if len(image) < m.values() || len(sums) < n*lanes || len(panel) < m.Out[0]*m.Out[1]*lanes {
		panic("kernel: taps beyond their slices")
	}
	t := Taps{cols: m.Out[1], step: bytesOf * m.Step[1]}
	t.jump = bytesOf*m.Step[0]*m.Size[1] - t.cols*t.step
	most := 8 // rows at once
	if lanes == AVX512.Lanes() && i == AVX2 {
		t.vectors, most = 2, 6
	}
	rows := max(1, panelPlaces/t.cols)
	blocks := (n + most - 1) / most
	for y := 0; y < m.Out[0]; y += rows {
		t.image, t.panel = image[y*m.Step[0]*m.Size[1]:], panel[y*t.cols*lanes:]
		for b := range blocks {
			from, to := b*n/blocks, (b+1)*n/blocks
			t.offsets, t.c, t.left = m.Offsets[from:to], sums[from*lanes:], min(rows, m.Out[0]-y)
			if lanes == AVX512.Lanes() && i == AVX512 {
				AVX512.taps(&t)
			} else {
				AVX2.taps(&t)
			}
		}
	}
}

// panelPlaces is how many places of a panel stay near while all taps go through them: 64 KiB.
const panelPlaces = 1024
