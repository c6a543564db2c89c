package kernel

// An ISA is a set of instructions that the kernels are written in.
type ISA int

// The sets, from slow to fast.
const (
	Plain  ISA = iota // Go
	AVX2              // with FMA; amd64
	AVX512            // F and DQ, and AVX2's packing; amd64
)

// String names the set as people do.
func (i ISA) String() string { return [...]string{"plain Go", "AVX2", "AVX-512"}[i] }

// Best returns the fastest set that this processor has.
func Best() ISA {
	for i := AVX512; i > Plain; i-- {
		if i.Usable() {
			return i
		}
	}
	return Plain
}

// MR returns the rows of a tile of C.
func (i ISA) MR() int { return [...]int{4, 4, 8}[i] }

// Lanes returns the values in a vector: panels of B are whole vectors wide.
func (i ISA) Lanes() int { return [...]int{8, 8, 16}[i] }

// NR returns the columns of a tile of C.
func (i ISA) NR() int { return 3 * i.Lanes() }

// Columns returns how many columns the next tile takes where so many are left: [ISA.NR], or all, but with
// AVX2 two vectors of four. One vector of four rows has too few chains for an FMA to end before it is needed.
func (i ISA) Columns(left int) int {
	if i == AVX2 && left > i.NR() && left <= i.NR()+i.Lanes() {
		return 2 * i.Lanes()
	}
	return min(left, i.NR())
}

// Width returns the width of a panel that holds n of NR columns or less.
func (i ISA) Width(n int) int { return (n + i.Lanes() - 1) / i.Lanes() * i.Lanes() }
