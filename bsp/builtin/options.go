package builtin

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/scan"
)

// given is one option as it was written.
type given struct {
	option Option
	value  string
}

// Usage is the failure of a wrong command line.
func (p Program) Usage(format string, args ...any) error {
	return job.Usage(p.Name+": "+format, args...)
}

// parse splits and checks arguments.
func (p Program) parse(args []string) ([]given, error) {
	var all []given
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name, dashed := strings.CutPrefix(arg, "--")
		if !dashed || name == "" {
			return nil, p.Usage("unexpected argument %q: options are written --name value", arg)
		}
		if name == "help" {
			return nil, p.Usage("options:\n%s", p.Help())
		}
		name, value, inline := strings.Cut(name, "=")
		i := slices.IndexFunc(p.Options, func(o Option) bool { return o.Name == name })
		if i < 0 {
			return nil, p.Usage("unknown option --%s; %s", name, p.names())
		}
		o := p.Options[i]
		switch {
		case inline:
		case o.Kind == KindBool:
			value = "true"
		case len(args) == 0:
			return nil, p.Usage("option --%s needs a value (%s)", name, o.Help)
		default:
			value, args = args[0], args[1:]
		}
		if want := o.check(value); want != "" {
			return nil, p.Usage("option --%s %q: want %s", name, value, want)
		}
		all = append(all, given{o, value})
	}
	return all, nil
}

func (p Program) names() string {
	if len(p.Options) == 0 {
		return "there are none"
	}
	names := make([]string, len(p.Options))
	for i, o := range p.Options {
		names[i] = "--" + o.Name
	}
	return "there are " + strings.Join(names, ", ")
}

// check says what the option wants if value is not that.
func (o Option) check(value string) (want string) {
	switch o.Kind {
	case KindInt:
		switch _, err := strconv.ParseInt(value, 10, 64); {
		case errors.Is(err, strconv.ErrRange):
			return fmt.Sprintf("a whole number from %d to %d", math.MinInt64, math.MaxInt64)
		case err != nil:
			return "a whole number"
		}
	case KindFloat:
		if x, err := scan.ParseFloat([]byte(value), 64); err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return "a number"
		}
	case KindBool:
		if _, err := strconv.ParseBool(value); err != nil {
			return "true or false"
		}
	case KindFile, KindURL:
		if value == "" {
			return "a path or URL"
		}
	}
	return ""
}

func absolute(value, wd string) string {
	if strings.Contains(value, "://") || filepath.IsAbs(value) {
		return value
	}
	return filepath.Join(wd, value)
}

// Values gives typed access to checked options; the last of equal names counts. Names
// are those of the program.
type Values struct {
	program Program
	text    map[string]string
	given   map[string]bool
}

// Values checks the arguments of a program; what is not given has its default.
func (p Program) Values(args []string) (Values, error) {
	all, err := p.parse(args)
	v := Values{p, map[string]string{}, map[string]bool{}}
	for _, o := range p.Options {
		v.text[o.Name] = o.Default
	}
	for _, g := range all {
		v.text[g.option.Name], v.given[g.option.Name] = g.value, true
	}
	for _, o := range p.Options {
		if err == nil && o.Needed && v.text[o.Name] == "" {
			err = p.Usage("option --%s is missing: %s", o.Name, o.Help)
		}
	}
	return v, err
}

// Given reports whether an option was written, be it with its default.
func (v Values) Given(name string) bool { return v.given[name] }

// String returns an option as it was written.
func (v Values) String(name string) string { return v.text[name] }

// Int returns a number that parse has checked; 0 without a default.
func (v Values) Int(name string) int64 {
	x, _ := strconv.ParseInt(v.text[name], 10, 64)
	return x
}

// Float returns a number that parse has checked.
func (v Values) Float(name string) float64 {
	x, _ := strconv.ParseFloat(v.text[name], 64)
	return x
}

// Bool returns a flag that parse has checked.
func (v Values) Bool(name string) bool {
	x, _ := strconv.ParseBool(v.text[name])
	return x
}

// IntRange returns a number that has to be in [lo, hi].
func (v Values) IntRange(name string, lo, hi int64) (int, error) {
	x := v.Int(name)
	if x < lo || x > hi {
		return 0, v.program.Usage("option --%s %d: want %d to %d", name, x, lo, hi)
	}
	return int(x), nil
}
