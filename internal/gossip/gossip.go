package gossip

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"scalar/internal/netx"
	"scalar/internal/pack"
)

// KeySize is the length of a gossip key in bytes (AES-256).
const KeySize = 32

// Member is one daemon as the others see it. Encoded it must fit 512 bytes.
type Member struct {
	ID   string // unique in its role
	Role string // master or groom
	Addr string // master: cluster address; groom: host
	API  string // master: address of the HTTPS API
}

// Config of a Gossip.
type Config struct {
	Member    Member          // this daemon
	Bind      string          // host to listen on, TCP and UDP; required
	Port      int             // 0: a free one
	Advertise string          // host that others reach this one at; empty: Bind, or a private address if Bind means all
	Keys      *Keys           // what is sent is encrypted with and what is understood; required
	Seeds     func() []string // addresses HOST:PORT to join, asked again each time; own address and unreachable ones do no harm
	Remember  string          // path of a file that keeps where masters were seen, so that a later life finds them without a seed; "": none
	Rejoin    time.Duration   // between joins of the seeds once another member is known; 0: 10 s
	Alone     time.Duration   // how long it hears of nobody, though there are seeds, before it warns; 0: 5 s
	Logger    *slog.Logger    // nil: none
}

// Gossip is one member. Safe for concurrent use.
type Gossip struct {
	cfg     Config
	list    *memberlist.Memberlist
	changed chan struct{} // one waiting signal is enough; sent by memberlist's goroutines, never closed
	close   func() error
	news    chan struct{} // gets a value when seen has changed; one is enough; sent by memberlist's goroutines, never closed

	mu      sync.Mutex       // guards what follows
	members map[string]entry // by memberlist's node name
	seen    []string         // gossip addresses of other masters, the newest last, at most maxRemembered
}

// entry is a member with the start of its process.
type entry struct {
	Member
	Started int64  // Unix nanoseconds; of two lives of one member the younger counts
	at      string // its gossip address; not sent
}

// New listens, alone at first; Run joins the others. Close or Run must end it.
func New(cfg Config) (*Gossip, error) {
	if cfg.Keys == nil {
		return nil, errors.New("gossip: no keys")
	}
	if cfg.Rejoin <= 0 {
		cfg.Rejoin = 10 * time.Second
	}
	if cfg.Alone <= 0 {
		cfg.Alone = 5 * time.Second
	}
	if cfg.Seeds == nil {
		cfg.Seeds = func() []string { return nil }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.resolve(); err != nil {
		return nil, err
	}
	meta, err := pack.Marshal(entry{Member: cfg.Member, Started: time.Now().UnixNano()})
	if err != nil {
		return nil, err
	}
	if len(meta) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("gossip: id, role and addresses of %s take %d bytes, at most %d: use a shorter name", cfg.Member.ID, len(meta), memberlist.MetaMaxSize)
	}
	g := &Gossip{cfg: cfg, changed: make(chan struct{}, 1), news: make(chan struct{}, 1), members: make(map[string]entry)}
	g.recall()
	g.list, err = memberlist.Create(g.listConfig(meta))
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", cmp.Or(listen(net.JoinHostPort(cfg.Bind, strconv.Itoa(cfg.Port))), err))
	}
	g.close = sync.OnceValue(func() error {
		if err := g.list.Leave(leaveTimeout); err != nil {
			cfg.Logger.Debug("gossip: nobody heard the goodbye, the others will find out", "err", err)
		}
		return g.list.Shutdown()
	})
	return g, nil
}

// listen says why nobody can listen at an address: of that memberlist tells the text alone.
func listen(addr string) error {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	t, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err == nil {
		err = u.Close()
	}
	return errors.Join(err, t.Close())
}

// resolve makes IP addresses of the configured hosts: memberlist would take a
// name for "all addresses".
func (c *Config) resolve() error {
	if c.Bind == "" {
		return errors.New("gossip: no host to listen on")
	}
	if c.Advertise == "" {
		c.Advertise = netx.AdvertisedHost(c.Bind)
	}
	for _, host := range []*string{&c.Bind, &c.Advertise} {
		ip, err := net.ResolveIPAddr("ip", *host)
		if err != nil {
			return fmt.Errorf("gossip: host %q: %w", *host, err)
		}
		*host = ip.String()
	}
	return nil
}

