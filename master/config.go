package master

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"time"

	"scalar/bsp/wire"
	"scalar/internal/gossip"
	"scalar/master/control"
	"scalar/master/fsm"
	"scalar/storage"
)

// Config says how one master runs. New fills in defaults and validates.
type Config struct {
	Name            string           // of this master, for people; required, unique in the cluster
	Cluster         string           // name of the cluster, as in the certificates; default "scalar"
	DataDir         string           // absolute path of the folder that this master alone uses; required
	APIAddr         string           // host:port of the HTTPS API; default "127.0.0.1:7350"; port 0: any
	ClusterAddr     string           // host:port for masters and grooms; default "127.0.0.1:7351"; port 0: any
	GossipAddr      string           // host:port for gossip, TCP and UDP; default "127.0.0.1:7352"; port 0: any
	Advertise       string           // host that others reach this one at; default: the host of ClusterAddr
	BootstrapExpect int              // masters that found the cluster together, 1 to 7; 0: join an existing one
	Seeds           []string         // gossip addresses of other members; may be empty for the first
	Store           string           // file:// URL that all daemons share; required
	DataPlane       wire.DataPlane   // between tasks: PlaneTLS (default) or PlaneTCP
	Compression     wire.Compression // of what tasks send each other; default wire.CompressAuto
	CA              []byte           // PEM of the cluster's CA certificate; required
	Cert            []byte           // PEM of this master's certificate, role master; required
	Key             []byte           // PEM of its key; required
	GossipKeys      [][]byte         // of 32 bytes each: the first encrypts what is sent, all are understood; required
	AdminTokenHash  string           // HashSecret of the first admin token; required with BootstrapExpect > 0
	Builtins        []string         // names of the programs in the bsp binary
	BlobLimit       int64            // bytes of one uploaded program or file; default 1 GiB
	DiskTimeout     time.Duration    // a write of the log that takes longer ends the process; default 5 s
	StableTime      time.Duration    // a new master keeps up this long before it votes; default 10 s
	MinFree         int64            // bytes free in DataDir below which writes are refused; default 64 MiB; < 0: no check
	HistoryJobs     int              // finished jobs in the masters' state; more go to the archive in the store; default 1,000, at most 25,000
	HistoryAge      time.Duration    // since a job's end; older ones go to the archive; default 7 days
	LogKeep         time.Duration    // since a job's end, of its logs in the store, and of its result once it is archived; default 7 days
	ArchiveKeep     time.Duration    // of what is archived; default 90 days
	Ballast         int64            // bytes of a file in DataDir that is removed when less than MinFree is free; default 64 MiB; < 0: none
	Version         string           // of the binary, shown to people
	Logger          *slog.Logger     // default: discard
}

// The limits of a configuration.
const (
	maxExpect      = 7
	maxHistoryJobs = fsm.MaxHistory / 2 // room for those that wait for their archive objects
	digestSize     = 64                 // hex digits of a SHA-256
)

var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

func (c Config) withDefaults() Config {
	setDefault(&c.Cluster, "scalar")
	setDefault(&c.APIAddr, "127.0.0.1:7350")
	setDefault(&c.ClusterAddr, "127.0.0.1:7351")
	setDefault(&c.GossipAddr, "127.0.0.1:7352")
	setDefault(&c.DataPlane, wire.PlaneTLS)
	setDefault(&c.Compression, wire.CompressAuto)
	setDefault(&c.BlobLimit, 1<<30)
	setDefault(&c.DiskTimeout, 5*time.Second)
	setDefault(&c.StableTime, 10*time.Second)
	setDefault(&c.MinFree, 64<<20)
	setDefault(&c.HistoryJobs, control.DefaultHistoryJobs)
	setDefault(&c.HistoryAge, control.DefaultHistoryAge)
	setDefault(&c.LogKeep, 7*24*time.Hour)
	setDefault(&c.ArchiveKeep, 90*24*time.Hour)
	setDefault(&c.Ballast, 64<<20)
	if c.Advertise == "" {
		c.Advertise, _, _ = net.SplitHostPort(c.ClusterAddr)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(namePattern.MatchString(c.Name), "name %q: want lower-case letters, digits, dots and dashes", c.Name)
	check(namePattern.MatchString(c.Cluster), "cluster %q: want lower-case letters, digits, dots and dashes", c.Cluster)
	check(c.DataDir != "", "data folder is missing")
	for _, a := range []struct{ what, addr string }{{"api", c.APIAddr}, {"cluster", c.ClusterAddr}, {"gossip", c.GossipAddr}} {
		_, _, err := net.SplitHostPort(a.addr)
		check(err == nil, "%s address %q: want host:port", a.what, a.addr)
	}
	host := net.ParseIP(c.Advertise)
	check(c.Advertise != "" && (host == nil || !host.IsUnspecified()), "advertise %q: give the host that others reach this master at", c.Advertise)
	check(c.BootstrapExpect >= 0 && c.BootstrapExpect <= maxExpect, "bootstrap_expect %d: want 0 to %d", c.BootstrapExpect, maxExpect)
	check(c.Compression.Known(), "compression %q: want off, s2, zstd or auto", c.Compression)
	check(c.DataPlane == wire.PlaneTLS || c.DataPlane == wire.PlaneTCP, "data plane %q: want %s or %s", c.DataPlane, wire.PlaneTLS, wire.PlaneTCP)
	check(len(c.CA) > 0 && len(c.Cert) > 0 && len(c.Key) > 0, "certificates are missing: run bsp init")
	err := gossip.CheckKeys(c.GossipKeys)
	check(err == nil, "%w", err)
	check(c.AdminTokenHash == "" || isDigest(c.AdminTokenHash), "admin token hash: want %d lower-case hex digits", digestSize)
	check(c.AdminTokenHash != "" || c.BootstrapExpect == 0, "admin token hash is missing: run bsp init")
	check(c.BlobLimit > 0 && c.DiskTimeout > 0 && c.StableTime > 0, "limits must be positive")
	check(c.HistoryJobs > 0 && c.HistoryJobs <= maxHistoryJobs, "history_jobs %d: want 1 to %d", c.HistoryJobs, maxHistoryJobs)
	check(c.HistoryAge > 0 && c.LogKeep > 0 && c.ArchiveKeep > 0, "history_age, log_keep and archive_keep must be positive")
	_, _, err = storage.Resolve(c.Store)
	check(c.Store != "" && err == nil, "store %q: want a file:// URL (%v)", c.Store, err)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("master configuration: %w", err)
	}
	return nil
}

// isDigest reports whether s is a lower-case hex SHA-256.
func isDigest(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == digestSize
}

// Addrs are the addresses that a master really listens on.
type Addrs struct {
	API     string // host:port of the HTTPS API
	Cluster string // host:port for masters and grooms
	Gossip  string // host:port of gossip
}

var errNoLeader = errors.New("no leader: the masters are electing one or most of them are down; try again")
