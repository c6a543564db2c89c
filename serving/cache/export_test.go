package cache

import "github.com/maypok86/otter/v2"

// WithClock returns a config whose times are those of a clock.
func WithClock(c Config, clock otter.Clock) Config {
	c.clock = clock
	return c
}

// Collide makes two keys have one hash.
func Collide(k, with *Key) { k.hash = with.hash }
