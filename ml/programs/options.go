package programs

import (
	"fmt"
	"slices"
	"strings"

	"scalar/bsp/builtin"
	"scalar/ml/data"
	"scalar/ml/opt"
	"scalar/ml/train"
)

// netOptions are those of programs that train nets.
func netOptions() []builtin.Option {
	return []builtin.Option{
		{Name: "epochs", Kind: builtin.KindInt, Default: "10", Help: "passes over the rows"},
		{Name: "batch", Kind: builtin.KindInt, Default: "128", Help: "rows of a step, of all peers together; what is left of an epoch waits for the next one"},
		{Name: "lr", Kind: builtin.KindFloat, Help: "learning rate (default 0.05; adagrad 0.01; rmsprop, adam and adamw 0.001)"},
		{Name: "optimizer", Kind: builtin.KindString, Default: opt.SGD, Help: strings.Join(opt.Names(), ", ")},
		{Name: "momentum", Kind: builtin.KindFloat, Default: "0", Help: "of sgd, momentum and nesterov, which have 0.9 without it"},
		{Name: "decay", Kind: builtin.KindFloat, Default: "0", Help: "weight decay (of adamw 0.01 without it)"},
		{Name: "clip", Kind: builtin.KindFloat, Default: "0", Help: "the longest that a gradient may be; 0: no limit"},
		{Name: "schedule", Kind: builtin.KindString, Default: opt.Constant, Help: "of the rate: " + strings.Join(opt.Schedules(), ", ")},
		{Name: "warmup", Kind: builtin.KindInt, Default: "0", Help: "steps in which the rate grows to --lr"},
		{Name: "every", Kind: builtin.KindInt, Default: "0", Help: "steps between changes of the rate, for --schedule step"},
		{Name: "factor", Kind: builtin.KindFloat, Help: "by which it then changes (default 0.1)"},
		{Name: seed, Kind: builtin.KindInt, Default: "1", Help: "of the first weights, the order of rows, dropout"},
		{Name: "shards", Kind: builtin.KindInt, Help: "parts of a step; equal shards give equal bits, whatever the peers (default: as many as peers)"},
		{Name: "splits", Kind: builtin.KindInt, Help: "runs of rows, in an order of its own each epoch, that are read at random one after the other; equal splits give equal bits, whatever the memory (default: 1 if it holds all rows)"},
		{Name: "validation", Kind: builtin.KindFloat, Default: "0", Help: "share of the rows to choose the best epoch by, not trained on"},
		{Name: "early-stop", Kind: builtin.KindInt, Default: "0", Help: "epochs without a smaller validation loss that end training; 0: never"},
		{Name: test, Kind: builtin.KindURL, Help: "rows to test on after each epoch; they change nothing"},
		{Name: from, Kind: builtin.KindURL, Help: "folder of a model to go on from, with its net and its transform"},
	}
}

// inputOptions are those about the rows.
func inputOptions() []builtin.Option {
	return []builtin.Option{
		{Name: label, Kind: builtin.KindString, Help: "column of the label: name or number, negative from the end (default: the last)"},
		{Name: "labels", Kind: builtin.KindURL, Help: "IDX or NPY file of the labels, if they are in a file of their own"},
		{Name: "format", Kind: builtin.KindString, Help: "csv, libsvm, idx or npy (default: by the first bytes)"},
		{Name: "header", Kind: builtin.KindString, Default: automatic, Help: "of CSV: auto, yes or no"},
		{Name: missing, Kind: builtin.KindString, Default: string(data.MissingError), Help: "a value that is not there: error, mean or drop"},
		{Name: scale, Kind: builtin.KindString, Default: string(data.Auto), Help: "auto (bytes by their mean and deviation), columns (each by its own), or none"},
		{Name: "part", Kind: builtin.KindString, Help: "of a folder of IDX files: train or test (default train; of --test: test)"},
	}
}

