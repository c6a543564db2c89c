package host

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"regexp"
	"runtime"
	"slices"
	"time"

	"scalar/internal/name"
)

// A Config says how models are kept. The zero value is good.
type Config struct {
	// Cores is how many executors a version has, 1 to 1024: so many requests it computes at once.
	// 0: as many as GOMAXPROCS.
	Cores int `yaml:"cores"`
	// MaxBytes bounds the memory of all models together, those that still drain too: weights, and
	// the buffers of executors. 0: 16 GiB.
	MaxBytes int64 `yaml:"max_bytes"`
	// BatchRows is how many rows a batch of queued requests has at most, 1 to 1024. 0: 32. A version has
	// smaller ones, or none, where those were faster when it was warmed up.
	BatchRows int `yaml:"batch_rows"`
	// QueueRows is how many rows may wait for a version, 1 to 2^20. 0: 1024. A large request, of which
	// others go first after each part, counts as a part, up to 256 rows; one of more than this waits only where nothing else does.
	// Of very wide rows fewer wait, of 64 MiB in all.
	QueueRows int `yaml:"queue_rows"`
	// QueueTime is how long a request may have to wait for those before it, by what rows took of
	// late: it is refused else. 0: 1 s.
	QueueTime time.Duration `yaml:"queue_time"`
	// Poll is how often watched folders are looked at, from 10 ms. 0: 1 s.
	Poll time.Duration `yaml:"poll"`
	// Models has what is said of models by name; of others, the highest version answers. A model
	// need not be there yet.
	Models map[string]ModelConfig `yaml:"models"`
	// Log takes what happens in the background. nil: nothing is logged.
	Log *slog.Logger `yaml:"-"`

	batch int // of all versions, for tests; 0 is what measuring finds
}

// A ModelConfig says which versions of a model answer whom.
type ModelConfig struct {
	// Labels has versions by name: stable, canary. A label begins with a letter.
	Labels map[string]string `yaml:"labels"`
	// Traffic has percentages by version or label, 100 in all: what they answer of the requests that
	// name neither. Versions that are not ready leave theirs to the others. Empty: the highest version answers.
	Traffic map[string]float64 `yaml:"traffic"`
	// Shadow has percentages by version or label, up to 100 in all: of the requests that name
	// neither, this version predicts so many too, in the background, and nobody hears of it.
	Shadow map[string]float64 `yaml:"shadow"`
	// Namespaces are those that the model is there for. Empty: all.
	Namespaces []string `yaml:"namespaces"`
}

const (
	maxCores     = 1024
	maxBatchRows = 1024
	maxQueueRows = 1 << 20
	minPoll      = 10 * time.Millisecond
)

// filled returns the config with its defaults, and what is wrong with it.
func (c Config) filled() (Config, error) {
	if c.Cores == 0 {
		c.Cores = min(runtime.GOMAXPROCS(0), maxCores)
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 16 << 30
	}
	if c.BatchRows == 0 {
		c.BatchRows = 32
	}
	if c.QueueRows == 0 {
		c.QueueRows = 1024
	}
	if c.QueueTime == 0 {
		c.QueueTime = time.Second
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Cores < 1 || c.Cores > maxCores:
		return c, fmt.Errorf("cores is %d: want 1 to %d, or 0 for all", c.Cores, maxCores)
	case c.MaxBytes < 0:
		return c, fmt.Errorf("max_bytes is %d: want 1 or more, or 0 for 16 GiB", c.MaxBytes)
	case c.BatchRows < 1 || c.BatchRows > maxBatchRows:
		return c, fmt.Errorf("batch_rows is %d: want 1 to %d, or 0 for 32", c.BatchRows, maxBatchRows)
	case c.QueueRows < 1 || c.QueueRows > maxQueueRows:
		return c, fmt.Errorf("queue_rows is %d: want 1 to %d, or 0 for 1024", c.QueueRows, maxQueueRows)
	case c.QueueTime < 0:
		return c, fmt.Errorf("queue_time is %v: want more than 0, or 0 for 1s", c.QueueTime)
	case c.Poll < minPoll:
		return c, fmt.Errorf("poll is %v: want %v or more, or 0 for 1s", c.Poll, minPoll)
	}
	return c, checkModels(c.Models)
}

func (m ModelConfig) check() error {
	for _, label := range slices.Sorted(maps.Keys(m.Labels)) {
		if !labels.MatchString(label) {
			return fmt.Errorf("the label %q: want a letter, and up to 63 more letters, digits, - and _", label)
		}
		if err := checkVersion(m.Labels[label]); err != nil {
			return fmt.Errorf("label %s: %w", label, err)
		}
	}
	sum, err := m.percentages("traffic", m.Traffic)
	switch {
	case err != nil:
		return err
	case len(m.Traffic) > 0 && math.Abs(sum-100) > .01:
		return fmt.Errorf("traffic has %v %% in all: want 100", sum)
	}
	if sum, err = m.percentages("shadow", m.Shadow); err == nil && sum > 100.01 {
		err = fmt.Errorf("shadow has %v %% in all: want at most 100", sum)
	}
	return err
}

// percentages returns the sum of some percentages, and what is wrong with them.
func (m ModelConfig) percentages(what string, of map[string]float64) (sum float64, err error) {
	versions := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(of)) {
		version := m.version(key)
		if err := checkVersion(version); err != nil {
			return 0, fmt.Errorf("%s: %q is neither a version nor one of the labels", what, key)
		}
		if other, twice := versions[version]; twice {
			return 0, fmt.Errorf("%s: %s and %s are the same version", what, other, key)
		}
		versions[version] = key
		if p := of[key]; !(p >= 0 && p <= 100) {
			return 0, fmt.Errorf("%s: %s has %v %%: want 0 to 100", what, key, p)
		}
		sum += of[key]
	}
	return sum, nil
}

// version returns the version of a key of Traffic or Shadow.
func (m ModelConfig) version(key string) string {
	if version, ok := m.Labels[key]; ok {
		return version
	}
	return key
}

var (
	versions = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
	labels   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
)

// checkName returns what is wrong with a model's name.
func checkName(model string) error {
	if !name.Valid(model, 128) {
		return fmt.Errorf("a model cannot be called %.100q: want a letter or digit, and up to 127 more letters, digits, ., - and _", model)
	}
	return nil
}

// checkVersion returns what is wrong with a version.
func checkVersion(version string) error {
	if !versions.MatchString(version) {
		return fmt.Errorf("the version %.100q: want a whole number from 1, of at most 18 digits", version)
	}
	return nil
}

// newer orders versions as numbers.
func newer(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
