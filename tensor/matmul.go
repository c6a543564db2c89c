package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// An Epilogue says what a product does besides multiplying:
//
//	out = φ(a·b + bias)       or, with Add,       out = φ(out + a·b + bias)
//
// The bias has a value per column of out, and is added after the products; the zero
// Dense is none. φ is the larger of 0 and its argument with ReLU, and nothing without;
// of NaN it is NaN.
type Epilogue struct {
	Add  bool
	Bias Dense[float32]
	ReLU bool
}

// MatMul computes out = a·b, where a is m×k, b k×n and out m×n: any views, [Dense.T]
// for transposed operands. Views of out whose rows have gaps between values cost a
// copy. out must overlap no operand. Shapes that do not fit are a [ShapeError].
func (c *CPU) MatMul(out, a, b Dense[float32], e Epilogue) error {
	if b.rank != 2 {
		return matmulError("b is %s: want 2 dimensions", b.dims())
	}
	return c.multiply(out, a, operand{b: matrixOf(b)}, e)
}

// MatMulPacked is [CPU.MatMul] with a b that is packed already. A row of out has the
// same bits whatever other rows a has, none too.
func (c *CPU) MatMulPacked(out, a Dense[float32], b *Packed, e Epilogue) error {
	if b.isa != c.isa {
		return fmt.Errorf("tensor: matmul: b is packed for %v, not for %v", b.isa, c.isa)
	}
	return c.multiply(out, a, operand{b: matrix{rows: b.k, cols: b.n}, packed: b}, e)
}

// An operand is the right one of a product.
type operand struct {
	b      matrix
	packed *Packed // nil: in b
}

// A matrix is an array of two dimensions.
type matrix struct {
	data             []float32
	rows, cols       int
	rowStep, colStep int
}

func matrixOf(d Dense[float32]) matrix {
	return matrix{d.data, d.shape[0], d.shape[1], d.strides[0], d.strides[1]}
}

func (c *CPU) multiply(out, a Dense[float32], b operand, e Epilogue) error {
	if err := fits(out, a, b.b.rows, b.b.cols); err != nil {
		return err
	}
	if d := e.Bias; !d.IsZero() && (d.rank != 1 || d.shape[0] != b.b.cols || !d.Contiguous()) {
		return matmulError("bias is %s with stride %d: want [%d] without gaps", d.dims(), d.strides[0], b.b.cols)
	}
	m, n := out.shape[0], out.shape[1]
	if m == 0 || n == 0 {
		return nil
	}
	to, away := out, n > 1 && out.strides[1] != 1
	if away {
		if need := m * n; cap(c.product.scratch) < need {
			c.product.scratch = aligned[float32](need)
		}
		to, _ = layout[float32](out.shape[:2])
		to.data = c.product.scratch[:m*n]
		if e.Add {
			copyValues(to, out, 0, [2]int{})
		}
	}
	p := &c.product
	p.cpu, p.out, p.a, p.operand = c, matrixOf(to), matrixOf(a), b
	p.flags, p.bias = 0, nil
	if e.Add {
		p.flags |= kernel.Load
	}
	if e.ReLU {
		p.flags |= kernel.ReLU
	}
	if !e.Bias.IsZero() {
		p.bias = e.Bias.Values()
	}
	p.run(c)
	if away {
		copyValues(out, to, 0, [2]int{})
	}
	p.out, p.a, p.operand, p.bias = matrix{}, matrix{}, operand{}, nil // nothing is kept alive
	return nil
}

// fits returns what is wrong with the shapes of a product with a b of k×n.
func fits[T Float](out, a Dense[T], k, n int) error {
	switch {
	case a.rank != 2:
		return matmulError("a is %s: want 2 dimensions", a.dims())
	case out.rank != 2:
		return matmulError("out is %s: want 2 dimensions", out.dims())
	case a.shape[1] != k:
		return matmulError("a is %s and b is %d×%d: %d columns beside %d rows", a.dims(), k, n, a.shape[1], k)
	case out.shape[0] != a.shape[0] || out.shape[1] != n:
		return matmulError("out is %s: a·b is %d×%d", out.dims(), a.shape[0], n)
	}
	return nil
}

func matmulError(format string, args ...any) error {
	return &ShapeError{"matmul", fmt.Sprintf(format, args...)}
}
