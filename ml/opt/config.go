package opt

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"scalar/bsp/job"
)

// Names of optimisers.
const (
	SGD      = "sgd"
	Momentum = "momentum"
	Nesterov = "nesterov"
	Adagrad  = "adagrad"
	RMSProp  = "rmsprop"
	Adam     = "adam"
	AdamW    = "adamw"
)

// Names returns the names of all optimisers.
func Names() []string { return []string{SGD, Momentum, Nesterov, Adagrad, RMSProp, Adam, AdamW} }

// Names of schedules.
const (
	Constant = "constant"
	Step     = "step"
	Cosine   = "cosine"
	Linear   = "linear"
)

// Schedules returns the names of all schedules.
func Schedules() []string { return []string{Constant, Step, Cosine, Linear} }

// Config says how weights are changed. Defaults are PyTorch's where it has any.
type Config struct {
	Name string // of [Names]; empty: sgd
	Rate float64

	Momentum float64 // [0, 1): of sgd, where 0 is none; of momentum and nesterov, where 0 is 0.9
	Decay    float64 // from 0: times the weights, added to the gradient; of adamw taken from the weights, where 0 is 0.01
	Beta1    float64 // [0, 1): of adam and adamw; 0: 0.9
	Beta2    float64 // [0, 1): of adam and adamw; 0: 0.999
	Alpha    float64 // [0, 1): of rmsprop; 0: 0.99
	Epsilon  float64 // above 0: of adagrad, where 0 is 1e-10, and rmsprop, adam and adamw, where 0 is 1e-8

	Clip float64 // the longest that a gradient may be, above 0; 0: no limit

	Schedule string  // of [Schedules]; empty: constant
	Warmup   int     // steps in which the rate grows from Rate/Warmup to Rate, in equal parts; 0: none
	Every    int     // of the schedule step: after how many steps the rate changes, from 1
	Factor   float64 // of the schedule step: by how much, (0, 1]; 0: 0.1
}

// filled returns the config with defaults, or what is wrong with it, a *job.Failure of kind
// FaultInput.
func (c Config) filled() (Config, error) {
	if c.Name == "" {
		c.Name = SGD
	}
	if c.Schedule == "" {
		c.Schedule = Constant
	}
	fill := func(x *float64, value float64, names ...string) {
		for _, n := range names {
			if *x == 0 && c.Name == n {
				*x = value
			}
		}
	}
	fill(&c.Momentum, 0.9, Momentum, Nesterov)
	fill(&c.Decay, 0.01, AdamW)
	fill(&c.Beta1, 0.9, Adam, AdamW)
	fill(&c.Beta2, 0.999, Adam, AdamW)
	fill(&c.Alpha, 0.99, RMSProp)
	fill(&c.Epsilon, 1e-10, Adagrad)
	fill(&c.Epsilon, 1e-8, RMSProp, Adam, AdamW)
	if c.Factor == 0 && c.Schedule == Step {
		c.Factor = 0.1
	}
	for _, check := range []func() error{c.checkNames, c.checkUse, c.checkValues} {
		if err := check(); err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

func fail(format string, args ...any) error {
	return job.Fail(job.FaultInput, format, args...)
}

func (c Config) checkNames() error {
	if !slices.Contains(Names(), c.Name) {
		return fail("optimizer %.40q: want one of %s", c.Name, strings.Join(Names(), ", "))
	}
	if !slices.Contains(Schedules(), c.Schedule) {
		return fail("schedule %.40q: want one of %s", c.Schedule, strings.Join(Schedules(), ", "))
	}
	return nil
}

// checkUse refuses values that the optimiser would not look at.
func (c Config) checkUse() error {
	for _, u := range []struct {
		key string
		set bool
		by  []string
	}{
		{"momentum", c.Momentum != 0, []string{SGD, Momentum, Nesterov}},
		{"beta1", c.Beta1 != 0, []string{Adam, AdamW}},
		{"beta2", c.Beta2 != 0, []string{Adam, AdamW}},
		{"alpha", c.Alpha != 0, []string{RMSProp}},
		{"epsilon", c.Epsilon != 0, []string{Adagrad, RMSProp, Adam, AdamW}},
	} {
		if u.set && !slices.Contains(u.by, c.Name) {
			return fail("optimizer %s takes no %s: %s", c.Name, u.key, verb(u.by))
		}
	}
	if (c.Every != 0 || c.Factor != 0) && c.Schedule != Step {
		return fail("schedule %s takes no every and no factor: step does", c.Schedule)
	}
	return nil
}

func verb(names []string) string {
	if len(names) == 1 {
		return names[0] + " does"
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last] + " do"
}

func (c Config) checkValues() error {
	const inf, below1 = math.MaxFloat32, "from 0, below 1"
	for _, v := range []struct {
		key  string
		x    float64
		ok   bool
		want string
	}{
		{"learning rate", c.Rate, c.Rate > 0 && c.Rate <= inf, "above 0, up to 3.4e38"},
		{"momentum", c.Momentum, share(c.Momentum), below1},
		{"decay", c.Decay, c.Decay >= 0 && c.Decay <= inf, "from 0"},
		{"beta1", c.Beta1, share(c.Beta1), below1},
		{"beta2", c.Beta2, share(c.Beta2), below1},
		{"alpha", c.Alpha, share(c.Alpha), below1},
		{"epsilon", c.Epsilon, c.Epsilon == 0 || float32(c.Epsilon) > 0 && c.Epsilon <= 1, "above 1e-45, up to 1"},
		{"clip", c.Clip, c.Clip >= 0 && c.Clip <= inf, "above 0, or 0 for no limit"},
		{"warmup", float64(c.Warmup), c.Warmup >= 0, "of steps, from 0"},
		{"every", float64(c.Every), c.Every >= 1 || c.Schedule != Step, "of steps, from 1"},
		{"factor", c.Factor, c.Factor >= 0 && c.Factor <= 1, "above 0, up to 1"},
	} {
		if !v.ok {
			return fail("%s is %s: want a number %s", v.key, fmt.Sprint(v.x), v.want)
		}
	}
	return nil
}

// share reports whether x is in [0, 1), and is not 1 in float32.
func share(x float64) bool { return x >= 0 && float32(x) < 1 }
