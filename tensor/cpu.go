package tensor

import (
	"fmt"
	"runtime"

	"scalar/tensor/internal/kernel"
)

// Config says what a [CPU] is made of.
type Config struct {
	// Cores is how many it works on at once, 1 to 1024; 0 is as many as GOMAXPROCS, and
	// more than that help nothing.
	Cores int

	tuning *tuning // for tests; nil is what suits the processor
}

// A tuning is what results must not depend on.
type tuning struct {
	isa      kernel.ISA
	blocking blocking
}

const maxCores = 1024

// A CPU computes with a share of the machine's cores. Its goroutines sleep while there
// is nothing to do. One goroutine at a time may call its methods; several CPUs work
// side by side, and may share what they only read, a [Packed] too.
type CPU struct {
	tuning
	pool      *pool
	work      []workspace      // one per worker
	grids     map[cutting]grid // of products that were asked for
	product   product          // these are the operation that runs
	mapping   mapping
	rows      rowsOf
	conv      convolution
	pools     pools
	norm      norm
	dot       dotting
	product64 product64
	wide      wideWork
	shifted   shiftedProduct
	turned    []float32
	codes     *codes // nil: none yet
}

// NewCPU starts Cores-1 goroutines, which [CPU.Close] ends. It fails where the system
// has no descriptors left.
func NewCPU(c Config) (*CPU, error) {
	if c.Cores == 0 {
		c.Cores = min(runtime.GOMAXPROCS(0), maxCores)
	}
	if c.Cores < 1 || c.Cores > maxCores {
		return nil, fmt.Errorf("tensor: %d cores: want 1 to %d", c.Cores, maxCores)
	}
	if c.tuning == nil {
		isa := kernel.Best()
		c.tuning = &tuning{isa, standard(isa)}
	}
	pool, err := newPool(c.Cores)
	if err != nil {
		return nil, err
	}
	return &CPU{tuning: *c.tuning, pool: pool, work: make([]workspace, c.Cores), grids: map[cutting]grid{}}, nil
}

// Cores returns how many cores the CPU works on.
func (c *CPU) Cores() int { return len(c.work) }

// Instructions names the instruction set that the kernels use: AVX-512, AVX2, plain Go.
func (c *CPU) Instructions() string { return c.isa.String() }

// Close ends the CPU's goroutines and returns when they have ended. The CPU must not
// be used then.
func (c *CPU) Close() { c.pool.close() }
