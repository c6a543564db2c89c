package groom

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"scalar/internal/name"
)

// Config is all that a groom needs to know. The zero values of the optional
// fields mean what their comments say.
type Config struct {
	Name       string   // of the node, unique in the cluster: letters, digits, '.', '_', '-'; required
	Cluster    string   // the cluster's name, part of the certificates' names; "": scalar
	DataDir    string   // the groom's own folder, made if missing; required
	Bind       string   // host or host:port for gossip; "": 127.0.0.1 with a free port
	Advertise  string   // host that tasks listen on and others reach; "": the host of Bind
	Seeds      []string // gossip addresses of masters, host:port
	GossipKeys [][]byte // of 32 bytes each: the first encrypts what is sent, all are understood; required
	CA         []byte   // PEM of the cluster's CA; required
	Cert       []byte   // PEM, role groom; required
	Key        []byte   // PEM; required

	Slots  int     // peers that may run here at once, at most 4096; 0: the cores, rounded down, at least 1
	Cores  float64 // 0: what the machine or the cgroup offers
	Memory int64   // bytes for all tasks together; 0: 80 % of what the machine or the cgroup offers
	GPUs   int     // devices offered to tasks
	Procs  int     // processes and threads that a task may have for each of its slots, where its order does not say; 16 to 1 Mi; 0: 1024
	Store  string  // URL of the folder that all daemons share; required

	Exe            string        // executable of built-in programs; "": this process's own
	TaskUser       *User         // who tasks run as, needs root; nil: who runs the groom
	DisableCgroups bool          // run tasks in the groom's own cgroups, with the RSS watchdog only
	ProgramCache   int64         // bytes of programs kept in DataDir; 0: 4 GiB
	LogKeep        time.Duration // how long logs stay in DataDir; 0: 7 days
	LogBytes       int64         // of logs kept in DataDir beside those of jobs that run here: the oldest go first, within a minute; 0: 4 GiB
	Heartbeat      time.Duration // between reports when nothing changes; 0: 400 ms
	HelloLimit     time.Duration // for a started process to speak as a task; 0: 30 s
	Metrics        string        // host:port of GET /metrics over plain HTTP, whose URL is logged; "": none

	Version string       // shown to people
	Logger  *slog.Logger // nil: nothing is logged
}

// User is a user and group by number.
type User struct {
	UID uint32
	GID uint32
}

// The defaults of a Config.
const (
	defaultCluster      = "scalar"
	defaultBind         = "127.0.0.1"
	defaultProcs        = 1024 // a Go program has some ten threads, and one more for every system call that blocks
	minProcs            = 16
	maxProcs            = 1 << 20
	defaultProgramCache = 4 << 30
	defaultLogKeep      = 7 * 24 * time.Hour
	defaultLogBytes     = 4 << 30
	defaultHeartbeat    = 400 * time.Millisecond
	defaultHelloLimit   = 30 * time.Second // a task speaks within 10 ms; 30 s is a machine in deep trouble
	selfExe             = "/proc/self/exe" // stays right when the file is replaced or removed
)

// withDefaults checks c and fills in its defaults.
func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("data folder %s: %w", c.DataDir, err)
	}
	c.DataDir = dir
	fill(&c.Cluster, defaultCluster)
	fill(&c.Bind, defaultBind)
	fill(&c.Exe, selfExe)
	fill(&c.Procs, defaultProcs)
	fill(&c.ProgramCache, defaultProgramCache)
	fill(&c.LogKeep, defaultLogKeep)
	fill(&c.LogBytes, defaultLogBytes)
	fill(&c.Heartbeat, defaultHeartbeat)
	fill(&c.HelloLimit, defaultHelloLimit)
	fill(&c.Logger, slog.New(slog.DiscardHandler))
	if err := c.measure(); err != nil {
		return c, err
	}
	fill(&c.Slots, min(max(1, int(c.Cores)), maxSlots))
	return c, nil
}

func (c Config) check() error {
	switch {
	case !name.Valid(c.Name, 63):
		return fmt.Errorf("groom name %q: use letters, digits, '.', '_' and '-', at most 63", c.Name)
	case c.DataDir == "":
		return errors.New("a groom needs a data folder: set data")
	case c.Store == "":
		return errors.New("a groom needs the store that all daemons share: set store to a file:// URL")
	case len(c.CA) == 0 || len(c.Cert) == 0 || len(c.Key) == 0:
		return errors.New("a groom needs the cluster's CA, its certificate and its key: bsp init makes them")
	case c.Slots < 0 || c.Cores < 0 || c.Memory < 0 || c.GPUs < 0:
		return errors.New("slots, cores, memory and gpus must not be negative")
	case c.ProgramCache < 0 || c.LogBytes < 0:
		return errors.New("program_cache and log_bytes must not be negative")
	case c.Slots > maxSlots:
		return fmt.Errorf("%d slots: a groom can have %d at most", c.Slots, maxSlots)
	case c.Procs != 0 && (c.Procs < minProcs || c.Procs > maxProcs):
		return fmt.Errorf("%d processes for a slot: choose %d to %d", c.Procs, minProcs, maxProcs)
	case c.TaskUser != nil && os.Geteuid() != 0:
		return errors.New("only a groom that runs as root can run tasks as another user: unset task_user")
	}
	return nil
}

// fill sets *v to d where it is zero.
func fill[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
