package main

import (
	"context"
	"errors"
	"sync"

	"scalar/tensor"
)

// twice measures how many times as many products of an mlp's first layer two cores compute as one does, each with operands of its own: what the
// machine gives two peers that have nothing to say to each other. It is less than 2 where they are threads of one core, or the host has other guests.
func twice(ctx context.Context) (float64, error) {
	alone, err := sideBySide(ctx, 1)
	if err != nil {
		return 0, err
	}
	both, err := sideBySide(ctx, 2)
	return both / alone, err
}

// sideBySide returns the products a second of so many cores.
func sideBySide(ctx context.Context, cores int) (sum float64, err error) {
	speeds, errs := make([]float64, cores), make([]error, cores)
	var all sync.WaitGroup
	for i := range cores {
		all.Go(func() {
			cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
			if err != nil {
				errs[i] = err
				return
			}
			defer cpu.Close()
			t, err := newProduct(cpu, size{128, 256, 784}).measure(ctx)
			speeds[i], errs[i] = 1/t.Median, err
		})
	}
	all.Wait()
	for _, s := range speeds {
		sum += s
	}
	return sum, errors.Join(errs...)
}
