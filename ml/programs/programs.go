// Package programs lists what bsp trains: the built-in programs of package ml, with their
// options.
package programs

import (
	"slices"
	"strconv"
	"strings"

	"scalar/bsp"
	"scalar/bsp/builtin"
	"scalar/ml/nn"
	"scalar/ml/train"
)

// Programs returns the programs that train. version is of the binary, and is kept in models.
func Programs(version string) []builtin.Program {
	return append(linearPrograms(version), kmeansProgram(version),
		netProgram(version, "cnn", "trains a convolutional net, LeNet-5, on images of 28×28", nil, cnn),
		netProgram(version, "mlp", "trains a net: fully connected layers, or those of a file", hiddenOptions(), mlp),
	)
}

func netProgram(version, name, summary string, own []builtin.Option, net func(v builtin.Values, o *train.Options) error) builtin.Program {
	p := builtin.Program{
		Name: name, Summary: summary, Input: builtin.Required, Output: builtin.Required,
		Options: slices.Concat(own, netOptions(), inputOptions()),
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := values(p, args)
		if err != nil {
			return nil, err
		}
		o, err := options(p, v)
		if err != nil {
			return nil, err
		}
		o.Version = version
		if err := net(v, &o); err != nil {
			return nil, p.Usage("%v", err)
		}
		return bsp.NewRunner(train.Program(o), bsp.Files()), nil
	}
	return p
}

func cnn(_ builtin.Values, o *train.Options) error {
	o.Net = lenet
	return nil
}

func size(row []int) int {
	n := 1
	for _, d := range row {
		n *= d
	}
	return n
}

func hiddenOptions() []builtin.Option {
	return []builtin.Option{
		{Name: hidden, Kind: builtin.KindString, Default: "128", Help: "units of the hidden layers, such as 256,128"},
		{Name: netFile, Kind: builtin.KindFile, Help: "YAML file of a net (docs/nets.md), instead of --hidden"},
	}
}

// mlp trains any net: that of --hidden, where there is no other.
func mlp(v builtin.Values, o *train.Options) error {
	units, err := sizes(v.String(hidden))
	if o.From == "" {
		o.Net = func(row []int, outputs int) (*nn.Spec, error) { return nn.MLP(size(row), units, outputs), nil }
	}
	return err
}

// sizes reads numbers of units.
func sizes(s string) ([]int, error) {
	var all []int
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 1 || n > mostUnits {
			return nil, badHidden(s, f)
		}
		all = append(all, n)
	}
	return all, nil
}
