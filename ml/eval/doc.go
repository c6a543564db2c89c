// Package eval says how good a model is.
//
//	data.Source ─ parts, read ahead ─▶ Each ─ batches, in the order of the rows ─▶ Batch
//	model.Predictor ─ one executor ─────┘                                            │
//	                                             Classifier, Regression, Clustering ◀┘ Result
//
// Rows are looked at in the order of the input, so that sums have the same bits whatever the
// number of cores. Results are JSON objects with the names that scripts rely on: n, error,
// accuracy, loss.
package eval
