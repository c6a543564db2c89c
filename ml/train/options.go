package train

import (
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/ml/reduce"
	"scalar/ml/rows"
)

// Options say what is trained and how.
type Options struct {
	Program string            // the kind of the model: softmax, mlp, cnn
	Options map[string]string // as they are kept in the model
	Version string            // of bsp

	Input data.Input // URL empty: the job's input
	// The net is what Net returns for rows of a shape and so many outputs, or that of the file
	// NetFile, or that of the folder of a model, From, which training goes on from: if there is a Net,
	// one like what it returns.
	Net           func(row []int, outputs int) (*nn.Spec, error)
	NetFile, From string

	// Begin changes the weights that training begins with, or says why it cannot; nil: they stay.
	Begin func(g *nn.Graph, weights []float32) error
	// Hold sets to 0 what is not to be learnt, in the gradient of a shard; nil: all is learnt.
	Hold func(g *nn.Graph, gradient []float32)

	Optimizer  opt.Config
	Epochs     int     // from 1
	Batch      int     // rows of a step, of all shards together, from 1
	Seed       uint64  //
	Shards     int     // 0: as many as peers
	Splits     int     // runs of rows that each are read at random, one after the other; 0: as the memory wants it
	Validation float64 // the share of rows that is held out, [0, 1)
	Test       string  // URL of rows to test on after each epoch; empty: none
	TestPart   string  // of a folder of IDX files
	EarlyStop  int     // epochs without a smaller validation loss that end it; 0: never
}

// Check returns what is wrong with options, a *job.Failure with the code for wrong use.
func (o *Options) Check() error {
	switch {
	case o.Epochs < 1 || o.Epochs > 1<<20:
		return job.Usage("--epochs %d: want 1 to %d", o.Epochs, 1<<20)
	case o.Batch < 1 || o.Batch > 1<<24:
		return job.Usage("--batch %d: want 1 to %d", o.Batch, 1<<24)
	case o.Shards < 0 || o.Shards > reduce.MaxShards:
		return job.Usage("--shards %d: want 1 to %d, or 0 for as many as peers", o.Shards, reduce.MaxShards)
	case o.Shards > o.Batch:
		return job.Usage("--shards %d: a batch of %d rows has no more", o.Shards, o.Batch)
	case o.Splits < 0 || o.Splits > rows.MaxSplits:
		return job.Usage("--splits %d: want 1 to %d, or 0 for as many as the memory wants", o.Splits, rows.MaxSplits)
	case o.Validation < 0 || o.Validation >= 1:
		return job.Usage("--validation %g: want a share of the rows, from 0, below 1", o.Validation)
	case o.EarlyStop < 0:
		return job.Usage("--early-stop %d: want epochs, or 0 for never", o.EarlyStop)
	case o.EarlyStop > 0 && o.Validation == 0:
		return job.Usage("--early-stop needs rows that are not trained on: give --validation 0.1")
	}
	if _, err := opt.New(o.Optimizer); err != nil {
		return job.Usage("%v", err)
	}
	return nil
}
