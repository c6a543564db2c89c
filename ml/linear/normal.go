package linear

import (
	"errors"
	"math"

	"scalar/tensor"
)

// MaxNormal is the most features that normal equations take: their matrix has that many
// rows and columns of float64, 134 MB.
const MaxNormal = 4096

// blockRows is how many rows are multiplied at once: enough that sums over blocks cost
// little, few enough that a product of a block in float32 loses little.
const blockRows = 256

// A Gram adds up products of columns of rows (x, y), less what their means are, in float64.
type Gram struct {
	cpu    *tensor.CPU
	f      int
	means  []float64 // of the f columns of x, and of y
	block  tensor.Dense[float64]
	filled int
	sums   tensor.Dense[float64] // (f+1)×(f+1)
}

// NewGram returns a sum of nothing, for rows of f features with these f+1 means.
func NewGram(cpu *tensor.CPU, means []float64) *Gram {
	n := len(means)
	return &Gram{cpu: cpu, f: n - 1, means: means, block: tensor.New[float64](blockRows, n), sums: tensor.New[float64](n, n)}
}

// Add adds a row.
func (g *Gram) Add(x []float32, y float64) error {
	n := g.f + 1
	row := g.block.Values()[g.filled*n : (g.filled+1)*n]
	for j, v := range x {
		row[j] = float64(v) - g.means[j]
	}
	row[g.f] = y - g.means[g.f]
	if g.filled++; g.filled == blockRows {
		return g.flush()
	}
	return nil
}

func (g *Gram) flush() error {
	rows := g.block.Slice(0, 0, g.filled)
	g.filled = 0
	return g.cpu.MatMul64(g.sums, rows.T(), rows, true)
}

// Sums returns the upper triangle of the sums, row by row: GramLen values.
func (g *Gram) Sums() ([]float64, error) {
	if err := g.flush(); err != nil {
		return nil, err
	}
	n := g.f + 1
	out := make([]float64, 0, GramLen(g.f))
	for i := range n {
		out = append(out, g.sums.Values()[i*n+i:(i+1)*n]...)
	}
	return out, nil
}

// GramLen returns how many sums there are for rows of f features.
func GramLen(f int) int { return (f + 1) * (f + 2) / 2 }

// A Fit is what normal equations are solved by.
type Fit struct {
	Weights   []float64
	Intercept float64
	// Error is the sum of the squared differences from y.
	Error float64
	// Dependent is how many features are none of their own: constant, or sums of others.
	// Those that depend on each other share the weight.
	Dependent int
}

// Constants of Solve. A variance below constant times the square of the mean is rounding: of
// float32s that are not all the same, a billion rows have more. A pivot of the matrix of
// correlations below dependent is rounding too; ridge then keeps the system soluble, and refine
// steps take its bias away.
const (
	constant  = 1e-26
	dependent = 1e-12
	ridge     = 1e-9
	refine    = 3
)

// Solve finds the weights with the least mean of half the squared error plus half of l2 times
// the squared weights, from the sums of n rows with these means: by Cholesky's
// decomposition of the correlations of the columns. The error is about numbers that are not
// finite.
func Solve(sums, means []float64, n int, l2 float64) (Fit, error) {
	f := len(means) - 1
	full := make([]float64, 0, (f+1)*(f+1)) // symmetric
	for i := range f + 1 {
		for j := range f + 1 {
			full = append(full, sums[triangle(min(i, j), max(i, j), f+1)])
		}
	}
	for _, v := range full {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Fit{}, errors.New("the products of the columns are not finite: scale the features, by --scale columns")
		}
	}
	s := &system{f: f, full: full, penalty: l2 * float64(n)}
	s.standardise(means, n)
	out := Fit{Dependent: s.decompose(0)}
	if out.Dependent > 0 {
		s.decompose(ridge)
	}
	w := s.solve(s.right)
	if out.Dependent > 0 {
		for range refine {
			for i, d := range s.solve(s.residual(w)) {
				w[i] += d
			}
		}
	}
	out.Intercept = means[f]
	for i := range w {
		w[i] *= s.scale[i]
		out.Intercept -= float64(w[i] * means[i])
	}
	out.Weights, out.Error = w, s.error(w)
	return out, nil
}