// leaveTimeout is well inside the 2 s in which a daemon ends.
const leaveTimeout = 500 * time.Millisecond

// listConfig is memberlist's LAN profile with shorter waits, each set on purpose.
func (g *Gossip) listConfig(meta []byte) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	// A new life of a daemon has a new name, so that its old address, not yet
	// known to be dead, is no conflict.
	c.Name = g.cfg.Member.Role + "/" + g.cfg.Member.ID + "/" + rand.Text()[:10]
	c.BindAddr, c.BindPort = g.cfg.Bind, g.cfg.Port
	c.AdvertiseAddr, c.AdvertisePort = g.cfg.Advertise, g.cfg.Port
	c.Keyring = g.cfg.Keys.ring
	c.TCPTimeout = time.Second // so that Run ends soon: a join under way does not end before
	c.DisableTcpPings = true   // liveness is not gossip's business
	c.PushPullInterval = 15 * time.Second
	c.GossipInterval = 100 * time.Millisecond
	c.EnableCompression = false // nothing to gain on a few hundred bytes
	c.Delegate = delegate{meta}
	c.Events = events{g}
	c.Logger = slog.NewLogLogger(levels{g.cfg.Logger.Handler()}, slog.LevelInfo)
	return c
}

// Run joins the seeds and the masters seen before: at once, with growing pauses
// until another member is known, and from then on every Config.Rejoin. When ctx
// ends it says goodbye to the others and returns nil, or what went wrong with
// closing. It warns once each time that nobody has answered for Config.Alone.
func (g *Gossip) Run(ctx context.Context) error {
	const firstPause = 100 * time.Millisecond
	pause := firstPause
	heard, warned := time.Now(), false
	for ctx.Err() == nil {
		known, err := g.join(ctx)
		switch {
		case known:
			pause = g.cfg.Rejoin
			heard, warned = time.Now(), false
		case err != nil && !warned && time.Since(heard) > g.cfg.Alone && ctx.Err() == nil:
			g.cfg.Logger.Warn("gossip: no other member answers: do masters run, and are the seeds their gossip addresses?", "seeds", g.cfg.Seeds(), "err", err)
			warned = true
		}
		g.idle(ctx, min(pause, g.cfg.Rejoin))
		if pause *= 2; known {
			pause = firstPause
		}
	}
	return g.Close()
}

// idle waits until ctx ends or the pause is over, and writes down masters that
// appear meanwhile.
func (g *Gossip) idle(ctx context.Context, pause time.Duration) {
	over := time.NewTimer(pause)
	defer over.Stop()
	for {
		select {
		case <-g.news:
			g.remember()
		case <-ctx.Done():
			return
		case <-over.C:
			return
		}
	}
}

// Members returns all known members, this one too, by role and id.
func (g *Gossip) Members() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	type key struct{ role, id string }
	youngest := make(map[key]entry, len(g.members))
	for _, e := range g.members {
		k := key{e.Role, e.ID}
		if old, ok := youngest[k]; !ok || e.Started > old.Started {
			youngest[k] = e
		}
	}
	members := make([]Member, 0, len(youngest))
	for _, e := range youngest {
		members = append(members, e.Member)
	}
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.ID, b.ID))
	})
	return members
}

// Changed gets a value after Members has changed; several changes may make one.
// It is for one reader.
func (g *Gossip) Changed() <-chan struct{} { return g.changed }

// Addr returns the advertised address, HOST:PORT.
func (g *Gossip) Addr() string { return g.list.LocalNode().Address() }

// Close says goodbye and stops listening; Run does it by itself. A second Close
// does nothing.
func (g *Gossip) Close() error { return g.close() }

// set records what memberlist knows of a node; nil means gone.
func (g *Gossip) set(name string, e *entry) {
	g.mu.Lock()
	if e != nil {
		g.members[name] = *e
		g.see(*e)
	} else {
		delete(g.members, name)
	}
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default: // a signal waits already
	}
}
