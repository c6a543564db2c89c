package tensor_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"scalar/tensor"
	"scalar/tensor/internal/kernel"
)

// TestUnits checks that each unit is done once a run and that no worker does two at once.
func TestUnits(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		for _, n := range []int{0, 1, 2, 7, 1000} {
			done := make([]atomic.Int32, n)
			busy := make([]atomic.Int32, workers)
			const times = 300
			tensor.RunUnits(workers, times, n, func(worker, i int) {
				if busy[worker].Add(1) != 1 {
					t.Errorf("worker %d does two units at once", worker)
				}
				done[i].Add(1)
				busy[worker].Add(-1)
			})
			for i := range done {
				if got := done[i].Load(); got != times {
					t.Errorf("%d workers, %d units: unit %d was done %d times", workers, n, i, got)
				}
			}
		}
	}
}

// TestWorkersHelp checks that units run side by side: each waits for all others.
func TestWorkersHelp(*testing.T) {
	const workers = 4
	var met sync.WaitGroup
	met.Add(workers)
	tensor.RunUnits(workers, 1, workers, func(int, int) {
		met.Done()
		met.Wait()
	})
}

func TestCores(t *testing.T) {
	for _, cores := range []int{-1, 1025} {
		if _, err := tensor.NewCPU(tensor.Config{Cores: cores}); err == nil {
			t.Errorf("%d cores: no error", cores)
		}
	}
	if c := cpu(t, tensor.Config{}); c.Cores() < 1 {
		t.Errorf("%d cores", c.Cores())
	}
}

func TestEven(t *testing.T) {
	for _, c := range [][4]int{{784, 512, 8, 392}, {512, 512, 8, 512}, {0, 512, 8, 8}, {1, 512, 8, 8}, {513, 512, 8, 264}, {100, 3, 8, 8}, {2048, 192, 8, 192}} {
		if got := tensor.Even(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%v: %d", c, got)
		}
	}
}

// TestCells checks that cells are whole tiles, cover a product once, and are not many.
func TestCells(t *testing.T) {
	r := rand.New(rand.NewPCG(81, 81))
	for _, cores := range []int{1, 2, 3, 8} {
		c := cpu(t, tensor.Tuned(cores, kernel.Best(), 0, 0, 0))
		for range trials(2000) {
			m, n, k := 1+r.IntN(3000), 1+r.IntN(3000), r.IntN(3000)
			cells := tensor.Cells(c, m, n, k, r.IntN(2) == 0)
			if len(cells) > 4*cores {
				t.Errorf("%d×%d×%d on %d cores: %d cells", m, n, k, cores, len(cells))
			}
			covered := 0
			for i, a := range cells {
				if a[0] >= a[1] || a[2] >= a[3] || a[0]%kernel.Best().MR() != 0 || a[2]%kernel.Best().NR() != 0 {
					t.Errorf("%d×%d×%d: cell %v", m, n, k, a)
				}
				covered += (a[1] - a[0]) * (a[3] - a[2])
				for _, b := range cells[:i] {
					if a[0] < b[1] && b[0] < a[1] && a[2] < b[3] && b[2] < a[3] {
						t.Errorf("%d×%d×%d: cells %v and %v overlap", m, n, k, a, b)
					}
				}
			}
			if covered != m*n {
				t.Errorf("%d×%d×%d: %d of %d values are in cells", m, n, k, covered, m*n)
			}
		}
	}
}
