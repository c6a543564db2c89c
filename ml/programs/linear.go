package programs

import (
	"context"
	"slices"
	"strings"

	"scalar/bsp"
	"scalar/bsp/builtin"
	"scalar/ml/data"
	"scalar/ml/linear"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/ml/train"
)

// linearProgram is a program that learns a linear model: by a way of its own, or by the
// optimisers of nets.
func linearProgram(version, name, summary, way string) builtin.Program {
	p := builtin.Program{
		Name: name, Summary: summary, Input: builtin.Required, Output: builtin.Required,
		Options: slices.Concat(netOptions(), inputOptions()),
	}
	for i, o := range p.Options {
		switch o.Name {
		case "optimizer":
			p.Options[i].Help = way + ", " + o.Help
		case "decay":
			p.Options[i].Help = "weight decay; with " + way + " half of it times the squared weights is added to the mean loss"
		}
	}
	if way == linear.LBFGS {
		p.Options = append(p.Options,
			builtin.Option{Name: iterations, Kind: builtin.KindInt, Default: "100", Help: "of lbfgs: most steps"},
			builtin.Option{Name: tolerance, Kind: builtin.KindFloat, Default: "1e-4", Help: "of lbfgs: ends it where no slope is larger, of features scaled to a deviation of 1"})
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := values(p, args)
		if err != nil {
			return nil, err
		}
		switch name := v.String("optimizer"); {
		case name == way:
			return wayRunner(version, p, v, way)
		case !slices.Contains(opt.Names(), name):
			return nil, p.Usage("optimizer %.40q: want one of %s, %s", name, way, strings.Join(opt.Names(), ", "))
		}
		return descentRunner(version, p, v)
	}
	return p
}

// wayRunner learns by normal equations or by L-BFGS.
func wayRunner(version string, p builtin.Program, v builtin.Values, way string) (bsp.Runner, error) {
	others := []string{"epochs", "batch", "lr", "momentum", "clip", "schedule", "warmup", "every", "factor", "splits", "early-stop"}
	if way == linear.Normal {
		others = append(others, from)
	}
	if err := unused(p, v, others, "--optimizer "+way); err != nil {
		return nil, err
	}
	in, err := input(p, v)
	if err != nil {
		return nil, err
	}
	o := linear.Options{Program: p.Name, Options: counting(p, v), Version: version, Input: in, Way: way, TestPart: test}
	for _, name := range others {
		delete(o.Options, name)
	}
	o.From, o.L2, o.Test, o.Validation = v.String(from), v.Float("decay"), v.String(test), v.Float("validation")
	o.Seed, o.Shards = uint64(v.Int(seed)), int(v.Int("shards"))
	if way == linear.LBFGS {
		o.Iterations, o.Tolerance = int(v.Int(iterations)), v.Float(tolerance)
	}
	if err := o.Check(); err != nil {
		return nil, p.Usage("%v", err)
	}
	return bsp.NewRunner(linear.Program(o), bsp.Files()), nil
}

// descentRunner learns by gradient descent: on sparse rows, where the optimiser is plain, by the
// columns that they have; else as a net of one layer.
func descentRunner(version string, p builtin.Program, v builtin.Values) (bsp.Runner, error) {
	if err := unused(p, v, []string{iterations, tolerance}, "--optimizer "+v.String("optimizer")); err != nil {
		return nil, err
	}
	o, err := options(p, v)
	if err != nil {
		return nil, err
	}
	o.Version = version
	delete(o.Options, iterations)
	delete(o.Options, tolerance)
	o.Net = func(row []int, outputs int) (*nn.Spec, error) {
		return linear.Form{Features: size(row), Outputs: outputs}.Net(), nil
	}
	switch p.Name {
	case "linear":
		o.Input.Target = data.Numbers
	case "logistic":
		o.Begin, o.Hold = linear.BeginLogistic, linear.HoldFirst
	}
	dense := train.Program(o)
	c := o.Optimizer
	if c.Name != opt.SGD || c.Momentum != 0 || c.Clip != 0 {
		return bsp.NewRunner(dense, bsp.Files()), nil
	}
	rates, err := opt.New(c)
	if err != nil {
		return nil, p.Usage("%v", err)
	}
	sparse := linear.Program(linear.Options{
		Program: o.Program, Options: o.Options, Version: version, Input: o.Input, Way: linear.SGD, From: o.From, L2: c.Decay, Seed: o.Seed, Shards: o.Shards,
		Validation: o.Validation, Test: o.Test, TestPart: o.TestPart, Epochs: o.Epochs, Batch: o.Batch, Optimizer: rates, EarlyStop: o.EarlyStop, Splits: o.Splits,
	})
	return bsp.NewRunner(bySparsity(o.Input, sparse, dense), bsp.Files()), nil
}

// bySparsity runs one program for rows that are kept sparse, and another for others.
func bySparsity(in data.Input, sparse, dense bsp.Program[struct{}]) bsp.Program[struct{}] {
	return func(ctx context.Context, p *bsp.Peer[struct{}]) error {
		in := in
		in.URL = p.Input().URL
		src, err := data.Open(ctx, in)
		if err != nil {
			return err
		}
		if src.Format() == data.LIBSVM {
			return sparse(ctx, p)
		}
		return dense(ctx, p)
	}
}

// linearPrograms are those of the linear family.
func linearPrograms(version string) []builtin.Program {
	return []builtin.Program{
		linearProgram(version, "linear", "learns linear regression: a number for each row, by gradient descent or normal equations", linear.Normal),
		linearProgram(version, "logistic", "learns logistic regression: one of two classes, by gradient descent or L-BFGS", linear.LBFGS),
		linearProgram(version, "softmax", "learns softmax regression: a class of each row, by gradient descent or L-BFGS", linear.LBFGS),
	}
}
