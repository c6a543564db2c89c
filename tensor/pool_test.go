package tensor_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"scalar/tensor"
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
