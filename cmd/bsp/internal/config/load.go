package config

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
)

// Sources are where a configuration comes from.
type Sources struct {
	File  string         // YAML; empty: none
	Env   []string       // "K=V", as os.Environ
	Role  string         // of the daemon: BSP_ROLE_KEY goes before BSP_KEY
	Flags *pflag.FlagSet // only those that were given count; dashes for underscores
}

// Size is a number of bytes that people write as "8GiB" or "500MB".
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(b []byte) error {
	if string(b) == "-1" { // none, where a setting says so
		*s = -1
		return nil
	}
	n, err := humanize.ParseBytes(string(b))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("size %q: want a number of bytes, as 8GiB or 500MB", b)
	}
	*s = Size(n)
	return nil
}

// Load reads a configuration of type T, a struct with yaml tags.
func Load[T any](s Sources) (T, error) {
	var c T
	k := koanf.New(".")
	if s.File != "" {
		if err := loadFile[T](k, s.File); err != nil {
			return c, err
		}
	}
	known := keys[T]()
	environ := func(prefix string, ours func(key string) bool) koanf.Provider {
		return env.Provider(".", env.Opt{
			Prefix:      prefix,
			EnvironFunc: func() []string { return s.Env },
			TransformFunc: func(key, value string) (string, any) {
				key = strings.ToLower(strings.TrimPrefix(key, prefix))
				if !known[key] || value == "" || !ours(key) {
					return "", nil
				}
				return key, value
			},
		})
	}
	shared := environ(envPrefix, func(key string) bool { return !OfClient(key) })
	own := environ(envPrefix+strings.ToUpper(s.Role)+"_", func(string) bool { return true })
	flags := posflag.ProviderWithFlag(s.Flags, ".", k, func(f *pflag.Flag) (string, any) {
		key := strings.ReplaceAll(f.Name, "-", "_")
		if !f.Changed || !known[key] {
			return "", nil
		}
		return key, posflag.FlagVal(s.Flags, f)
	})
	if err := errors.Join(k.Load(shared, nil), k.Load(own, nil), k.Load(flags, nil)); err != nil {
		return c, fault.Usage("configuration: %w", err)
	}
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, TagName: "yaml", SquashTagOption: "inline", WeaklyTypedInput: true, ErrorUnused: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc(), mapstructure.StringToSliceHookFunc(","),
		),
	}})
	if err != nil {
		return c, fault.Usage("configuration: %s", cluster.Line(err.Error()))
	}
	return c, nil
}

const envPrefix = "BSP_"

// OfClient reports whether BSP_KEY says to the command line where a cluster is. A
// daemon has such a setting by BSP_MASTER_KEY or BSP_GROOM_KEY: the folder of a
// person's cluster is not a daemon's data folder.
func OfClient(key string) bool {
	return slices.Contains([]string{"addr", "token", "ca", "context", "data"}, key)
}

// loadFile checks the file's keys and types, where errors still have a line,
// and gives it to k.
func loadFile[T any](k *koanf.Koanf, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fault.NotFound("configuration: %w", err)
	}
	var strict T
	if err := cluster.ParseYAML(path, data, &strict); err != nil {
		return fault.Usage("%w", err)
	}
	values := map[string]any{}
	if err := cluster.ParseYAML(path, data, &values); err != nil {
		return fault.Usage("%w", err)
	}
	return k.Load(confmap.Provider(values, ""), nil)
}

// keys lists the keys of T that flags and the environment may have.
func keys[T any]() map[string]bool {
	known := map[string]bool{}
	for f := range fields(reflect.TypeFor[T]()) {
		known[f.Tag.Get("yaml")] = true
	}
	return known
}

// fields walks the fields of t and of the structs that are part of it, without
// those that only a file can have.
func fields(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for _, f := range reflect.VisibleFields(t) {
			if !f.Anonymous && f.Tag.Get("flag") != "-" && !yield(f) {
				return
			}
		}
	}
}

// Changed lists the settings of T, by their keys in the file, in which two configurations differ, without those that only a
// file can have.
func Changed[T any](a, b T) (names []string) {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for f := range fields(reflect.TypeFor[T]()) {
		if !reflect.DeepEqual(va.FieldByIndex(f.Index).Interface(), vb.FieldByIndex(f.Index).Interface()) {
			names = append(names, f.Tag.Get("yaml"))
		}
	}
	return names
}

// AddFlags adds a flag for every key of T to flags, with the field's help.
func AddFlags[T any](flags *pflag.FlagSet) {
	for f := range fields(reflect.TypeFor[T]()) {
		name, help := strings.ReplaceAll(f.Tag.Get("yaml"), "_", "-"), f.Tag.Get("help")
		switch reflect.Zero(f.Type).Interface().(type) {
		case string:
			flags.String(name, "", help)
		case []string:
			flags.StringSlice(name, nil, help)
		case int:
			flags.Int(name, 0, help)
		case float64:
			flags.Float64(name, 0, help)
		case bool:
			flags.Bool(name, false, help)
		case time.Duration:
			flags.Duration(name, 0, help)
		case Size:
			flags.String(name, "", help)
		default:
			panic("no flag for the type of " + f.Name)
		}
	}
}
