// Package linear learns linear models: linear regression, logistic regression and softmax
// regression, from rows that are dense or sparse, on the BSP runtime.
//
//	rows of a shard ─┬─ Gram: products of columns ── one tree ─▶ Solve: normal equations
//	                 ├─ Objective: loss and gradient ── one tree ─▶ opt.LBFGS, at every peer
//	                 └─ SGD on sparse rows: gradients of the columns that a batch touches
//
// What comes out is a net of one dense layer ([scalar/ml/nn]), logistic regression one of two
// outputs whose first is always 0; steps of gradient descent on dense rows are those of nets,
// in [scalar/ml/train].
//
// Losses are means over rows: half the squared error, or nats; with a penalty of half of L2
// times the sum of the squared weights. Intercepts are not penalised, as in scikit-learn, whose
// alpha is L2 times the number of rows for ridge regression, and whose C is 1/(L2·rows) for
// logistic regression.
//
// Sums over rows are float64 in the order of rows, and those of shards are added along one tree,
// so that a model depends on the number of shards and the seed, and not on the number of
// peers, tasks or cores.
package linear
