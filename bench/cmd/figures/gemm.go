package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"scalar/bench"
	"scalar/tensor"
)

const (
	span  = 300 * time.Millisecond // of each measurement
	pause = 250 * time.Millisecond // before it: others' threads spin for some 0.1 s after their last product
)

// A size is a product of m×k by k×n.
type size struct{ m, n, k int }

func (s size) String() string {
	if s.m == s.n && s.n == s.k {
		return fmt.Sprintf("%d³", s.m)
	}
	return fmt.Sprintf("%d×%d×%d", s.m, s.n, s.k)
}

// gflops turns seconds into 10^9 operations a second.
func (s size) gflops(seconds float64) float64 {
	return 2 * float64(s.m) * float64(s.n) * float64(s.k) / seconds / 1e9
}

func gemmSizes() []size {
	return []size{{256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {128, 256, 784}}
}

// openBLASMark returns what of OpenBLAS's speed is asked for; 0 is nothing.
func (s size) openBLASMark(cores int) float64 {
	cube := s.m == s.n && s.n == s.k
	switch {
	case cube && cores == 1 && s.m >= 512:
		return 0.85
	case cube && cores == 2 && s.m >= 1024:
		return 0.80
	}
	return 0
}

// pytorchMark is the same of PyTorch's.
const pytorchMark = 1.6

// A timing is what one measurement saw of its calls, in seconds.
type timing struct {
	Median, Least float64
}

// speeds are those of one library at one size, in GFLOP/s.
type speeds struct {
	medians []float64
	best    float64
}

func (s *speeds) add(at size, t timing) {
	s.medians = append(s.medians, at.gflops(t.Median))
	s.best = max(s.best, at.gflops(t.Least))
}

// gemm measures products beside OpenBLAS and PyTorch on one core and on two, in turns.
func (h *harness) gemm(ctx context.Context) (figures []bench.Figure, err error) {
	for cores := 1; cores <= 2; cores++ {
		f, err := h.gemmOn(ctx, cores)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

func (h *harness) gemmOn(ctx context.Context, cores int) (figures []bench.Figure, err error) {
	cpu, err := tensor.NewCPU(tensor.Config{Cores: cores})
	if err != nil {
		return nil, err
	}
	defer cpu.Close()
	others, err := h.multipliers(ctx, cores, cpu.Instructions() == "AVX-512")
	defer func() {
		for _, o := range others {
			o.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, s := range gemmSizes() {
		f, err := h.gemmAt(ctx, cpu, others, s)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", s, err)
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// gemmAt measures one size: ours and each of the others, in turns.
func (h *harness) gemmAt(ctx context.Context, cpu *tensor.CPU, others []*multiplier, s size) ([]bench.Figure, error) {
	ours, theirs := speeds{}, make([]speeds, len(others))
	product := newProduct(cpu, s)
	each := make([]func(keep bool) error, 0, 1+len(others))
	each = append(each, func(keep bool) error {
		time.Sleep(pause)
		t, err := product.measure(ctx)
		if err == nil && keep {
			ours.add(s, t)
		}
		return err
	})
	for i, o := range others {
		each = append(each, func(keep bool) error {
			time.Sleep(pause)
			t, err := o.measure(s)
			if err == nil && keep {
				theirs[i].add(s, t)
			}
			return err
		})
	}
	if err := h.turns(each...); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("GEMM %v, %d core(s)", s, cpu.Cores())
	figures := []bench.Figure{{Name: name, Unit: "GFLOP/s", AtLeast: true, Samples: ours.medians, Note: fmt.Sprintf("%s; best %.4g", cpu.Instructions(), ours.best)}}
	for i, o := range others {
		figures = append(figures, bench.Figure{
			Name: name + " beside " + o.Library + o.how, Unit: "times", AtLeast: true, Mark: o.mark(s, cpu.Cores()), Samples: ratios(ours.medians, theirs[i].medians),
			Note: fmt.Sprintf("theirs %.4g GFLOP/s, best %.4g; best beside best %.3g times", bench.Figure{Samples: theirs[i].medians}.Median(), theirs[i].best, ours.best/theirs[i].best),
		})
	}
	return figures, nil
}

// A product is ours at one size.
type product struct {
	cpu       *tensor.CPU
	a, b, out tensor.Dense[float32]
}

func newProduct(cpu *tensor.CPU, s size) product {
	p := product{cpu, tensor.New[float32](s.m, s.k), tensor.New[float32](s.k, s.n), tensor.New[float32](s.m, s.n)}
	r := rand.New(rand.NewPCG(1, 1))
	for _, d := range []tensor.Dense[float32]{p.a, p.b} {
		for i := range d.Values() {
			d.Values()[i] = r.Float32()
		}
	}
	return p
}

// measure multiplies for a span of time.
func (p product) measure(ctx context.Context) (timing, error) {
	if err := p.cpu.MatMul(p.out, p.a, p.b, tensor.Epilogue{}); err != nil { // warms up
		return timing{}, err
	}
	took := make([]float64, 0, 1<<16)
	for end := time.Now().Add(span); len(took) == 0 || time.Now().Before(end); {
		start := time.Now()
		if err := p.cpu.MatMul(p.out, p.a, p.b, tensor.Epilogue{}); err != nil {
			return timing{}, err
		}
		took = append(took, time.Since(start).Seconds())
	}
	slices.Sort(took)
	if math.IsNaN(float64(p.out.At(0, 0))) {
		return timing{}, errors.New("a product of numbers is NaN")
	}
	return timing{took[len(took)/2], took[0]}, ctx.Err()
}
