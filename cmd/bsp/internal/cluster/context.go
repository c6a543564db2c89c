package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/gofrs/flock"

	"scalar/bsp/client"
)

// Context says how to find a cluster and as whom to speak to it.
type Context struct {
	Addrs []string `json:"addrs"           yaml:"addrs"`
	CA    string   `json:"ca,omitempty"    yaml:"ca,omitempty"`    // path of a PEM file, or PEM
	Token string   `json:"token,omitempty" yaml:"token,omitempty"` // or @FILE
}

// Client turns a context into the configuration of a client.
func (c Context) Client() (client.Config, error) {
	cfg := client.Config{Addrs: c.Addrs, Token: c.Token}
	if path, ok := strings.CutPrefix(c.Token, "@"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return cfg, fmt.Errorf("token: %w", err)
		}
		cfg.Token = strings.TrimSpace(string(b))
	}
	switch {
	case strings.HasPrefix(c.CA, "-----BEGIN"):
		cfg.CA = []byte(c.CA)
	case c.CA != "":
		b, err := os.ReadFile(c.CA)
		if err != nil {
			return cfg, fmt.Errorf("CA: %w", err)
		}
		cfg.CA = b
	}
	return cfg, nil
}

// ReadContext reads what WriteContext left in dir. A folder without one is an
// error wrapping fs.ErrNotExist.
func ReadContext(dir string) (Context, error) {
	var c Context
	err := ReadYAML(filepath.Join(dir, contextFile), &c)
	return c, err
}

// Contexts are the clusters that a person knows.
type Contexts struct {
	Current  string             `json:"current"  yaml:"current"`
	Contexts map[string]Context `json:"contexts" yaml:"contexts"`
}

// Set keeps a context, and makes it the current one where there is none.
func (c *Contexts) Set(name string, one Context) {
	c.Contexts[name] = one
	if _, ok := c.Contexts[c.Current]; !ok {
		c.Current = name
	}
}

// Remove forgets a cluster; if it was the current one, there is none then.
func (c *Contexts) Remove(name string) {
	delete(c.Contexts, name)
	if c.Current == name {
		c.Current = ""
	}
}

// ContextsPath returns where the contexts lie; getenv is os.Getenv.
func ContextsPath(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "bsp", "contexts.yaml"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "bsp", "contexts.yaml"), nil
	}
	return "", errors.New("neither HOME nor XDG_CONFIG_HOME is set")
}

// ReadContexts reads the contexts at path; none is no error.
func ReadContexts(path string) (Contexts, error) {
	c := Contexts{Contexts: map[string]Context{}}
	if err := ReadYAML(path, &c); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	if c.Contexts == nil {
		c.Contexts = map[string]Context{}
	}
	return c, nil
}

// ChangeContexts reads the contexts at path, lets change change them and writes
// them back, one process at a time.
func ChangeContexts(path string, change func(*Contexts) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	defer lock.Close() //nolint:errcheck // the process's end would do
	c, err := ReadContexts(path)
	if err != nil {
		return err
	}
	if err := change(&c); err != nil {
		return err
	}
	b, err := marshal(c)
	if err != nil {
		return err
	}
	return WriteFile(path, b)
}

func marshal(v any) ([]byte, error) {
	b, err := yaml.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}
