package kernel

// A Tile is rows of C, of a few vectors each, and the panels that they are the product of:
//
//	C[r][c] = φ(chain + Bias[c]),  chain = fma(A[K-1][r], B[K-1][c], … fma(A[0][r], B[0][c], start))
//
// where start is C[r][c] with Load and 0 without, and φ is the larger of 0 and its
// argument with ReLU (of NaN it is NaN) and nothing without. The bias is added after
// the chain; nil is none.
//
// Value r of column k of A is A[r·ARow+k·AStep]. With an AStep of 0, A is packed: panels of [ISA.MR] rows, and
// one of those that are left, have their columns one after the other, and lie side by side. Row k of B begins at k·BStep, and has [ISA.Width]
// of the columns that [Tile.SetCols] was told. C is row-major with Stride values from row
// to row. Columns of C beyond those are neither read nor written.
type Tile struct {
	A, B, C, Bias []float32
	next          []float32 // C of the rows that come next, to be brought near; nil: none
	K, Stride     int
	Rows          int // from 1
	Flags         int

	vectors int // of a row
	mask    [3]uint64
	cols    int
	width   int

	ARow, AStep int // in values
	BStep       int

	tiles, jump int // of [ISA.MR] rows each, counted down by AVX2; bytes of A from behind the columns of one to the next

	second []float32 // see [ISA.RunPair]
}

// Flags of a tile.
const (
	Load = 1 << iota // C += A·B
	ReLU
	whole // all lanes of the vectors are columns of C
)

// SetCols says how many columns the tile has, 1 to [ISA.NR].
func (t *Tile) SetCols(i ISA, cols int) {
	lanes := i.Lanes()
	t.cols, t.width, t.vectors = cols, i.Width(cols), (cols+lanes-1)/lanes
	t.Flags &^= whole
	if t.cols == t.width {
		t.Flags |= whole
	}
	for v := range t.mask {
		in := min(max(cols-v*lanes, 0), lanes)
		if i == AVX512 {
			t.mask[v] = 1<<in - 1
		} else {
			t.mask[v] = uint64(4 * (lanes - in)) // into a row of lanes that are set, then not
		}
	}
}

// check panics where the assembly would reach outside of a slice.
func (t *Tile) check(i ISA) {
	if t.Rows < 1 || t.cols < 1 || t.cols > i.NR() || min(t.K, t.Stride, t.ARow, t.AStep, t.BStep) < 0 {
		panic("kernel: a tile of an impossible shape")
	}
	last := (t.Rows-1)*t.ARow + (t.K-1)*t.AStep
	if t.AStep == 0 {
		last = t.Rows*t.K - 1
	}
	short := t.K > 0 && (len(t.A) <= last || len(t.B) < (t.K-1)*t.BStep+t.width)
	if short || len(t.C) < (t.Rows-1)*t.Stride+t.cols || t.Bias != nil && len(t.Bias) < t.cols {
		panic("kernel: a tile beyond its slices")
	}
}

// Run computes the rows, [ISA.MR] at a time. See [Tile].
func (i ISA) Run(t *Tile) {
	t.check(i)
	all := [...][]float32{t.A, t.C}
	rows, step, mr := t.Rows, t.AStep, i.MR()
	aTile := mr * t.ARow
	if step == 0 {
		t.ARow, aTile = 1, mr*t.K
	}
	for left := rows; ; {
		t.Rows, t.next = min(left, mr), nil
		tiles := 1
		if i == AVX2 {
			tiles = max(left/mr, 1)
		}
		if step == 0 {
			t.AStep = t.Rows
		}
		t.tiles, t.jump = tiles, bytesOf*(aTile-t.K*t.AStep)
		done := tiles * t.Rows
		if left > done {
			t.next = t.C[done*t.Stride:]
		}
		i.tile(t)
		if left -= done; left == 0 {
			break
		}
		t.A, t.C = t.A[min(tiles*aTile, len(t.A)):], t.next // of no columns there may be none
	}
	t.A, t.C, t.Rows, t.AStep = all[0], all[1], rows, step
}

// Pairs reports whether [ISA.RunPair] computes two panels of so many columns each.
func (i ISA) Pairs(cols int) bool { return i != Plain && cols == i.Width(cols) }

// RunPair computes a tile of one row, and beside it that of another panel of as many columns, the columns behind those of
// the first: values of A, and of both panels, lie side by side. A row of one panel has so few chains that each waits for its last sum.
func (i ISA) RunPair(t *Tile, second []float32) {
	t.check(i)
	switch {
	case !i.Pairs(t.cols), t.Rows != 1, t.AStep > 1, t.BStep != t.width, len(second) < t.K*t.width:
		panic("kernel: no two panels of one row")
	case len(t.C) < 2*t.cols, t.Bias != nil && len(t.Bias) < 2*t.cols:
		panic("kernel: a tile beyond its slices")
	}
	t.second = second
	i.pair(t)
	t.second = nil
}

// plain is the tile in Go.
func (t *Tile) plain() {
	for r := range t.Rows {
		row := t.C[r*t.Stride:][:t.cols]
		if t.Flags&Load == 0 {
			clear(row)
		}
		c := 0
		for ; c+4 <= len(row); c += 4 {
			t.dot4(row[c:c+4], r, c)
		}
		for ; c < len(row); c++ {
			s := row[c]
			for k := range t.K {
				s = FMA(t.A[r*t.ARow+k*t.AStep], t.B[k*t.BStep+c], s)
			}
			row[c] = s
		}
		t.finish(row)
	}
}

// dot4 continues four chains side by side. It is FMA, written out because calls cost
// more than the sums.
func (t *Tile) dot4(to []float32, r, c int) {
	s0, s1, s2, s3 := to[0], to[1], to[2], to[3]
	for k := range t.K {
		a, b := t.A[r*t.ARow+k*t.AStep], t.B[k*t.BStep+c:][:4]
		x := float64(a)
		w0, w1, w2, w3 := x*float64(b[0])+float64(s0), x*float64(b[1])+float64(s1), x*float64(b[2])+float64(s2), x*float64(b[3])+float64(s3)
		if delicate(w0) || delicate(w1) || delicate(w2) || delicate(w3) {
			s0, s1, s2, s3 = FMA(a, b[0], s0), FMA(a, b[1], s1), FMA(a, b[2], s2), FMA(a, b[3], s3)
			continue
		}
		s0, s1, s2, s3 = float32(w0), float32(w1), float32(w2), float32(w3)
	}
	to[0], to[1], to[2], to[3] = s0, s1, s2, s3
}

// finish adds the bias and applies φ to a row.
func (t *Tile) finish(row []float32) {
	if t.Bias != nil {
		for c, b := range t.Bias[:len(row)] {
			row[c] += b
		}
	}
	if t.Flags&ReLU != 0 {
		for c, x := range row {
			if x < 0 {
				row[c] = 0
			}
		}
	}
}
