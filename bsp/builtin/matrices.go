package builtin

import (
	"scalar/bsp"
	"scalar/bsp/matrix"
)

func spmvProgram() Program {
	p := Program{
		Name: "spmv", Summary: "multiplies a sparse matrix by a vector; Matrix Market in and out", Input: Required, Output: Optional,
		Options: []Option{{Name: "vector", Kind: KindFile, Help: "Matrix Market file of one column; without it all ones, which gives the sums of the rows"}},
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := p.Values(args)
		if err != nil {
			return nil, err
		}
		return bsp.NewRunner(matrix.SpMV(v.String("vector"))), nil
	}
	return p
}

func matmulProgram() Program {
	p := Program{
		Name: "matmul", Summary: "multiplies two sparse matrices; Matrix Market in and out", Input: Required, Output: Optional,
		Options: []Option{{Name: "right", Kind: KindFile, Help: "Matrix Market file of the matrix by which the input is multiplied", Needed: true}},
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := p.Values(args)
		if err != nil {
			return nil, err
		}
		return bsp.NewRunner(matrix.MatMul{Right: v.String("right")}.Program()), nil
	}
	return p
}
