package kernel

// Differences are what rows X differ from a base: of each row the columns, ascending, and X less the base there, one row after the other.
type Differences struct {
	At     []uint32
	By     []float32
	Starts []uint32 // one for each row and one more: the first says where to begin in At and By, and the others become the rows' ends
	X      []float32
	Base   []float32
	Step   int  // from a row of X to the next
	Cols   int  // of a row
	Same   bool // Base has a value for each row, the base of all its columns; else one for each column
}

// Differing returns the room that the differences of so many values need: whole vectors are written.
func Differing(values int) int { return values + 16 }

// Differ lists them. NaN differs from everything. It panics where At and By have less room than [Differing] says from the first start on.
func (i ISA) Differ(d *Differences) {
	rows, base := len(d.Starts)-1, d.Cols
	if rows < 1 {
		return
	}
	if d.Same {
		base = rows
	}
	room := int(d.Starts[0]) + Differing(rows*d.Cols)
	if len(d.Base) < base || len(d.X) < (rows-1)*d.Step+d.Cols || d.Step < d.Cols || min(len(d.At), len(d.By)) < room {
		panic("kernel: too little room for differences")
	}
	if i != Plain {
		i.differ(d)
		return
	}
	n := d.Starts[0]
	for r := range rows {
		for c, x := range d.X[r*d.Step:][:d.Cols] {
			at := c
			if d.Same {
				at = r
			}
			base := d.Base[at]
			if x != base {
				d.At[n], d.By[n] = uint32(c), x-base
				n++
			}
		}
		d.Starts[r+1] = n
	}
}
