// Package opt has what changes weights: optimisers that take a gradient a step, with their
// schedules, decay and clipping, and L-BFGS, which takes a function.
//
//	gradients, summed ─ ClipFactor(norm) ─▶ Update(range of weights, gradients, slots) ─▶ weights
//	                                             │
//	                              Rate(step, steps): schedule, warmup
//
// An [Optimizer] works on any range of an arena of weights, value by value: whoever owns a range
// keeps the slots of that range, and results have the same bits however the arena is cut.
// It knows nothing of nets.
//
// [LBFGS] is for functions of all data whose gradient is worth a pass over them: it holds its
// history in float64 and is asked and told by whoever computes the function.
package opt
