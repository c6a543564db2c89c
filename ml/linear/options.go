package linear

import (
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/opt"
	"scalar/ml/reduce"
	"scalar/ml/rows"
)

// The ways to learn a linear model.
const (
	Normal = "normal" // normal equations: regression
	LBFGS  = "lbfgs"  // classification
	SGD    = "sgd"    // sparse rows; those of dense ones are nets' own
)

// Options say what is learnt and how.
type Options struct {
	Program string            // the kind of the model: linear, logistic, softmax
	Options map[string]string // as they are kept in the model
	Version string            // of bsp

	Input      data.Input // URL and Target are not used: the job's input, and what the program learns
	Way        string     // Normal, LBFGS or SGD
	From       string     // folder of a model to go on from, but for Normal; empty: none
	L2         float64    // half of it times the squared weights is added to the mean loss
	Seed       uint64     // of the order of rows, and of which are held out
	Shards     int        // 0: as many as peers
	Validation float64    // the share of rows that is held out, [0, 1)
	Test       string     // URL of rows to test on; empty: none
	TestPart   string     // of a folder of IDX files

	Iterations int     // of LBFGS: most steps, from 1
	Tolerance  float64 // of LBFGS: ends it where the largest slope is no larger

	Epochs    int            // of SGD, from 1
	Batch     int            // of SGD: rows of a step, of all shards together, from 1
	Optimizer *opt.Optimizer // of SGD: what tells the rate of a step
	Splits    int            // of SGD: runs of rows that each are read at random, one after the other; 0: as the memory wants it
	EarlyStop int            // of SGD: epochs without a smaller validation loss that end it; 0: never
}

// Check returns what is wrong with options, a *job.Failure with the code for wrong use.
func (o *Options) Check() error {
	switch {
	case !(o.L2 >= 0):
		return job.Usage("--decay %g: want 0 or more", o.L2)
	case o.Validation < 0 || o.Validation >= 1:
		return job.Usage("--validation %g: want a share of the rows, from 0, below 1", o.Validation)
	case o.EarlyStop < 0:
		return job.Usage("--early-stop %d: want epochs, or 0 for never", o.EarlyStop)
	case o.EarlyStop > 0 && o.Validation == 0:
		return job.Usage("--early-stop needs rows that are not trained on: give --validation 0.1")
	case o.EarlyStop > 0 && o.Way != SGD:
		return job.Usage("--early-stop goes with --optimizer sgd")
	case o.From != "" && o.Way == Normal:
		return job.Usage("--from goes with --optimizer sgd: normal equations start from nothing")
	case o.Shards < 0 || o.Shards > reduce.MaxShards:
		return job.Usage("--shards %d: want 1 to %d, or 0 for as many as peers", o.Shards, reduce.MaxShards)
	case o.Way == LBFGS && (o.Iterations < 1 || o.Iterations > 1<<30):
		return job.Usage("--iterations %d: want 1 to %d", o.Iterations, 1<<30)
	case o.Way == LBFGS && !(o.Tolerance > 0):
		return job.Usage("--tolerance %g: want more than 0", o.Tolerance)
	case o.Way == SGD && (o.Epochs < 1 || o.Epochs > 1<<20):
		return job.Usage("--epochs %d: want 1 to %d", o.Epochs, 1<<20)
	case o.Way == SGD && (o.Batch < 1 || o.Batch > 1<<24):
		return job.Usage("--batch %d: want 1 to %d", o.Batch, 1<<24)
	case o.Splits < 0 || o.Splits > rows.MaxSplits:
		return job.Usage("--splits %d: want 1 to %d, or 0 for as many as the memory wants", o.Splits, rows.MaxSplits)
	case o.Way == SGD && o.Shards > o.Batch:
		return job.Usage("--shards %d: a batch of %d rows has no more", o.Shards, o.Batch)
	}
	return nil
}
