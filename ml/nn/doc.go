// Package nn has neural nets: graphs of layers, and what runs them in training,
// evaluation and serving.
//
//	net.yaml ─ Parse ─┐
//	MLP, LeNet5 ──────┴▶ Spec ─ Compile ─▶ Graph ── Params: names, shapes, places in the arena
//	                                         │
//	        arena of weights, []float32 ─────┼──────────────── Pack ─▶ Weights
//	                                         ▼                            ▼
//	                   Executor: Train(batch) ─▶ loss, gradients   Infer, InferPacked ─▶ logits
//
// A [Graph] is immutable and safe for concurrent use. All its weights are one []float32,
// the arena, whose layout [Graph.Params] tells; gradients have the same layout. An
// [Executor] has the buffers, and belongs to one goroutine at a time. Package ml/opt
// changes the weights; package ml/model keeps them in files.
//
// # What is promised
//
// Values and gradients are functions of the weights and the batch alone: not of cores, of
// the processor, nor of what ran before. A row's outputs in inference have the same bits
// alone or in any batch, of packed weights or not. Dropout and initialisation are functions
// of their seeds. Once an executor has seen its largest batch, it allocates nothing.
//
// Errors about a net, and about values in a batch that no weights would help, are a
// *job.Failure of kind FaultInput: one line with the layer and the shapes.
//
// # Gradients
//
// Layers run in topological order, those that could go in either order as the net lists
// them, and gradients in the opposite order. Where a value is used more than once, its
// gradients are added in that order. What no weight lies behind gets no gradient: the net's
// input, so that the first layer does half the work of others.
package nn
