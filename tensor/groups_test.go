package tensor_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor"
)

// TestGroups: the largest values of rows, and sums of rows by them, beside plain loops, on any
// number of cores.
func TestGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for _, cpu := range cpus(t) {
		for _, shape := range [][2]int{{0, 5}, {1, 1}, {200, 7}, {333, 130}, {70, 64}} {
			m, n := shape[0], shape[1]
			x, sums := tensor.New[float32](m, n), tensor.New[float64](n, n)
			for i := range x.Values() {
				x.Values()[i] = float32(r.IntN(50))
			}
			places, want, wantSums := make([]int32, m), make([]int32, m), make([]float64, n*n)
			for i := range m {
				row := x.Row(i).Values()
				want[i] = int32(slices.Index(row, slices.Max(row)))
				for j, v := range row {
					wantSums[int(want[i])*n+j] += float64(v)
				}
			}
			if err := errors.Join(cpu.Largest(places, x), cpu.AddGroups(sums, x, want)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(places, want) || !slices.Equal(sums.Values(), wantSums) {
				t.Errorf("%d×%d: places or sums differ with %s on %d cores", m, n, cpu.Instructions(), cpu.Cores())
			}
		}
	}
}

func TestGroupsRefused(t *testing.T) {
	cpu := cpu(t, tensor.Config{Cores: 1})
	x, sums := tensor.New[float32](3, 4), tensor.New[float64](2, 4)
	for name, err := range map[string]error{
		"two places of three rows": cpu.Largest(make([]int32, 2), x),
		"rows without values":      cpu.Largest(make([]int32, 2), tensor.New[float32](2, 0)),
		"a view with gaps":         cpu.Largest(make([]int32, 3), x.Slice(1, 0, 2)),
		"sums of another width":    cpu.AddGroups(tensor.New[float64](2, 3), x, make([]int32, 3)),
		"two groups of three rows": cpu.AddGroups(sums, x, make([]int32, 2)),
	} {
		if s := (*tensor.ShapeError)(nil); !errors.As(err, &s) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if i := (*tensor.IndexError)(nil); !errors.As(cpu.AddGroups(sums, x, []int32{0, 1, 2}), &i) || i.Row != 2 {
		t.Error("a group that is not there is accepted")
	}
}
