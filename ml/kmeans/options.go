package kmeans

import (
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/reduce"
)

// Options say how clusters are looked for.
type Options struct {
	Options map[string]string // as they are kept in the model
	Version string            // of bsp

	Input      data.Input // URL empty: the job's input
	K          int        // clusters; 0: as many as Init has centres
	Init       string     // URL of a file with the first centres, in the units of the input; empty: k-means‖
	Metric     Metric     //
	Iterations int        // how often centres move at most, from 0
	Tolerance  float64    // ends it when the squares of what centres move by add up to less, times the mean variance of the columns; 0: when no row changes its cluster
	Seed       uint64
	Shards     int // 0: as many as peers
}

// MaxClusters is the most clusters.
const MaxClusters = 1 << 20

// Check returns what is wrong with options, a *job.Failure with the code for wrong use.
func (o *Options) Check() error {
	switch {
	case o.K == 0 && o.Init == "":
		return job.Usage("how many clusters? give --k, or --init with a file of centres")
	case o.K < 0 || o.K > MaxClusters:
		return job.Usage("--k %d: want 1 to %d clusters", o.K, MaxClusters)
	case o.Metric != Euclidean && o.Metric != Cosine:
		return job.Usage("--metric %q: want %s or %s", o.Metric, Euclidean, Cosine)
	case o.Iterations < 0 || o.Iterations > 1<<30:
		return job.Usage("--iterations %d: want 0 to %d", o.Iterations, 1<<30)
	case !(o.Tolerance >= 0):
		return job.Usage("--tolerance %g: want 0 or more", o.Tolerance)
	case o.Shards < 0 || o.Shards > reduce.MaxShards:
		return job.Usage("--shards %d: want 1 to %d, or 0 for as many as peers", o.Shards, reduce.MaxShards)
	}
	return nil
}
