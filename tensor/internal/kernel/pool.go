package kernel

// A Pool is a pooling over windows of planes, which lie whole inside, one plane after the
// other. The largest value of a window is the first of equals, and NaN, the first one, where
// one is; Picks are their places in the plane. A mean is the sum, row by row, divided.
type Pool struct {
	Out   []float32
	Picks []int32 // beside Out; nil for means
	In    []float32

	planes, rows int
	window       [2]int
	apart        int     // columns from one window to the next
	outStep      int     // bytes from one row of Out to the next
	down         int     // bytes from one row of windows to the next
	row          int     // bytes from one row of In to the next
	plane        int     // bytes from one plane of In to the next
	first        int32   // column of the first window
	count        float32 // places of a window
	rowPlaces    int32
	downPlaces   int32
	mask         [3]uint64 // of the first vector loaded, the second, and of what is stored
}

// Windows are the sizes of a pooling. Pairs are down and across.
type Windows struct {
	Planes         int
	Size           [2]int // of a plane
	Out            [2]int // windows of a plane
	Window, Stride [2]int
}

// check panics where the assembly would reach outside of a slice.
func (w *Windows) check(out, in, picks int) {
	for d := range 2 {
		if w.Window[d] < 1 || w.Stride[d] < 1 || w.Out[d] < 1 || (w.Out[d]-1)*w.Stride[d]+w.Window[d] > w.Size[d] {
			panic("kernel: windows beyond their plane")
		}
	}
	small := w.Planes * w.Out[0] * w.Out[1]
	if out < small || picks < small || in < w.Planes*w.Size[0]*w.Size[1] {
		panic("kernel: planes beyond their slices")
	}
}

// MaxPool sets out to the largest values of windows of in, and picks to their places.
func (i ISA) MaxPool(out []float32, picks []int32, in []float32, w Windows) {
	if w.Planes < 1 {
		return
	}
	w.check(len(out), len(in), len(picks))
	if i == Plain || w.Stride[1] > 2 {
		w.largest(out, picks, in)
		return
	}
	for at := 0; at < w.Out[1]; at += i.Lanes() {
		p := w.vector(i, at)
		p.Out, p.Picks, p.In = out[at:], picks[at:], in[p.first:]
		i.maxPool(&p)
	}
}

// MeanPool sets out to the means of windows of in.
func (i ISA) MeanPool(out, in []float32, w Windows) {
	if w.Planes < 1 {
		return
	}
	w.check(len(out), len(in), len(out))
	if i == Plain || w.Stride[1] > 2 {
		w.means(out, in)
		return
	}
	for at := 0; at < w.Out[1]; at += i.Lanes() {
		p := w.vector(i, at)
		p.Out, p.In = out[at:], in[p.first:]
		i.meanPool(&p)
	}
}

// MaxPoolGrad sets in to the gradient: the sums of what windows in out have whose pick a place is.
// Picks are places of their window.
func (i ISA) MaxPoolGrad(in, out []float32, picks []int32, w Windows) {
	if w.Planes < 1 {
		return
	}
	w.check(len(out), len(in), len(picks))
	if i == Plain || !w.paired() {
		w.toLargest(in, out, picks)
		return
	}
	w.clearBetween(in)
	for at := 0; at < w.Out[1]; at += i.Lanes() {
		p := w.pairs(i, at)
		p.Out, p.Picks, p.In = out[at:], picks[at:], in[p.first:]
		i.poolGrad(&p)
	}
}

// MeanPoolGrad sets in to the gradient: what windows in out have is shared out evenly, and added up.
func (i ISA) MeanPoolGrad(in, out []float32, w Windows) {
	if w.Planes < 1 {
		return
	}
	w.check(len(out), len(in), len(out))
	if i == Plain || !w.paired() {
		w.toMeans(in, out)
		return
	}
	w.clearBetween(in)
	for at := 0; at < w.Out[1]; at += AVX2.Lanes() {
		p := w.pairs(AVX2, at)
		p.Out, p.In = out[at:], in[p.first:]
		i.meanGrad(&p)
	}
}

// paired reports whether windows have two columns and lie side by side.
func (w *Windows) paired() bool {
	return w.Window[1] == 2 && w.Stride[1] == 2 && w.Window[0] <= w.Stride[0]
}

