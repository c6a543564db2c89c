package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestDifferCoded compares with what the numbers of the bytes differ in, for every length and several densities.
func TestDifferCoded(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	var numbers [256]float32
	for i := range numbers {
		numbers[i] = float32(r.NormFloat64())
	}
	numbers[7], numbers[8] = float32(math.Inf(1)), float32(math.NaN())
	for n := range 200 {
		for _, part := range []float64{0, .02, .2, .6, 1} {
			rows := 1 + r.IntN(5)
			d := kernel.Coded{Numbers: &numbers, From: r.IntN(3), Cols: n, Base: codes(r, n)}
			for range rows {
				row := codes(r, d.From+n)
				for i := range n {
					if r.Float64() >= part {
						row[d.From+i] = d.Base[i]
					}
				}
				d.Rows = append(d.Rows, row)
			}
			first := uint32(r.IntN(4))
			agreeCoded(t, d, first, rows)
			d.Base, d.Same = codes(r, rows), true
			for k, row := range d.Rows {
				for i := range row {
					if r.Float64() >= part {
						row[i] = d.Base[k]
					}
				}
			}
			agreeCoded(t, d, first, rows)
		}
	}
}

// codes returns random bytes. Their numbers are finite.
func codes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(9 + r.IntN(247))
	}
	return b
}

// agreeCoded runs it on all processors' kernels. Memory that it must not write has marks.
func agreeCoded(t *testing.T, d kernel.Coded, first uint32, rows int) {
	t.Helper()
	number := func(bytes []byte) (out []float32) {
		for _, b := range bytes {
			out = append(out, d.Numbers[b])
		}
		return out
	}
	room := int(first) + kernel.Differing(rows*d.Cols)
	want := kernel.Differences{Base: number(d.Base), Step: d.Cols, Cols: d.Cols, Same: d.Same, Starts: make([]uint32, rows+1), At: make([]uint32, room), By: make([]float32, room)}
	for _, row := range d.Rows {
		want.X = append(want.X, number(row[d.From:])...)
	}
	want.Starts[0] = first
	kernel.Plain.Differ(&want)
	for _, isa := range kernel.All() {
		at, by := slices.Repeat([]uint32{77}, room+16), slices.Repeat([]float32{77}, room+16)
		d.Starts = make([]uint32, rows+1)
		d.Starts[0], d.At, d.By = first, at[:room], by[:room]
		isa.DifferCoded(&d)
		for i := range room + 16 {
			if (i < int(first) || i >= room) && (at[i] != 77 || by[i] != 77) {
				t.Fatalf("%v: place %d of %d was written", isa, i, room)
			}
		}
		end := want.Starts[rows]
		if !slices.Equal(d.Starts, want.Starts) || !slices.Equal(d.At[first:end], want.At[first:end]) || !slices.Equal(d.By[first:end], want.By[first:end]) {
			t.Fatalf("%v, rows of %d from %d on: %d %d %g, want %d %d %g", isa, d.Cols, first, d.Starts, d.At[first:end], d.By[first:end], want.Starts, want.At[first:end], want.By[first:end])
		}
	}
}

// A number that is not finite is one as others are.
func TestDifferCodedNotFinite(t *testing.T) {
	numbers := [256]float32{1: float32(math.Inf(1)), 2: float32(math.NaN()), 3: 5}
	for _, isa := range kernel.All() {
		room := kernel.Differing(4)
		d := kernel.Coded{Numbers: &numbers, Rows: [][]byte{{0, 1, 2, 3}}, Base: make([]byte, 4), Cols: 4, Starts: make([]uint32, 2), At: make([]uint32, room), By: make([]float32, room)}
		isa.DifferCoded(&d)
		if by := d.By[:d.Starts[1]]; len(by) != 3 || !math.IsInf(float64(by[0]), 1) || by[1] == by[1] || by[2] != 5 {
			t.Errorf("%v: %v", isa, by)
		}
	}
}

// Rows, a base or room that is too short are the caller's fault.
func TestDifferCodedChecks(t *testing.T) {
	whole := func() kernel.Coded {
		room := 1 + kernel.Differing(6)
		return kernel.Coded{Numbers: new([256]float32), At: make([]uint32, room), By: make([]float32, room), Starts: []uint32{1, 0, 0}, Rows: [][]byte{make([]byte, 4), make([]byte, 4)}, Base: make([]byte, 3), From: 1, Cols: 3}
	}
	for name, spoil := range map[string]func(d *kernel.Coded){
		"columns": func(d *kernel.Coded) { d.At = d.At[1:] },
		"values":  func(d *kernel.Coded) { d.By = d.By[1:] },
		"rows":    func(d *kernel.Coded) { d.Rows = d.Rows[1:] },
		"row":     func(d *kernel.Coded) { d.Rows[1] = d.Rows[1][1:] },
		"base":    func(d *kernel.Coded) { d.Base = d.Base[1:] },
		"same":    func(d *kernel.Coded) { d.Same, d.Base = true, d.Base[2:] },
		"from":    func(d *kernel.Coded) { d.From = -1 },
		"start":   func(d *kernel.Coded) { d.Starts[0]++ },
	} {
		for _, isa := range kernel.All() {
			d := whole()
			isa.DifferCoded(&d)
			d = whole()
			spoil(&d)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: %s too short, and no panic", isa, name)
					}
				}()
				isa.DifferCoded(&d)
			}()
		}
	}
}

// Columns of any number of rows, from anywhere on, are those of the rows.
func TestTurnCoded(t *testing.T) {
	const block = kernel.CodedBlock
	r := rand.New(rand.NewPCG(25, 26))
	for n := range block + 5 {
		for _, isa := range kernel.All() {
			from, cols := r.IntN(5), r.IntN(block+1)
			rows := make([][]byte, n)
			for i := range rows {
				rows[i] = codes(r, from+cols)
			}
			var to [block * block]byte
			isa.TurnCoded(&to, rows, from, cols)
			for i, got := range to[:cols*block] {
				want := byte(0)
				if at := i % block; at < n {
					want = rows[at][from+i/block]
				}
				if got != want {
					t.Fatalf("%v, %d rows, columns from %d: byte %d is %d, want %d", isa, n, from, i, got, want)
				}
			}
		}
	}
}

// Rows that are too short are the caller's fault.
func TestTurnCodedChecks(t *testing.T) {
	for _, isa := range kernel.All() {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v: a row is too short, and no panic", isa)
				}
			}()
			isa.TurnCoded(new([kernel.CodedBlock * kernel.CodedBlock]byte), slices.Repeat([][]byte{make([]byte, 9)}, 16), 2, 8)
		}()
	}
}
