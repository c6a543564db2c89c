// Package kernel has the innermost loops of package tensor: for AVX-512 and for AVX2
// with FMA as generated assembly, and as plain Go.
//
//	gen ──go generate──▶ kernels_amd64.s      Tile   C tile = or += A panel · B panel
//	                                          Pack   rows or columns into panels
//	                                          Rows   parts of images
//	                                          Slide  convolutions of images as they lie
//	                                          Taps   gradients of their weights
//	                                          Fold   gradients of images from columns
//	                                          Pool   largest values and means of windows
//	                                          Sum    values in 16 chains
//	                                          Dots   rows of float32 times numbers, in float64
//	                                          Strips sums of rows, and of their squares, in float64
//	                                          Logits losses of two classes, in float64
//	                                          Table  bytes into numbers
//	                                          Sparse sums of rows that lists name
//	                                          Differences, Coded  what rows, or bytes of rows, differ in from a base
//	                                          Map    activations, updates, value by value
//
// All give the same bits. A value of a product accumulates k ascending in one chain of
// fused multiply-adds that starts from 0 or from C; [FMA] is what plain Go takes for
// one of them. Which NaN comes out is not promised, only that one does.
//
// The assembly assumes what its Go callers here check: lengths of slices, counts above
// 0, and an instruction set that [ISA.Usable] has found. Nothing outside this package
// is unsafe.
package kernel

//go:generate go run ./gen -out kernels_amd64.s