// clearBetween sets what paired windows do not reach to 0.
func (w *Windows) clearBetween(in []float32) {
	for d := range 2 {
		if w.Out[d]*w.Window[d] < w.Size[d] {
			clear(in[:w.Planes*w.Size[0]*w.Size[1]])
			return
		}
	}
}

// pairs prepares the vector of paired windows at column at, of which two vectors of places are stored.
func (w *Windows) pairs(i ISA, at int) Pool {
	p := w.vector(i, at)
	n := min(i.Lanes(), w.Out[1]-at)
	p.mask[0], p.mask[1] = i.mask(2*n), i.mask(2*n-i.Lanes())
	return p
}

// toLargest is MaxPoolGrad in Go.
func (w *Windows) toLargest(in, out []float32, picks []int32) {
	small, large := w.Out[0]*w.Out[1], w.Size[0]*w.Size[1]
	clear(in[:w.Planes*large])
	for n := range w.Planes {
		plane, dy := in[n*large:][:large], out[n*small:][:small]
		for k, at := range picks[n*small:][:small] {
			plane[at] += dy[k]
		}
	}
}

// toMeans is MeanPoolGrad in Go.
func (w *Windows) toMeans(in, out []float32) {
	clear(in[:w.Planes*w.Size[0]*w.Size[1]])
	n := float32(w.Window[0] * w.Window[1])
	w.corners(func(k, corner, _ int) {
		x := out[k] / n
		for i := range w.Window[0] {
			row := in[corner+i*w.Size[1]:][:w.Window[1]]
			for j := range row {
				row[j] += x
			}
		}
	})
}

// vector prepares the vector of windows at column at of those of each row.
func (w *Windows) vector(i ISA, at int) Pool {
	const bytes = 4
	p := Pool{planes: w.Planes, rows: w.Out[0], window: w.Window, apart: w.Stride[1], count: float32(w.Window[0] * w.Window[1])}
	p.outStep, p.row, p.plane = bytes*w.Out[1], bytes*w.Size[1], bytes*w.Size[0]*w.Size[1]
	p.down = p.row * w.Stride[0]
	p.rowPlaces, p.downPlaces = int32(w.Size[1]), int32(w.Size[1]*w.Stride[0])
	p.first = int32(at * w.Stride[1])
	n := min(i.Lanes(), w.Out[1]-at)
	loaded := (n-1)*w.Stride[1] + 1
	p.mask = [3]uint64{i.mask(loaded), i.mask(loaded - i.Lanes()), i.mask(n)}
	return p
}

// mask is one of n lanes, of all if there are more: bits of a mask register, or an offset into a
// row of lanes that are set, then not.
func (i ISA) mask(n int) uint64 {
	n = min(max(n, 0), i.Lanes())
	if i == AVX512 {
		return 1<<n - 1
	}
	return uint64(4 * (i.Lanes() - n))
}

// corners calls f with each window's number and where it begins in in.
func (w *Windows) corners(f func(window, corner, plane int)) {
	k := 0
	for n := range w.Planes {
		plane := n * w.Size[0] * w.Size[1]
		for y := range w.Out[0] {
			for x := range w.Out[1] {
				f(k, plane+y*w.Stride[0]*w.Size[1]+x*w.Stride[1], plane)
				k++
			}
		}
	}
}

// largest is MaxPool in Go.
func (w *Windows) largest(out []float32, picks []int32, in []float32) {
	w.corners(func(k, corner, plane int) {
		most, pick := in[corner], corner
		for i := range w.Window[0] {
			row := corner + i*w.Size[1]
			for j, x := range in[row:][:w.Window[1]] {
				if most == most && (x > most || x != x) {
					most, pick = x, row+j
				}
			}
		}
		out[k], picks[k] = most, int32(pick-plane)
	})
}

// means is MeanPool in Go.
func (w *Windows) means(out, in []float32) {
	n := float32(w.Window[0] * w.Window[1])
	w.corners(func(k, corner, _ int) {
		sum := float32(0)
		for i := range w.Window[0] {
			for _, x := range in[corner+i*w.Size[1]:][:w.Window[1]] {
				sum += x
			}
		}
		out[k] = sum / n
	})
}
