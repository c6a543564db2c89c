package gossip_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scalar/internal/gossip"
	"scalar/internal/netx"
)

func TestMain(m *testing.M) {
	// memberlist does not wait for a probe that is under way when it is shut down.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

var key = keyOf(7)

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, gossip.KeySize) }

// ring returns keys, the first of which is used.
func ring(list ...[]byte) *gossip.Keys {
	k, err := gossip.NewKeys(list)
	if err != nil {
		panic(err)
	}
	return k
}

type node struct {
	*gossip.Gossip
	stop func() // returns when Run has
}

// start runs a member on a free port of 127.0.0.1. It is stopped at the end.
func start(t *testing.T, role, id string, change func(*gossip.Config)) node {
	t.Helper()
	cfg := gossip.Config{
		Member: gossip.Member{ID: id, Role: role, Addr: "addr-of-" + id, API: "api-of-" + id},
		Bind:   "127.0.0.1", Keys: ring(key), Rejoin: 100 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	g, err := gossip.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ended by stop
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	n := node{g, sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: Run: %v", id, err)
		}
	})}
	t.Cleanup(n.stop)
	return n
}

func seeds(nodes ...node) func(*gossip.Config) {
	addrs := make([]string, 0, len(nodes))
	for _, n := range nodes {
		addrs = append(addrs, n.Addr())
	}
	return func(c *gossip.Config) { c.Seeds = func() []string { return addrs } }
}

func ids(n node) string {
	members := n.Members()
	all := make([]string, 0, len(members))
	for _, m := range members {
		all = append(all, m.ID)
	}
	return strings.Join(all, " ")
}

// patience is how long a test waits for what comes within a second as a rule: a busy machine may stand
// still for many.
const patience = time.Minute

// sees waits until n lists exactly these ids, by its channel of changes.
func sees(t *testing.T, n node, want string) {
	t.Helper()
	deadline := time.After(patience)
	for ids(n) != want {
		select {
		case <-n.Changed():
		case <-deadline:
			t.Fatalf("sees %q, want %q", ids(n), want)
		}
	}
}

func TestFindEachOther(t *testing.T) {
	a := start(t, "master", "a", nil)
	b := start(t, "master", "b", seeds(a))
	c := start(t, "groom", "c", seeds(a, a))
	for _, n := range []node{a, b, c} {
		sees(t, n, "c a b") // by role, then id
	}
	want := gossip.Member{ID: "a", Role: "master", Addr: "addr-of-a", API: "api-of-a"}
	if got := c.Members()[1]; got != want {
		t.Errorf("member %+v, want %+v", got, want)
	}
	// One leaves in order and comes back at another address.
	b.stop()
	for _, n := range []node{a, c} {
		sees(t, n, "c a")
	}
	b = start(t, "master", "b", func(c *gossip.Config) {
		seeds(a)(c)
		c.Member.Addr = "second life"
	})
	for _, n := range []node{a, b, c} {
		sees(t, n, "c a b")
	}
	if got := c.Members()[2].Addr; got != "second life" {
		t.Errorf("b is at %q", got)
	}
}

// TestYoungestLife: while the old life of a member is not yet known to be dead,
// the new one is what is listed.
func TestYoungestLife(t *testing.T) {
	a := start(t, "master", "a", nil)
	start(t, "groom", "g", seeds(a))
	sees(t, a, "g a")
	start(t, "groom", "g", func(c *gossip.Config) {
		seeds(a)(c)
		c.Member.Addr = "second life"
	})
	deadline := time.After(patience)
	for a.Members()[0].Addr != "second life" {
		select {
		case <-a.Changed():
		case <-deadline:
			t.Fatalf("sees %+v", a.Members())
		}
	}
	if got := ids(a); got != "g a" {
		t.Errorf("sees %q", got)
	}
}

