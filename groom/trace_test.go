package groom_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp/wire"
)

// What a task tells of its supersteps comes to the store if it was asked, once, and if
// it can be.
func TestTrace(t *testing.T) {
	c, m, g := one(t)
	for _, asked := range []bool{true, false} {
		key := newKey()
		order := play(key, "teller")
		order.Start.Trace = asked
		m.order(order)
		m.awaitPhase(key, wire.Done)
		m.order()
		m.awaitGone(key)
		g.empty()
		log := c.storedLog(key) // comes as late
		name := filepath.Join(c.store, "logs", string(key.Job), "1-0.trace")
		if !asked {
			if _, err := os.Stat(name); err == nil {
				t.Errorf("kept without being asked; log %q", log)
			}
			continue
		}
		eventually(t, "the trace is in the store", func() bool {
			b, err := os.ReadFile(name)
			return err == nil && strings.Contains(string(b), `"first":5,`)
		})
	}
}
