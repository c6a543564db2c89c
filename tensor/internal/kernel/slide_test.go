package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor/internal/kernel"
)

// randomImages are sizes of convolutions whose rows are shorter and longer than a vector.
func randomImages(r *rand.Rand) kernel.Images {
	m := kernel.Images{Channels: 1 + r.IntN(3), Window: [2]int{1 + r.IntN(3), 1 + r.IntN(4)}, Step: [2]int{1 + r.IntN(3), 1 + r.IntN(2)}}
	m.Out = [2]int{1 + r.IntN(8), 1 + r.IntN(1+r.IntN(60))}
	for d := range 2 {
		m.Size[d] = (m.Out[d]-1)*m.Step[d] + m.Window[d] + r.IntN(3)
	}
	return m
}

// meets calls f with each tap and place, and what of the image they meet.
func meets(m kernel.Images, f func(tap, place, at int)) {
	for c := range m.Channels {
		for i := range m.Window[0] {
			for j := range m.Window[1] {
				for y := range m.Out[0] {
					for x := range m.Out[1] {
						f((c*m.Window[0]+i)*m.Window[1]+j, y*m.Out[1]+x, (c*m.Size[0]+y*m.Step[0]+i)*m.Size[1]+x*m.Step[1]+j)
					}
				}
			}
		}
	}
}

// TestConvolve compares convolutions of an image with chains of their definition, bit by bit,
// and sees that nothing else is written.
func TestConvolve(t *testing.T) {
	r := rand.New(rand.NewPCG(42, 42))
	for range 500 {
		m := randomImages(r)
		m.Step[1] = 1
		places, taps, rows := m.Out[0]*m.Out[1], m.Channels*m.Window[0]*m.Window[1], 1+r.IntN(19)
		image, weights, bias := make([]float32, m.Channels*m.Size[0]*m.Size[1]), make([]float32, rows*taps), make([]float32, rows)
		fill(r, image)
		fill(r, weights)
		fill(r, bias)
		if r.IntN(3) == 0 {
			bias = nil
		}
		relu := r.IntN(2) == 0
		want := make([]float32, rows*places)
		for o := range rows {
			row := want[o*places:][:places]
			for i := range row {
				if bias != nil {
					row[i] = bias[o]
				}
			}
			meets(m, func(tap, place, at int) { row[place] = kernel.FMA(weights[o*taps+tap], image[at], row[place]) })
			for i, x := range row {
				if relu && x < 0 {
					row[i] = 0
				}
			}
		}
		for _, isa := range kernel.All()[1:] {
			panels := make([]float32, len(weights))
			each := isa.FilterRows(rows)
			for o := 0; o < rows; o += each {
				n := min(each, rows-o)
				isa.Pack(panels[o*taps:], kernel.Panel{From: weights[o*taps:], Line: taps, Step: 1, Lines: n, Width: n, K: taps})
			}
			m.Lay(isa)
			const guard = 70
			got := make([]float32, len(want)+guard)
			fill(r, got)
			behind := append([]float32(nil), got[len(want):]...)
			isa.Convolve(got[:len(want)], image, kernel.Filters{Panels: panels, Bias: bias, ReLU: relu}, &m)
			for i, x := range slices.Concat(want, behind) {
				if !same(got[i], x) {
					t.Fatalf("%v, %s, %d rows: place %d is %v, want %v", isa, sizes(m), rows, i, got[i], x)
				}
			}
		}
	}
}

