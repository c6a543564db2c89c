package programs

import (
	"slices"

	"scalar/bsp"
	"scalar/bsp/builtin"
	"scalar/ml/data"
	"scalar/ml/kmeans"
)

// Names of options that several programs have.
const (
	automatic  = "auto"
	from       = "from"
	hidden     = "hidden"
	initial    = "init"
	iterations = "iterations"
	label      = "label"
	missing    = "missing"
	netFile    = "net"
	scale      = "scale"
	seed       = "seed"
	test       = "test"
	tolerance  = "tolerance"
)

// noLabel is the label of rows without one.
const noLabel = "none"

func kmeansProgram(version string) builtin.Program {
	p := builtin.Program{
		Name: "kmeans", Summary: "finds clusters of rows: k-means, begun by k-means‖", Input: builtin.Required, Output: builtin.Required,
		Options: slices.Concat([]builtin.Option{
			{Name: "k", Kind: builtin.KindInt, Help: "clusters (needed without --init)"},
			{Name: initial, Kind: builtin.KindFile, Help: "CSV file of the first centres, in the units of the input"},
			{Name: "metric", Kind: builtin.KindString, Default: string(kmeans.Euclidean), Help: "euclidean or cosine"},
			{Name: iterations, Kind: builtin.KindInt, Default: "300", Help: "how often centres move at most; less often if no row changes its cluster"},
			{Name: tolerance, Kind: builtin.KindFloat, Default: "0", Help: "ends it when centres move by less, as a share of the mean variance of the columns"},
			{Name: seed, Kind: builtin.KindInt, Default: "1", Help: "of the first centres"},
			{Name: "shards", Kind: builtin.KindInt, Help: "parts of the rows; equal shards give equal bits, whatever the peers (default: as many as peers)"},
		}, kmeansInput()),
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := values(p, args)
		if err != nil {
			return nil, err
		}
		in, err := input(p, v)
		if err != nil {
			return nil, err
		}
		if in.Label == noLabel {
			in.Label = ""
		} else {
			in.Target = data.Classes
		}
		o := kmeans.Options{
			Options: counting(p, v), Version: version, Input: in, K: int(v.Int("k")), Init: v.String(initial), Metric: kmeans.Metric(v.String("metric")),
			Iterations: int(v.Int(iterations)), Tolerance: v.Float(tolerance), Seed: uint64(v.Int(seed)), Shards: int(v.Int("shards")),
		}
		if err := o.Check(); err != nil {
			return nil, p.Usage("%v", err)
		}
		return bsp.NewRunner(kmeans.Program(o), bsp.Files()), nil
	}
	return p
}

// kmeansInput is the options about rows that k-means has: it learns no label, and centres are in
// the units of the input unless it is told to scale.
func kmeansInput() []builtin.Option {
	all := inputOptions()
	all = slices.DeleteFunc(all, func(o builtin.Option) bool { return o.Name == "labels" })
	for i := range all {
		switch all[i].Name {
		case label:
			all[i].Default, all[i].Help = noLabel, "column that is left out: name or number, negative from the end, or none"
		case scale:
			all[i].Default = string(data.None)
		}
	}
	return all
}
