package tensor

import "fmt"

// Slice returns a view of places [from, to) along a dimension. It panics outside of
// the shape, as slices do.
func (d Dense[T]) Slice(dim, from, to int) Dense[T] {
	if dim < 0 || dim >= d.rank || from < 0 || from > to || to > d.shape[dim] {
		panic(fmt.Sprintf("tensor: slice [%d:%d] along dimension %d of %s", from, to, dim, d.dims()))
	}
	d.data = d.data[min(from*d.strides[dim], len(d.data)):] // a view without values may begin behind the end
	d.shape[dim] = to - from
	return d
}

// Row returns a view of place i along the first dimension, with one dimension less. It
// panics outside of the shape.
func (d Dense[T]) Row(i int) Dense[T] {
	d = d.Slice(0, i, i+1)
	copy(d.shape[:], d.shape[1:])
	copy(d.strides[:], d.strides[1:])
	d.rank--
	d.shape[d.rank], d.strides[d.rank] = 0, 0
	return d
}

// T returns a view with the last two dimensions swapped. It panics below rank 2.
func (d Dense[T]) T() Dense[T] {
	if d.rank < 2 {
		panic("tensor: the transpose of " + d.dims())
	}
	i, j := d.rank-2, d.rank-1
	d.shape[i], d.shape[j] = d.shape[j], d.shape[i]
	d.strides[i], d.strides[j] = d.strides[j], d.strides[i]
	return d
}

// Contiguous reports whether the values lie in row-major order without gaps.
func (d Dense[T]) Contiguous() bool {
	n := 1
	for i := d.rank - 1; i >= 0; i-- {
		if d.shape[i] == 0 {
			return true
		}
		if d.shape[i] > 1 && d.strides[i] != n {
			return false
		}
		n *= d.shape[i]
	}
	return true
}

// Values returns the values of a contiguous array in row-major order, shared with it.
// It panics otherwise: see [Dense.Contiguous].
func (d Dense[T]) Values() []T {
	if !d.Contiguous() {
		panic("tensor: the values of a view with gaps, " + d.dims())
	}
	return d.data[:d.Len():d.Len()]
}

// Reshape returns a view of a contiguous array in another shape with as many values.
// One size may be -1: what is left. The error is a [ShapeError].
func (d Dense[T]) Reshape(shape ...int) (Dense[T], error) {
	fail := func(why string) (Dense[T], error) {
		return Dense[T]{}, &ShapeError{"reshape", fmt.Sprintf("%s to %v: %s", d.dims(), shape, why)}
	}
	if len(shape) > MaxRank {
		return fail(fmt.Sprintf("at most %d dimensions", MaxRank))
	}
	var sizes [MaxRank]int
	copy(sizes[:], shape)
	known, open := 1, -1
	for i, n := range shape {
		switch {
		case n >= 0:
			known *= n
		case n == -1 && open < 0:
			open = i
		default:
			return fail("sizes are 0 or more, one may be -1")
		}
	}
	if open >= 0 {
		if known == 0 || d.Len()%known != 0 {
			return fail("nothing fits -1")
		}
		sizes[open] = d.Len() / known
		known = d.Len()
	}
	switch {
	case known != d.Len():
		return fail(fmt.Sprintf("%d values are not %d", d.Len(), known))
	case !d.Contiguous():
		return fail("the view has gaps")
	}
	r, _ := layout[T](sizes[:len(shape)])
	r.data = d.data
	return r, nil
}

// CopyFrom copies the values of an array of the same shape, else the error is a
// [ShapeError]. The two must not overlap.
func (d Dense[T]) CopyFrom(from Dense[T]) error {
	if !SameShape(d, from) {
		return &ShapeError{"copy", fmt.Sprintf("%s into %s", from.dims(), d.dims())}
	}
	if d.Len() > 0 {
		copyValues(d, from, 0, [2]int{})
	}
	return nil
}

// copyValues copies dimension dim and those behind it, beginning at places at.
func copyValues[T Float](to, from Dense[T], dim int, at [2]int) {
	if dim == to.rank {
		to.data[at[0]] = from.data[at[1]]
		return
	}
	n := to.shape[dim]
	if dim == to.rank-1 && to.strides[dim] == 1 && from.strides[dim] == 1 {
		copy(to.data[at[0]:at[0]+n], from.data[at[1]:at[1]+n])
		return
	}
	for i := range n {
		copyValues(to, from, dim+1, [2]int{at[0] + i*to.strides[dim], at[1] + i*from.strides[dim]})
	}
}

// Fill sets all values to x.
func (d Dense[T]) Fill(x T) {
	if d.Len() > 0 {
		one := Dense[T]{data: []T{x}, rank: d.rank, shape: d.shape}
		copyValues(d, one, 0, [2]int{})
	}
}