// TestAddTaps does it with sums of what taps meet.
func TestAddTaps(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 43))
	for i := range 500 {
		m := randomImages(r)
		if i%50 == 0 {
			m = kernel.Images{Channels: 1, Window: [2]int{2, 2}, Step: [2]int{1, 1}, Out: [2]int{61, 40}, Size: [2]int{62, 41}} // more than a panel
		}
		taps, image := m.Channels*m.Window[0]*m.Window[1], make([]float32, m.Channels*m.Size[0]*m.Size[1])
		fill(r, image)
		for _, isa := range kernel.All()[1:] {
			lanes := isa.TapLanes(1 + r.IntN(16))
			panel, want, got := make([]float32, m.Out[0]*m.Out[1]*lanes), make([]float32, taps*lanes), make([]float32, taps*lanes+40)
			fill(r, panel)
			fill(r, got)
			behind := append([]float32(nil), got[len(want):]...)
			copy(want, got)
			meets(m, func(tap, place, at int) {
				for lane := range lanes {
					s := &want[tap*lanes+lane]
					*s = kernel.FMA(image[at], panel[place*lanes+lane], *s)
				}
			})
			m.Lay(isa)
			isa.AddTaps(got[:len(want)], image, panel, lanes, &m)
			for i, x := range slices.Concat(want, behind) {
				if !same(got[i], x) {
					t.Fatalf("%v, %s, %d lanes: sum %d is %v, want %v", isa, sizes(m), lanes, i, got[i], x)
				}
			}
		}
	}
}

// TestFold compares what is summed back with sums in the order of taps.
func TestFold(t *testing.T) {
	r := rand.New(rand.NewPCG(44, 44))
	var w kernel.Folding
	for range 1000 {
		m := randomImages(r)
		m.Step = [2]int{1, 1}
		pad, in := [2]int{}, [2]int{}
		for d := range 2 {
			m.Size[d] = m.Out[d] + m.Window[d] - 1
			pad[d] = r.IntN((m.Size[d]-1)/2 + 1)
			in[d] = m.Size[d] - 2*pad[d]
		}
		places, taps := m.Out[0]*m.Out[1], m.Channels*m.Window[0]*m.Window[1]
		columns, padded := make([]float32, taps*places), make([]float32, m.Channels*m.Size[0]*m.Size[1])
		fill(r, columns)
		meets(m, func(tap, place, at int) { padded[at] += columns[tap*places+place] })
		want := make([]float32, 0, m.Channels*in[0]*in[1])
		for c := range m.Channels {
			for y := range in[0] {
				want = append(want, padded[(c*m.Size[0]+y+pad[0])*m.Size[1]+pad[1]:][:in[1]]...)
			}
		}
		for _, isa := range kernel.All()[1:] {
			m.Lay(isa)
			got := make([]float32, len(want)+40)
			fill(r, got)
			behind := append([]float32(nil), got[len(want):]...)
			isa.Fold(got[:len(want)], columns, &m, pad, &w)
			for i, x := range slices.Concat(want, behind) {
				if !same(got[i], x) {
					t.Fatalf("%v, %s, padding %v: value %d is %v, want %v", isa, sizes(m), pad, i, got[i], x)
				}
			}
		}
	}
}

func sizes(m kernel.Images) string {
	m.Offsets, m.Spans = nil, nil
	return fmt.Sprintf("%+v", m)
}

// TestSlidesRefuse has slices that are too short, and windows that reach outside.
func TestSlidesRefuse(t *testing.T) {
	m := kernel.Images{Channels: 2, Size: [2]int{5, 5}, Window: [2]int{2, 2}, Out: [2]int{4, 4}, Step: [2]int{1, 1}}
	wide := m
	wide.Out[1] = 5
	z := func(n int) []float32 { return make([]float32, n) }
	for _, isa := range kernel.All()[1:] {
		m.Lay(isa)
		isa.Convolve(z(48), z(50), kernel.Filters{Panels: z(24), Bias: z(3)}, &m)
		isa.AddTaps(z(64), z(50), z(128), 8, &m)
		for i, f := range []func(){
			func() { isa.Convolve(z(48), z(49), kernel.Filters{Panels: z(24), Bias: z(3)}, &m) },
			func() { isa.Convolve(z(48), z(50), kernel.Filters{Panels: z(23), Bias: z(3)}, &m) },
			func() { isa.Convolve(z(48), z(50), kernel.Filters{Panels: z(24), Bias: z(2)}, &m) },
			func() { isa.AddTaps(z(63), z(50), z(128), 8, &m) },
			func() { isa.AddTaps(z(64), z(49), z(128), 8, &m) },
			func() { isa.AddTaps(z(64), z(50), z(127), 8, &m) },
			func() { wide.Lay(isa) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v, %d: no panic", isa, i)
					}
				}()
				f()
			}()
		}
	}
}