// TestRejoin: members that have forgotten each other meet again when the seeds
// name one, without a restart.
func TestRejoin(t *testing.T) {
	var addr atomic.Value
	addr.Store("")
	late := func(c *gossip.Config) {
		c.Seeds = func() []string {
			if s, ok := addr.Load().(string); ok && s != "" {
				return []string{"127.0.0.1:1", s} // nobody is at the first
			}
			return nil
		}
	}
	a, b, c := start(t, "master", "a", late), start(t, "master", "b", late), start(t, "groom", "c", late)
	for _, n := range []node{a, b, c} {
		if len(n.Members()) != 1 {
			t.Fatalf("%s knows somebody", ids(n))
		}
	}
	addr.Store(b.Addr())
	for _, n := range []node{a, b, c} {
		sees(t, n, "c a b")
	}
}

func TestWrongKey(t *testing.T) {
	var log lockedBuffer
	a := start(t, "master", "a", func(c *gossip.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	asked := make(chan struct{}, 1000)
	b := start(t, "groom", "b", func(c *gossip.Config) {
		c.Keys = ring(keyOf(8))
		c.Seeds = func() []string { asked <- struct{}{}; return []string{a.Addr()} }
	})
	for range 3 { // two whole tries
		<-asked
	}
	if ids(a) != "a" || ids(b) != "b" {
		t.Errorf("a sees %q, b sees %q", ids(a), ids(b))
	}
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "gossip:") || strings.Contains(text, "DEBUG") {
		t.Errorf("log: %s", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestAlone: a member says once that nobody answers at its seeds, and no word without seeds or with a right one.
func TestAlone(t *testing.T) {
	lone := func(log *lockedBuffer, seeds ...string) (func(*gossip.Config), chan struct{}) {
		asked := make(chan struct{}, 1000)
		return func(c *gossip.Config) {
			c.Alone, c.Logger = time.Nanosecond, slog.New(slog.NewTextHandler(log, nil))
			c.Seeds = func() []string { asked <- struct{}{}; return seeds }
		}, asked
	}
	a := start(t, "master", "a", nil)
	for name, c := range map[string]struct {
		seeds []string
		lines int
		want  string
	}{
		"nobody":  {[]string{"127.0.0.1:1"}, 1, "connection refused"},
		"no name": {[]string{"nowhere.invalid:1"}, 1, "nowhere.invalid"},
		"wrong":   {[]string{"127.0.0.1:x"}, 1, "port"},
		"none":    {nil, 0, ""},
		"right":   {[]string{a.Addr()}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log lockedBuffer
			change, asked := lone(&log, c.seeds...)
			n := start(t, "groom", "b", change)
			for range 4 {
				<-asked
			}
			n.stop()
			text := log.String()
			if strings.Count(text, "no other member answers") != c.lines || !strings.Contains(text, c.want) {
				t.Errorf("log: %s", text)
			}
		})
	}
}

func TestNoDebugLines(t *testing.T) {
	var log lockedBuffer
	verbose := func(c *gossip.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	a := start(t, "master", "a", verbose)
	b := start(t, "master", "b", func(c *gossip.Config) { verbose(c); seeds(a)(c) })
	sees(t, a, "a b")
	b.stop()
	sees(t, a, "a")
	a.stop()
	for _, word := range []string{"DEBUG", "memberlist:", "push/pull"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("log has %q:\n%s", word, log.String())
		}
	}
}

func TestConfig(t *testing.T) {
	for what, cfg := range map[string]gossip.Config{
		"no keys":   {Bind: "127.0.0.1"},
		"no host":   {Keys: ring(key)},
		"bad host":  {Bind: "no such host", Keys: ring(key)},
		"long name": {Bind: "127.0.0.1", Keys: ring(key), Member: gossip.Member{ID: strings.Repeat("x", 500)}},
	} {
		if g, err := gossip.New(cfg); err == nil {
			t.Errorf("%s: no error", what)
			g.Close()
		}
	}
	a := start(t, "master", "a", nil)
	_, port, _ := strings.Cut(a.Addr(), ":")
	var n int
	fmt.Sscan(port, &n)
	if g, err := gossip.New(gossip.Config{Bind: "127.0.0.1", Port: n, Keys: ring(key)}); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), a.Addr()) {
		t.Errorf("a port in use: %v", err)
		if g != nil {
			g.Close()
		}
	}
	all, err := gossip.New(gossip.Config{Bind: "0.0.0.0", Keys: ring(key)})
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(all.Addr(), "0.0.0.0") {
		t.Errorf("advertises %s", all.Addr())
	}
	if err := all.Close(); err != nil {
		t.Error(err)
	}
	if host, port, err := net.SplitHostPort(a.Addr()); err != nil || host != "127.0.0.1" || port == "0" {
		t.Errorf("address %q: %v", a.Addr(), err)
	}
}

// TestMeta fixes the bytes of a member's description.
func TestMeta(t *testing.T) {
	golden, err := os.ReadFile("testdata/meta.golden")
	if err != nil {
		t.Fatal(err)
	}
	got, err := gossip.Meta(gossip.Member{ID: "m1", Role: "master", Addr: "10.0.0.1:7001", API: ""}, 258)
	if want := strings.TrimSpace(string(golden)); err != nil || hex.EncodeToString(got) != want {
		t.Errorf("got %x, %v; want %s", got, err, want)
	}
}

// TestSeenMastersServeAsSeeds: a later life without a working seed finds the
// cluster by the masters that the one before has seen.
func TestSeenMastersServeAsSeeds(t *testing.T) {
	for _, role := range []string{"groom", "master"} {
		t.Run(role, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "masters")
			keep := func(c *gossip.Config) { c.Remember = file }
			a := start(t, "master", "a", nil)
			other := start(t, "groom", "other", seeds(a))
			b := start(t, role, "b", func(c *gossip.Config) { keep(c); seeds(a)(c) })
			sees(t, b, map[string]string{"groom": "b other a", "master": "other a b"}[role])
			deadline := time.Now().Add(patience)
			for text := ""; text != a.Addr()+"\n"; time.Sleep(5 * time.Millisecond) {
				b, _ := os.ReadFile(file)
				if text = string(b); time.Now().After(deadline) {
					t.Fatalf("the file has %q, want %q", text, a.Addr())
				}
			}
			b.stop()
			damaged, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			damaged.WriteString("nonsense\n\x00\x00:1\nexample.org:80\n")
			damaged.Close()
			b = start(t, role, "b", func(c *gossip.Config) {
				keep(c)
				c.Seeds = func() []string { return []string{"127.0.0.1:1"} }
			})
			sees(t, b, map[string]string{"groom": "b other a", "master": "other a b"}[role])
			sees(t, other, map[string]string{"groom": "b other a", "master": "other a b"}[role])
		})
	}
}

// TestSilentSeedsDelayNoEnd: seeds that take connections and never answer do not
// keep Run from a seed that does answer, nor from its end while it waits for them. One
// takes a second; all of them in turn, or memberlist's own limit, would be 10 s.
func TestSilentSeedsDelayNoEnd(t *testing.T) {
	const seeds = 10
	taken := make(chan struct{}, 10_000)
	silent := make([]string, 0, seeds)
	for range seeds {
		l, err := netx.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var held []net.Conn
		var accepting sync.WaitGroup
		accepting.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				held = append(held, c)
				taken <- struct{}{}
			}
		})
		t.Cleanup(func() {
			l.Close()
			accepting.Wait()
			for _, c := range held {
				c.Close()
			}
		})
		silent = append(silent, l.Addr().String())
	}
	a := start(t, "master", "a", nil)
	b := start(t, "groom", "b", func(c *gossip.Config) {
		c.Seeds = func() []string { return append(slices.Clone(silent), a.Addr()) }
	})
	sees(t, b, "b a")
	for range 2 * seeds { // each is tried by one connection and joined over another
		<-taken
	}
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
}
