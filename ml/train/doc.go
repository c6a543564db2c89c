// Package train is the program that trains nets: data-parallel gradient descent, a superstep
// a step.
//
//	rows ─ split: training, validation ─▶ each step: Plan.batch ─▶ own shards ─ nn.Executor.Train
//	                                                                   │ reduce.Arena: Sum, Scatter
//	       Sync: checkpoint, divergence ◀─ Gather ◀─ opt.Update of the own range
//	         │
//	   end of an epoch: loss and error, of validation and test rows too; stop or go on
//	         ▼
//	   model.json, weights.safetensors by peer 0
//
// The model is a function of the rows, the options and the number of shards: not of peers,
// tasks, cores or faults.
package train
