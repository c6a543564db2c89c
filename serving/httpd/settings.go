package httpd

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"scalar/serving/cache"
	"scalar/serving/limit"
)

// Settings are what of a Config may change while a server runs, in the words of Config.
type Settings struct {
	Keys   []Key
	Quotas map[string]limit.Quota
	Caches map[string]cache.Config
}

// Check returns what is wrong with settings.
func (n Settings) Check() error {
	if _, err := newKeyring(n.Keys); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(n.Quotas)) {
		if err := n.Quotas[name].Check(); err != nil {
			return fmt.Errorf("quota of %s: %w", name, err)
		}
	}
	for _, model := range slices.Sorted(maps.Keys(n.Caches)) {
		if err := n.Caches[model].Check(); err != nil {
			return fmt.Errorf("cache of %s: %w", model, err)
		}
	}
	return nil
}

// settings are Settings in use. They never change; a call has those of its beginning to its end.
type settings struct {
	keys   keyring
	caches map[string]*kept
}

// kept is the cache of a model, with where its answers came from.
type kept struct {
	*cache.Cache

	config  cache.Config
	sources [sources]atomic.Uint64
}

// Set changes settings for the requests that come from now on. A cache keeps its answers if its TTL stays. On
// an error nothing changes; a server with keys cannot become one without, nor one without one with.
func (s *Server) Set(to Settings) error {
	if err := to.Check(); err != nil {
		return err
	}
	s.setting.Lock()
	defer s.setting.Unlock()
	was := s.settings.Load()
	switch {
	case s.base.Err() != nil:
		return errors.New("the server has ended")
	case was == nil:
		was = &settings{}
	case (was.keys == nil) != (to.Keys == nil):
		return errors.New("whether tokens are asked for is settled when the server starts")
	}
	is := &settings{}
	var err error
	if is.keys, err = newKeyring(to.Keys); err != nil {
		return err
	}
	if is.caches, err = nextCaches(was.caches, to.Caches); err != nil {
		return err
	}
	if err := s.limits.Set(time.Now(), to.Quotas); err != nil {
		return err
	}
	s.settings.Store(is)
	for model, old := range was.caches {
		if is.caches[model] != old {
			old.Close() // calls that have it may use it on
		}
	}
	return nil
}

// kept returns the caches by model.
func (s *Server) kept() map[string]*kept { return s.settings.Load().caches }

// nextCaches returns the caches of configs, those of before where they are the same but for their size; one that keeps
// nothing is left out. On an error nothing has changed.
func nextCaches(was map[string]*kept, configs map[string]cache.Config) (map[string]*kept, error) {
	all, made := map[string]*kept{}, map[string]*kept{}
	for model, config := range configs {
		if old := was[model]; old != nil && config.MaxBytes > 0 && config.TTL == old.config.TTL {
			all[model] = old
			continue
		}
		c, err := cache.New(config)
		if err != nil {
			closeCaches(made)
			return nil, fmt.Errorf("cache of %s: %w", model, err)
		}
		if c != nil {
			made[model] = &kept{Cache: c, config: config}
			all[model] = made[model]
		}
	}
	for model, k := range all {
		if made[model] == nil {
			k.Resize(configs[model].MaxBytes)
		}
	}
	return all, nil
}

func closeCaches(all map[string]*kept) {
	for _, c := range all {
		c.Close()
	}
}
