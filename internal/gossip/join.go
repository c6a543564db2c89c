package gossip

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"scalar/internal/netx"
	"scalar/internal/pki"
)

const (
	seedTimeout   = time.Second // to resolve a seed, and to connect to it
	maxRemembered = 16          // masters' addresses, the newest: twice what a cluster may have
	maxFile       = 64 << 10    // bytes of their file that are read
)

// join contacts every seed and every master seen before that is not listed now,
// all at once, and reports whether others are known, and what went wrong with one of
// them. It returns about a second after the end of ctx at the latest, whoever does not answer.
func (g *Gossip) join(ctx context.Context) (known bool, err error) {
	var joining sync.WaitGroup
	wrong := &first{}
	for _, addr := range g.targets(ctx, wrong) {
		joining.Go(func() {
			if err := g.joinOne(ctx, addr); err != nil {
				g.cfg.Logger.Debug("gossip: no answer", "from", addr, "err", err)
				wrong.set(err)
			}
		})
	}
	joining.Wait()
	return g.list.NumMembers() > 1, wrong.err
}

// first keeps the first error of several goroutines, until all have ended.
type first struct {
	once sync.Once
	err  error
}

func (f *first) set(err error) { f.once.Do(func() { f.err = err }) }

// joinOne connects first, which ends with ctx: memberlist's Join knows none.
func (g *Gossip) joinOne(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	c, err := netx.Dial(ctx, addr)
	if err != nil {
		return err
	}
	_ = c.Close() // it has served
	_, err = g.list.Join([]string{addr})
	return err
}

// targets returns the addresses to join: IP:PORT, each once, never the own one.
func (g *Gossip) targets(ctx context.Context, wrong *first) []string {
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	var (
		resolving sync.WaitGroup
		mu        sync.Mutex // guards all
		all       []string
	)
	for _, seed := range slices.Concat(g.cfg.Seeds(), g.missing()) {
		resolving.Go(func() {
			addrs, err := resolve(ctx, seed, g.cfg.Port)
			if err != nil {
				g.cfg.Logger.Debug("gossip: seed", "seed", seed, "err", err)
				wrong.set(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, addrs...)
		})
	}
	resolving.Wait()
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(addr string) bool { return addr == g.Addr() })
}

// resolve returns all addresses behind a seed.
func resolve(ctx context.Context, seed string, defaultPort int) ([]string, error) {
	host, port, err := netx.HostPort(seed, "", defaultPort)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	addrs := make([]string, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, netx.Join(ip.Unmap().String(), port))
	}
	return addrs, err
}

// missing returns where masters were that are not listed now.
func (g *Gossip) missing() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.seen), func(addr string) bool {
		for _, e := range g.members {
			if e.at == addr {
				return true
			}
		}
		return false
	})
}

// see notes where another master gossips; the newest is the last. The caller
// holds g.mu.
func (g *Gossip) see(e entry) {
	own := e.Role == g.cfg.Member.Role && e.ID == g.cfg.Member.ID
	if own || e.Role != pki.RoleMaster || len(g.seen) > 0 && g.seen[len(g.seen)-1] == e.at {
		return
	}
	g.seen = append(slices.DeleteFunc(g.seen, func(addr string) bool { return addr == e.at }), e.at)
	g.seen = g.seen[max(0, len(g.seen)-maxRemembered):]
	select {
	case g.news <- struct{}{}:
	default: // a signal waits already
	}
}

// recall reads Config.Remember. What is there is only a hint: damage is no
// reason not to start.
func (g *Gossip) recall() {
	if g.cfg.Remember == "" {
		return
	}
	b, err := os.ReadFile(g.cfg.Remember)
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%d bytes", len(b))
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			g.cfg.Logger.Warn("gossip: the masters seen before cannot be read", "err", err)
		}
		return
	}
	for addr := range strings.Lines(string(b)) {
		addr = strings.TrimSpace(addr)
		if host, _, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host) != nil && len(g.seen) < maxRemembered {
			g.seen = append(g.seen, addr)
		}
	}
}

// remember writes Config.Remember: one address a line.
func (g *Gossip) remember() {
	if g.cfg.Remember == "" {
		return
	}
	g.mu.Lock()
	text := strings.Join(g.seen, "\n") + "\n"
	g.mu.Unlock()
	if err := replaceFile(g.cfg.Remember, text); err != nil {
		g.cfg.Logger.Warn("gossip: the masters seen cannot be written down", "err", err)
	}
}

// replaceFile writes a file by rename, synced.
func replaceFile(path, text string) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