// options makes training's options of a program's.
func options(p builtin.Program, v builtin.Values) (o train.Options, err error) {
	in, err := input(p, v)
	if err != nil {
		return o, err
	}
	in.Target = data.Classes
	o = train.Options{
		Program: p.Name, Options: counting(p, v), Input: in, From: v.String(from), NetFile: v.String(netFile),
		Optimizer: opt.Config{
			Name: v.String("optimizer"), Rate: v.Float("lr"), Momentum: v.Float("momentum"), Decay: v.Float("decay"), Clip: v.Float("clip"),
			Schedule: v.String("schedule"), Warmup: int(v.Int("warmup")), Every: int(v.Int("every")), Factor: v.Float("factor"),
		},
		Epochs: int(v.Int("epochs")), Batch: int(v.Int("batch")), Seed: uint64(v.Int(seed)), Shards: int(v.Int("shards")), Splits: int(v.Int("splits")),
		Validation: v.Float("validation"), EarlyStop: int(v.Int("early-stop")), Test: v.String(test), TestPart: test,
	}
	if v.String("lr") == "" {
		o.Optimizer.Rate = rate(o.Optimizer.Name)
	}
	o.Options["lr"] = fmt.Sprint(o.Optimizer.Rate)
	if err := defaulted(p, v); err != nil {
		return o, err
	}
	if err := o.Check(); err != nil {
		return o, p.Usage("%v", err)
	}
	return o, nil
}

// defaulted refuses a 0 that was given and would count as if it were not: an optimiser has a
// value of its own then.
func defaulted(p builtin.Program, v builtin.Values) error {
	name := v.String("optimizer")
	zero := func(option string) bool { return v.Given(option) && v.Float(option) == 0 }
	switch {
	case zero("momentum") && (name == opt.Momentum || name == opt.Nesterov):
		return p.Usage("--momentum 0 makes sgd of %s: want a number above 0, or --optimizer sgd", name)
	case zero("decay") && name == opt.AdamW:
		return p.Usage("--decay 0 makes adam of adamw: want a number above 0, or --optimizer adam")
	case zero("factor"):
		return p.Usage("--factor 0: want a number above 0, up to 1")
	}
	return nil
}

// rate is the learning rate of an optimiser that is given none.
func rate(optimizer string) float64 {
	switch optimizer {
	case opt.Adagrad:
		return 0.01
	case opt.RMSProp, opt.Adam, opt.AdamW:
		return 0.001
	}
	return 0.05
}

// input reads the options about rows.
func input(p builtin.Program, v builtin.Values) (data.Input, error) {
	in := data.Input{
		Label: v.String(label), Labels: v.String("labels"), Format: data.Format(v.String("format")), Part: v.String("part"),
		Missing: data.Missing(v.String(missing)), Scale: data.Scaling(v.String(scale)), Header: data.Header(v.String("header")),
	}
	for _, check := range []struct {
		option, value string
		of            []string
	}{
		{"format", string(in.Format), []string{"", "csv", "libsvm", "idx", "npy"}},
		{"header", string(in.Header), []string{automatic, "yes", "no"}},
		{missing, string(in.Missing), []string{"error", "mean", "drop"}},
		{scale, string(in.Scale), []string{automatic, "columns", "none"}},
		{"part", in.Part, []string{"", "train", "test"}},
	} {
		if !slices.Contains(check.of, check.value) {
			return in, p.Usage("option --%s %q: want %s", check.option, check.value, strings.TrimPrefix(strings.Join(check.of, ", "), ", "))
		}
	}
	if in.Header == automatic {
		in.Header = data.HeaderAuto
	}
	return in, nil
}

// values checks the arguments of a program, and refuses options that others make useless.
func values(p builtin.Program, args []string) (builtin.Values, error) {
	v, err := p.Values(args)
	for _, u := range useless {
		if err == nil && v.String(u.with) != "" {
			err = unused(p, v, u.options, "--"+u.with+": "+u.why)
		}
	}
	return v, err
}

// useless says which options are of no use with another one that is given, and why.
var useless = []struct {
	with, why string
	options   []string
}{
	{netFile, "it says which layers there are", []string{hidden}},
	{from, "the model has its own", []string{hidden, netFile, label, missing, scale}},
	{initial, "it has the first centres", []string{seed}},
}

// unused refuses options that were given and are of no use with another one.
func unused(p builtin.Program, v builtin.Values, names []string, with string) error {
	for _, name := range names {
		if v.Given(name) {
			return p.Usage("--%s is of no use with %s", name, with)
		}
	}
	return nil
}

// counting returns a program's options as they count.
func counting(p builtin.Program, v builtin.Values) map[string]string {
	all := map[string]string{}
	for _, option := range p.Options {
		if s := v.String(option.Name); s != "" {
			all[option.Name] = s
		}
	}
	for _, u := range useless {
		for _, name := range u.options {
			if v.String(u.with) != "" {
				delete(all, name)
			}
		}
	}
	return all
}
