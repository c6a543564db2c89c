// Package tensor has dense arrays and the operations on them that training and serving
// are made of, for the processors of one machine.
//
//	Dense ── views: Slice, Row, T, Reshape ──┐
//	                                         ▼
//	CPU ── MatMul(out, a, b) ── cells of out ── one worker each ── blocks ── tiles
//	 ├ Pack(b) ─▶ Packed, for many products with the same b       (internal/kernel)
//	 ├ Shift(x, base) ─▶ Shifted, for products that cost what x differs from a row in
//	 ├ Activate, Add, SGD, Adam … ── chunks of values
//	 ├ Softmax, CrossEntropy, SumRows, Embed ── rows or columns
//	 ├ RowDots, AddRows, Logistic ── rows of float32 in float64, for regression
//	 └ Conv, MaxPool, AvgPool, BatchNorm, and their gradients ── images or channels
//
// A [Table] turns bytes into numbers.
//
// [Dense] says where values lie; a view shares them. A [CPU] is a share of a machine's
// cores with the workers and buffers for it, owned by one goroutine at a time. Package
// ml/nn runs nets on it; serving runs each request's row over weights in a [Packed].
//
// # What is promised
//
// The bits of every result are a function of the operands alone: not of the number of
// cores, of the processor's instructions, of strides, or of the other rows of a batch.
// A value of a product is one chain of fused multiply-adds with k ascending, rounded
// once each; products with a [Shifted] say what theirs are. Where a result is NaN, which NaN is not promised.
//
// Operations write into what the caller gives and allocate nothing once a CPU has seen
// the largest shapes. Shapes that do not fit are errors that name them ([ShapeError]);
// an index outside of a shape panics, as with slices.
package tensor