// triangle is where value (i, j), i ≤ j, of an n×n upper triangle lies.
func triangle(i, j, n int) int { return i*n - i*(i-1)/2 + j - i }

// A system is normal equations whose columns are scaled to length 1.
type system struct {
	f       int
	full    []float64 // (f+1)×(f+1), as summed
	penalty float64   // on the diagonal, as summed
	scale   []float64 // 1/length of each column; 0 for one that is constant
	matrix  []float64 // f×f: scaled, with the penalty
	right   []float64 // scaled
	lower   []float64 // f×f: Cholesky's factor
}

func (s *system) standardise(means []float64, rows int) {
	f, n := s.f, s.f+1
	s.scale, s.right, s.matrix = make([]float64, f), make([]float64, f), make([]float64, f*f)
	for i := range f {
		if d := s.full[i*n+i]; d > constant*float64(rows)*means[i]*means[i] {
			s.scale[i] = 1 / math.Sqrt(d+s.penalty)
		}
	}
	for i := range f {
		for j := range f {
			s.matrix[i*f+j] = s.full[i*n+j] * s.scale[i] * s.scale[j]
		}
		s.matrix[i*f+i] = 1
		s.right[i] = s.full[i*n+f] * s.scale[i]
	}
}

// decompose makes the lower factor of the matrix with extra on its diagonal, and returns how
// many pivots are none; such a column counts for nothing.
func (s *system) decompose(extra float64) int {
	f, none := s.f, 0
	s.lower = make([]float64, f*f)
	for j := range f {
		row := s.lower[j*f : (j+1)*f]
		pivot := 1 + extra
		for k := range j {
			pivot -= float64(row[k] * row[k])
		}
		if s.scale[j] == 0 || pivot < dependent {
			none++
			continue
		}
		row[j] = math.Sqrt(pivot)
		for i := j + 1; i < f; i++ {
			below := s.lower[i*f : (i+1)*f]
			sum := s.matrix[i*f+j]
			for k := range j {
				sum -= float64(below[k] * row[k])
			}
			below[j] = sum / row[j]
		}
	}
	return none
}

// solve returns what the matrix makes right of.
func (s *system) solve(right []float64) []float64 {
	f := s.f
	w := append([]float64(nil), right...)
	for i := range f {
		row := s.lower[i*f : (i+1)*f]
		for k := range i {
			w[i] -= float64(row[k] * w[k])
		}
		w[i] = over(w[i], row[i])
	}
	for i := f - 1; i >= 0; i-- {
		for k := i + 1; k < f; k++ {
			w[i] -= float64(s.lower[k*f+i] * w[k])
		}
		w[i] = over(w[i], s.lower[i*f+i])
	}
	return w
}

func over(x, pivot float64) float64 {
	if pivot == 0 {
		return 0
	}
	return x / pivot
}

// residual returns right less matrix·w.
func (s *system) residual(w []float64) []float64 {
	out := append([]float64(nil), s.right...)
	for i := range out {
		for j, v := range s.matrix[i*s.f : (i+1)*s.f] {
			out[i] -= float64(v * w[j])
		}
		if s.scale[i] == 0 {
			out[i] = 0
		}
	}
	return out
}

// error returns the sum of the squared errors of weights: yᵀy - 2wᵀXᵀy + wᵀXᵀXw.
func (s *system) error(w []float64) float64 {
	n := s.f + 1
	sum := s.full[n*n-1]
	for i := range s.f {
		row, inner := s.full[i*n:(i+1)*n], 0.0
		for j, v := range w {
			inner += float64(row[j] * v)
		}
		sum += float64(w[i] * (inner - 2*row[s.f]))
	}
	return max(0, sum)
}
