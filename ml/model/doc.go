// Package model keeps models in folders, and answers with them.
//
//	training ─ Model, []Tensor ─ Files ─▶ model.json + weights.safetensors, by Peer.WriteFile
//	                                            │
//	Model, []Tensor ◀─────────────────── Open ──┘ checked: version, digests, names, shapes
//	       │
//	       └─ NewPredictor ─▶ Predictor, shared ─ NewExecutor ─▶ Executor: rows in, answers out
//
// A [Model] is all that is known of a model but its numbers, and model.json is its JSON:
// what goes in and comes out, the transform that takes a record in the units of the
// training file to a row, the net or the clusters, and how it was trained. Its digest
// covers itself and, by theirs, the weights.
//
// Weights are in a file of safetensors (https://github.com/huggingface/safetensors): the
// length of the header, 8 bytes, little-endian; the header, JSON of each tensor's name, type,
// shape and range of bytes, with blanks after it; then the numbers, little-endian. See [Encode]
// and [Decode].
//
// Two kinds of models are there. A net (package ml/nn) gives a classifier's logits or a
// number. Clusters are centres, tensor "centers".
//
// # What is promised
//
// What does not fit together is not opened, and Files makes nothing that Open refuses. A
// folder of format 1 is read for ever. A row has the same answer alone or in any batch, on
// any number of cores. A [Predictor] is safe for concurrent use, each goroutine with an
// [Executor] of its own.
//
// Errors about a folder are a *job.Failure of kind FaultInput, one line; of one that is not
// there with the exit code for it.
package model
