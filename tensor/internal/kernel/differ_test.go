package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestDiffer compares with plain Go, bit by bit, for every length and several densities.
func TestDiffer(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for n := range 150 {
		for _, part := range []float64{0, .1, .5, 1} {
			rows := 1 + r.IntN(5)
			d := kernel.Differences{Step: n + r.IntN(3), Cols: n, Base: normals(r, n)}
			d.X = normals(r, rows*d.Step+n)
			for i := range d.X {
				if n > 0 && r.Float64() >= part {
					d.X[i] = d.Base[i%max(d.Step, 1)%n]
				}
			}
			if n > 3 {
				d.X[0], d.Base[0] = 0, float32(math.Copysign(0, -1))
				d.X[1] = float32(math.NaN())
			}
			first := uint32(r.IntN(4))
			agree(t, d, first, rows)
			d.Base, d.Same = normals(r, rows), true
			for i := range d.X {
				if r.Float64() >= part {
					d.X[i] = d.Base[min(i/max(d.Step, 1), rows-1)]
				}
			}
			agree(t, d, first, rows)
		}
	}
}

// agree runs it on all processors' kernels. Memory that it must not write has marks.
func agree(t *testing.T, d kernel.Differences, first uint32, rows int) {
	t.Helper()
	run := func(isa kernel.ISA) kernel.Differences {
		room := int(first) + kernel.Differing(rows*d.Cols)
		at, by := slices.Repeat([]uint32{77}, room+8), slices.Repeat([]float32{77}, room+8)
		d.Starts = make([]uint32, rows+1)
		d.Starts[0], d.At, d.By = first, at[:room], by[:room]
		isa.Differ(&d)
		for i := range room + 8 {
			if (i < int(first) || i >= room) && (at[i] != 77 || by[i] != 77) {
				t.Fatalf("%v: place %d of %d was written", isa, i, room)
			}
		}
		return d
	}
	want := run(kernel.Plain)
	for _, isa := range kernel.All() {
		got := run(isa)
		if !slices.Equal(got.Starts, want.Starts) {
			t.Fatalf("%v, rows of %d: %d, want %d", isa, d.Cols, got.Starts, want.Starts)
		}
		for i := first; i < want.Starts[rows]; i++ {
			if got.At[i] != want.At[i] || got.By[i] != want.By[i] && (got.By[i] == got.By[i] || want.By[i] == want.By[i]) {
				t.Fatalf("%v, rows of %d: value %d is %d %g, want %d %g", isa, d.Cols, i, got.At[i], got.By[i], want.At[i], want.By[i])
			}
		}
	}
}

// Rows, a base or room that is too short are the caller's fault.
func TestDifferChecks(t *testing.T) {
	whole := func() kernel.Differences {
		room := 1 + kernel.Differing(6)
		return kernel.Differences{At: make([]uint32, room), By: make([]float32, room), Starts: []uint32{1, 0, 0}, X: make([]float32, 6), Base: make([]float32, 3), Step: 3, Cols: 3}
	}
	for name, spoil := range map[string]func(d *kernel.Differences){
		"columns": func(d *kernel.Differences) { d.At = d.At[1:] },
		"values":  func(d *kernel.Differences) { d.By = d.By[1:] },
		"rows":    func(d *kernel.Differences) { d.X = d.X[1:] },
		"base":    func(d *kernel.Differences) { d.Base = d.Base[1:] },
		"same":    func(d *kernel.Differences) { d.Same, d.Base = true, d.Base[2:] },
		"step":    func(d *kernel.Differences) { d.Step = 2 },
		"start":   func(d *kernel.Differences) { d.Starts[0]++ },
	} {
		for _, isa := range kernel.All() {
			d := whole()
			isa.Differ(&d)
			d = whole()
			spoil(&d)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: %s too short, and no panic", isa, name)
					}
				}()
				isa.Differ(&d)
			}()
		}
	}
}
