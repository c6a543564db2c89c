package kernel

// A Fold sums columns back into a vector of each row of a channel of an image: what each tap
// met there, in the order of taps.
type Fold struct {
	out, columns []float32
	rows         []foldRow
	masks        []uint64   // a tap across each: the lanes that it met
	lanes        [][8]int32 // the same as masks
	window       int        // taps across
	tap, down    int        // bytes from one tap to the next, and besides to the next row of taps
	outStep      int        // bytes from one row of out to the next
	mask         uint64     // of the vector in out
}

// A foldRow is what the sums of a row of an image begin with.
type foldRow struct {
	at, n int // in the columns of a channel, in bytes; rows of the window
}

// Folding keeps what a fold of images needs, to be used again.
type Folding struct {
	rows  []foldRow
	masks []uint64
	lanes [][8]int32
}

// Fold sets an image, of the size m has without pad, to sums of columns, taps × places, by the
// places that they met in the image with its padding. Steps are 1 and 1, and the set has vectors.
func (i ISA) Fold(image, columns []float32, m *Images, pad [2]int, w *Folding) {
	in, places := [2]int{m.Size[0] - 2*pad[0], m.Size[1] - 2*pad[1]}, m.Out[0]*m.Out[1]
	if i == Plain || m.Step != [2]int{1, 1} || len(image) < m.Channels*in[0]*in[1] || len(columns) < len(m.Offsets)*places {
		panic("kernel: columns beyond their slices")
	}
	f := Fold{window: m.Window[1], tap: bytesOf * (places - 1), down: bytesOf * (m.Window[1] - m.Out[1]), outStep: bytesOf * in[1]}
	for x := 0; x < in[1]; x += i.Lanes() {
		w.lay(m, in, pad, x, i.Lanes())
		f.rows, f.masks, f.lanes = w.rows, w.masks, w.lanes
		f.mask = i.mask(in[1] - x)
		for c := range m.Channels {
			f.out, f.columns = image[c*in[0]*in[1]+x:], columns[c*m.Window[0]*m.Window[1]*places:]
			i.fold(&f)
		}
	}
}

// lay prepares the vector at column x.
func (w *Folding) lay(m *Images, in, pad [2]int, x, lanes int) {
	w.rows, w.masks, w.lanes = w.rows[:0], w.masks[:0], w.lanes[:0]
	x += pad[1]
	for y := range in[0] {
		y += pad[0]
		from, to := max(0, y-m.Out[0]+1), min(m.Window[0]-1, y)
		at := (from*m.Window[1]*m.Out[0]+y-from)*m.Out[1] + x
		w.rows = append(w.rows, foldRow{bytesOf * at, max(0, to-from+1)})
	}
	for j := range m.Window[1] {
		mask, set := uint64(0), [8]int32{}
		for lane := range lanes {
			if at := x + lane - j; at < 0 || at >= m.Out[1] {
				continue
			}
			mask |= 1 << lane
			if lane < len(set) {
				set[lane] = -1
			}
		}
		w.masks, w.lanes = append(w.masks, mask), append(w.lanes, set)
	}
}
