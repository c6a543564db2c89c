package kernel

// A Coded is what rows of bytes, each of which stands for a number, differ in from a base: what [Differences] are of the numbers, where no
// other byte has a base's number.
type Coded struct {
	At      []uint32
	By      []float32 // the number less that of the base
	Starts  []uint32  // as those of Differences
	Rows    [][]byte
	Base    []byte
	Numbers *[256]float32
	From    int  // of a row's bytes
	Cols    int  // how many from there on
	Same    bool // Base has a byte for each row; else one for each column
}

// TakesCoded reports whether DifferCoded is faster than Differ on what the bytes are spelled as: where bytes can be compressed.
func (i ISA) TakesCoded() bool { return i == AVX512 && compressesBytes() }

// DifferCoded lists them, and panics as [ISA.Differ] does.
func (i ISA) DifferCoded(d *Coded) {
	rows := len(d.Starts) - 1
	if rows < 1 {
		return
	}
	d.check(rows)
	if i.TakesCoded() {
		i.differCoded(d)
		return
	}
	n := d.Starts[0]
	for r := range rows {
		for c, x := range d.Rows[r][d.From:][:d.Cols] {
			at := c
			if d.Same {
				at = r
			}
			if base := d.Base[at]; x != base {
				d.At[n], d.By[n] = uint32(c), d.Numbers[x]-d.Numbers[base]
				n++
			}
		}
		d.Starts[r+1] = n
	}
}

// check panics where the assembly would reach outside of a slice.
func (d *Coded) check(rows int) {
	base := d.Cols
	if d.Same {
		base = rows
	}
	room := int(d.Starts[0]) + Differing(rows*d.Cols)
	if len(d.Base) < base || len(d.Rows) < rows || d.From < 0 || d.Cols < 0 || min(len(d.At), len(d.By)) < room {
		panic("kernel: too little room for differences")
	}
	for _, row := range d.Rows[:rows] {
		if len(row) < d.From+d.Cols {
			panic("kernel: a row is too short")
		}
	}
}

// CodedBlock is how many rows and columns of bytes TurnCoded takes, at most.
const CodedBlock = 64

// TurnCoded sets to to so many columns of rows of bytes, from a byte on, [CodedBlock] bytes from one to the next: those of the rows, and
// behind them what was there. Columns behind them are set to anything.
func (i ISA) TurnCoded(to *[CodedBlock * CodedBlock]byte, rows [][]byte, from, cols int) {
	const some = 16 // rows at a time
	rows = rows[:min(len(rows), CodedBlock)]
	r := 0
	if i.TakesCoded() {
		for ; r+some <= len(rows); r += some {
			for _, row := range rows[r:][:some] {
				_ = row[from:][:cols]
			}
			i.turnCoded(&turning{&to[r], rows[r:], from, 1<<cols - 1})
		}
	}
	for ; r < len(rows); r++ {
		for c, x := range rows[r][from:][:cols] {
			to[c*CodedBlock+r] = x
		}
	}
}

// A turning is what the assembly is told.
type turning struct {
	to   *byte
	rows [][]byte
	from int
	mask uint64 // of columns
}
