package tensor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Float is what arrays hold.
type Float interface{ float32 | float64 }

// MaxRank is the most dimensions that an array has.
const MaxRank = 6

// A Dense is an array of up to [MaxRank] dimensions, or a view of a part of one. Value
// (i, j, …) lies at i·stride(0) + j·stride(1) + … of its values. It is small and passed
// by value; copies share the values. Reading it from many goroutines is safe.
//
// The zero Dense has rank 0 and no values; see [Dense.IsZero].
type Dense[T Float] struct {
	data    []T
	rank    int
	shape   [MaxRank]int
	strides [MaxRank]int
}

// New returns an array of zeros, row-major. It panics at a negative dimension or more
// than [MaxRank]. Float32 values begin at a multiple of 64 bytes.
func New[T Float](shape ...int) Dense[T] {
	d, n := layout[T](shape)
	d.data = aligned[T](n)
	return d
}

// From returns an array over values, row-major; it keeps the slice. The error is a
// [ShapeError] where the shape has another number of values.
func From[T Float](values []T, shape ...int) (Dense[T], error) {
	if err := checkShape(shape); err != nil {
		return Dense[T]{}, err
	}
	d, n := layout[T](shape)
	if n != len(values) {
		return Dense[T]{}, &ShapeError{"from", fmt.Sprintf("%d values are not %s", len(values), d.dims())}
	}
	d.data = values
	return d, nil
}

func checkShape(shape []int) error {
	if len(shape) > MaxRank {
		return &ShapeError{"shape", fmt.Sprintf("%d dimensions: at most %d", len(shape), MaxRank)}
	}
	if i := slices.IndexFunc(shape, func(n int) bool { return n < 0 }); i >= 0 {
		return &ShapeError{"shape", fmt.Sprintf("dimension %d is %d", i, shape[i])}
	}
	return nil
}

// layout returns a row-major array without values, and how many it needs.
func layout[T Float](shape []int) (d Dense[T], n int) {
	if err := checkShape(shape); err != nil {
		panic(err)
	}
	d.rank = len(shape)
	n = 1
	for i, size := range slices.Backward(shape) {
		d.shape[i], d.strides[i] = size, n
		n *= size
	}
	return d, n
}

// Rank returns the number of dimensions.
func (d Dense[T]) Rank() int { return d.rank }

// Dim returns the size of dimension i.
func (d Dense[T]) Dim(i int) int { return d.shape[:d.rank][i] }

// Stride returns how many values lie between neighbours along dimension i.
func (d Dense[T]) Stride(i int) int { return d.strides[:d.rank][i] }

// Shape returns a copy of the shape.
func (d Dense[T]) Shape() []int { return slices.Clone(d.shape[:d.rank]) }

// IsZero reports whether d is the zero Dense: no array at all.
func (d Dense[T]) IsZero() bool { return d.rank == 0 && d.data == nil }

// Len returns the number of values, 1 for rank 0.
func (d Dense[T]) Len() int {
	n := 1
	for _, size := range d.shape[:d.rank] {
		n *= size
	}
	return n
}

// At returns a value. It panics outside of the shape, or with another number of
// indices than the rank.
func (d Dense[T]) At(index ...int) T { return d.data[d.place(index)] }

// Set changes a value. It panics as [Dense.At] does.
func (d Dense[T]) Set(x T, index ...int) { d.data[d.place(index)] = x }

func (d Dense[T]) place(index []int) (at int) {
	if len(index) != d.rank {
		panic("tensor: " + strconv.Itoa(len(index)) + " indices into " + d.dims())
	}
	for i, x := range index {
		if x < 0 || x >= d.shape[i] {
			panic("tensor: index " + strconv.Itoa(x) + " of dimension " + strconv.Itoa(i) + " of " + d.dims())
		}
		at += x * d.strides[i]
	}
	return at
}

// SameShape reports whether two arrays have the same shape.
func SameShape[T, U Float](a Dense[T], b Dense[U]) bool {
	return a.rank == b.rank && a.shape == b.shape
}

// String describes the array by its shape, such as 128×784.
func (d Dense[T]) String() string { return d.dims() }

// dims is the shape for people.
func (d Dense[T]) dims() string {
	if d.rank == 0 {
		return "a single value"
	}
	var b strings.Builder
	for i, size := range d.shape[:d.rank] {
		if i > 0 {
			b.WriteString("×")
		}
		b.WriteString(strconv.Itoa(size))
	}
	if d.rank == 1 {
		return "[" + b.String() + "]"
	}
	return b.String()
}

// A ShapeError says which shapes do not fit an operation.
type ShapeError struct {
	Op     string // such as matmul
	Detail string // names the shapes
}

// Error names the operation and the shapes.
func (e *ShapeError) Error() string { return "tensor: " + e.Op + ": " + e.Detail }
