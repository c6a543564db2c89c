package gossip_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"scalar/internal/gossip"
)

// TestNewKeyWithoutDowntime moves three members to another key, one after the other in
// each of three steps. At every moment two of them have different keys; a newcomer,
// which one of them hears of, is heard of by all, and nobody falls out. In the end whoever
// has only the old key is not heard.
func TestNewKeyWithoutDowntime(t *testing.T) {
	from, to := keyOf(7), keyOf(8)
	keys := []*gossip.Keys{ring(from), ring(from), ring(from)}
	nodes := make([]node, 0, len(keys))
	for i, k := range keys {
		nodes = append(nodes, start(t, "master", fmt.Sprint("m", i), func(c *gossip.Config) {
			seeds(nodes...)(c)
			c.Keys = k
		}))
	}
	all := func(want string) {
		t.Helper()
		for _, n := range nodes {
			sees(t, n, want)
		}
	}
	all("m0 m1 m2")
	steps := [][][]byte{{from, to}, {to, from}, {to}}
	for s, list := range steps {
		for i, k := range keys {
			if changed, err := k.Set(list); err != nil || !changed {
				t.Fatalf("step %d: changed %t, %v", s, changed, err)
			}
			if changed, err := k.Set(list); err != nil || changed {
				t.Fatalf("step %d again: changed %t, %v", s, changed, err)
			}
			last := i == len(keys)-1
			if last {
				continue
			}
			id := fmt.Sprint("g", s, i) // it has the keys of one of them
			g := start(t, "groom", id, func(c *gossip.Config) {
				seeds(nodes[i])(c)
				c.Keys = ring(list...)
			})
			all(id + " m0 m1 m2")
			sees(t, g, id+" m0 m1 m2")
			g.stop()
			all("m0 m1 m2")
		}
	}
	asked := make(chan struct{}, 1000)
	late := start(t, "groom", "late", func(c *gossip.Config) {
		c.Keys = ring(from)
		c.Seeds = func() []string { asked <- struct{}{}; return []string{nodes[0].Addr()} }
	})
	for range 3 { // two whole tries
		<-asked
	}
	if ids(late) != "late" || ids(nodes[0]) != "m0 m1 m2" {
		t.Errorf("with the old key: sees %q, is seen by %q", ids(late), ids(nodes[0]))
	}
}

// TestKeysAreReplaced: whatever the order, exactly the keys of the last list are held,
// while others read them.
func TestKeysAreReplaced(t *testing.T) {
	a, b, c, d := keyOf(1), keyOf(2), keyOf(3), keyOf(4)
	k := ring(a)
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				for _, key := range gossip.Held(k) {
					if len(key) != gossip.KeySize {
						t.Error("a piece of a key")
					}
				}
			}
		}
	})
	for i, list := range [][][]byte{{a, b, c, d}, {a, c, d}, {d, c}, {b}, {c, b, a, d}, {d, a}, {a}} {
		if changed, err := k.Set(list); err != nil || !changed {
			t.Fatalf("list %d: changed %t, %v", i, changed, err)
		}
		held := gossip.Held(k)
		same := len(held) == len(list) && bytes.Equal(held[0], list[0])
		for _, key := range list {
			found := false
			for _, h := range held {
				found = found || bytes.Equal(h, key)
			}
			same = same && found
		}
		if !same {
			t.Errorf("list %d: holds %x, want %x", i, held, list)
		}
	}
	close(done)
	reading.Wait()
	for what, list := range map[string][][]byte{"none": nil, "short": {a, b[:16]}, "twice": {a, b, a}} {
		if changed, err := k.Set(list); err == nil || changed {
			t.Errorf("%s: changed %t, %v", what, changed, err)
		}
		if _, err := gossip.NewKeys(list); err == nil {
			t.Errorf("%s: new keys", what)
		}
	}
	if held := gossip.Held(k); len(held) != 1 || !bytes.Equal(held[0], a) {
		t.Errorf("after refused lists: %x", held)
	}
}
