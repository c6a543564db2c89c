package config

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"scalar/bsp/wire"
	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
	"scalar/groom"
	"scalar/internal/netx"
	"scalar/internal/pki"
	"scalar/master"
)

// Daemon is what masters and grooms have in common. Paths are relative to the
// working folder.
type Daemon struct {
	Name      string   `help:"of this node, unique in the cluster (default: the host's name)"              yaml:"name"`
	Cluster   string   `help:"name of the cluster, as in the certificates (default \"scalar\")"            yaml:"cluster"`
	Data      string   `help:"folder that this daemon alone uses"                                          yaml:"data"`
	Advertise string   `help:"host that others reach this node at"                                         yaml:"advertise"`
	Seeds     []string `help:"gossip addresses of masters, host:port"                                      yaml:"seeds"`
	Store     string   `help:"file:// URL of a folder that all nodes share"                                yaml:"store"`
	CA        string   `help:"file: the cluster's CA certificate"                                          yaml:"ca"`
	Cert      string   `help:"file: this daemon's certificate"                                             yaml:"cert"`
	Key       string   `help:"file: the certificate's key"                                                 yaml:"key"`
	GossipKey string   `help:"file: the cluster's gossip keys, one a line"                                 yaml:"gossip_key"`
	LogLevel  string   `help:"debug, info, warn or error (default info)"                                   yaml:"log_level"`
	LogFormat string   `help:"text or json (default text)"                                                 yaml:"log_format"`
}

// Master is the configuration of bsp master.
type Master struct {
	Daemon          `yaml:",inline"`
	API             string        `help:"host:port of the HTTPS API (default 127.0.0.1:7350)"                     yaml:"api"`
	Listen          string        `help:"host:port for masters and grooms (default 127.0.0.1:7351)"               yaml:"listen"`
	Gossip          string        `help:"host:port for gossip, TCP and UDP (default 127.0.0.1:7352)"              yaml:"gossip"`
	BootstrapExpect int           `help:"masters that found the cluster together; 0: join an existing one"        yaml:"bootstrap_expect"`
	DataPlane       string        `help:"between tasks: tcp+tls or tcp (default tcp+tls)"                         yaml:"data_plane"`
	Compression     string        `help:"between tasks: off, s2, zstd or auto, what is measured fastest (default auto)" yaml:"compression"`
	AdminTokenHash  string        `help:"SHA-256 of the first admin token, as bsp init writes it to master.yaml"  yaml:"admin_token_hash"`
	BlobLimit       Size          `help:"largest program or file that may be uploaded (default 1GiB)"             yaml:"blob_limit"`
	DiskTimeout     time.Duration `help:"a write to disk that takes longer ends the process (default 5s)"         yaml:"disk_timeout"`
	HistoryJobs     int           `help:"finished jobs kept at hand; older ones are archived in the store (default 1000)" yaml:"history_jobs"`
	HistoryAge      time.Duration `help:"how long a finished job is kept at hand (default 168h)"                   yaml:"history_age"`
	LogKeep         time.Duration `help:"how long logs, and results of archived jobs, stay in the store (default 168h)" yaml:"log_keep"`
	ArchiveKeep     time.Duration `help:"how long archived jobs stay in the store (default 2160h)"                yaml:"archive_keep"`
	MinFree         Size          `help:"free space in the data folder below which writes are refused (64MiB)"    yaml:"min_free"`
	Ballast         Size          `help:"a file in the data folder that is removed when the disk is full; -1: none (64MiB)" yaml:"ballast"`
}

// Groom is the configuration of bsp groom.
type Groom struct {
	Daemon         `yaml:",inline"`
	Bind           string        `help:"host or host:port for gossip (default 127.0.0.1 and a free port)"        yaml:"bind"`
	Slots          int           `help:"peers that may run here at once (default: the cores)"                    yaml:"slots"`
	Cores          float64       `help:"cores for tasks (default: what the machine or cgroup has)"               yaml:"cores"`
	Memory         Size          `help:"memory for tasks together, as 8GiB (default 80% of what there is)"       yaml:"memory"`
	GPUs           int           `help:"GPUs for tasks"                                                          yaml:"gpus"`
	TaskUser       string        `help:"user[:group] that tasks run as; the groom must be root"                  yaml:"task_user"`
	DisableCgroups bool          `help:"run tasks without cgroups of their own"                                  yaml:"disable_cgroups"`
	ProgramCache   Size          `help:"programs kept in the data folder (default 4GiB)"                         yaml:"program_cache"`
	Procs          int           `help:"processes and threads a task may have for each slot (default 1024)"      yaml:"procs"`
	LogBytes       Size          `help:"logs kept in the data folder (default 4GiB)"                             yaml:"log_bytes"`
	LogKeep        time.Duration `help:"how long logs stay in the data folder (default 168h)"                    yaml:"log_keep"`
	Heartbeat      time.Duration `help:"between reports when nothing changes (default 400ms)"                    yaml:"heartbeat"`
	Metrics        string        `help:"host:port of GET /metrics over plain HTTP (default: none)"               yaml:"metrics"`
}

// secrets are the files that every daemon reads.
type secrets struct {
	ca, cert, key []byte
	gossip        [][]byte
}

// prepare fills in what depends on the machine and reads the files.
func (d *Daemon) prepare(role string) (secrets, error) {
	var s secrets
	if d.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return s, fmt.Errorf("name of this host: %w (set name)", err)
		}
		d.Name = strings.ToLower(host)
	}
	if d.Data == "" {
		d.Data = "/var/lib/bsp/" + role
	}
	for _, seed := range d.Seeds {
		if _, _, err := netx.HostPort(seed, "", 0); err != nil {
			return s, fault.Usage("seeds: %w", err)
		}
	}
	data, err := filepath.Abs(d.Data)
	if err != nil {
		return s, err
	}
	d.Data = data
	var keys []byte
	for _, f := range []struct {
		key, path string
		to        *[]byte
	}{{"ca", d.CA, &s.ca}, {"cert", d.Cert, &s.cert}, {"key", d.Key, &s.key}, {"gossip_key", d.GossipKey, &keys}} {
		if f.path == "" {
			return s, fault.Usage("%s is not set: give the file that `bsp init` made, by flag, %s or --config", f.key, variable(role, f.key))
		}
		if *f.to, err = os.ReadFile(f.path); err != nil {
			return s, fault.NotFound("%s: %w", f.key, err)
		}
	}
	if s.gossip, err = cluster.ParseKeys(keys); err != nil {
		return s, fault.Usage("gossip_key %s: %w", d.GossipKey, err)
	}
	return s, d.ownCert(role, s.cert)
}

// variable names the environment variable of a daemon's setting.
func variable(role, key string) string {
	if OfClient(key) {
		key = role + "_" + key
	}
	return envPrefix + strings.ToUpper(key)
}

// ownCert refuses a certificate that nobody in the cluster would accept from this
// daemon: each side would only see how the other hangs up.
func (d *Daemon) ownCert(role string, text []byte) error {
	cert, err := cluster.ParseCert(text)
	if err != nil {
		return fault.Usage("cert %s: %w", d.Cert, err)
	}
	id, want := cluster.IdentityOf(cert), cmp.Or(d.Cluster, "scalar")
	switch {
	case id.Role != role:
		return fault.Usage("cert %s is for a %s, and this is a %s: make one by `bsp tls issue %s %s`", d.Cert, cmp.Or(id.Role, "CA"), role, role, d.Name)
	case id.Cluster != want:
		return fault.Usage("cert %s is of the cluster %q, and the setting cluster says %q", d.Cert, id.Cluster, want)
	}
	return nil
}

// Config turns c into the master's own configuration.
func (c Master) Config() (master.Config, error) {
	s, err := c.prepare(pki.RoleMaster)
	if err != nil {
		return master.Config{}, err
	}
	return master.Config{
		Name: c.Name, Cluster: c.Cluster, DataDir: c.Data, Advertise: c.Advertise, Seeds: c.Seeds, Store: c.Store,
		APIAddr: c.API, ClusterAddr: c.Listen, GossipAddr: c.Gossip,
		BootstrapExpect: c.BootstrapExpect, DataPlane: wire.DataPlane(c.DataPlane), Compression: wire.Compression(c.Compression), AdminTokenHash: c.AdminTokenHash,
		CA: s.ca, Cert: s.cert, Key: s.key, GossipKeys: s.gossip,
		BlobLimit: int64(c.BlobLimit), HistoryJobs: c.HistoryJobs, HistoryAge: c.HistoryAge, LogKeep: c.LogKeep, ArchiveKeep: c.ArchiveKeep,
		DiskTimeout: c.DiskTimeout, MinFree: int64(c.MinFree), Ballast: int64(c.Ballast),
	}, nil
}

// Config turns c into the groom's own configuration.
func (c Groom) Config() (groom.Config, error) {
	s, err := c.prepare(pki.RoleGroom)
	if err != nil {
		return groom.Config{}, err
	}
	cfg := groom.Config{
		Name: c.Name, Cluster: c.Cluster, DataDir: c.Data, Advertise: c.Advertise, Seeds: c.Seeds, Store: c.Store,
		Bind: c.Bind, CA: s.ca, Cert: s.cert, Key: s.key, GossipKeys: s.gossip,
		Slots: c.Slots, Cores: c.Cores, Memory: int64(c.Memory), GPUs: c.GPUs,
		DisableCgroups: c.DisableCgroups, ProgramCache: int64(c.ProgramCache), LogKeep: c.LogKeep,
		Procs: c.Procs, LogBytes: int64(c.LogBytes),
		Heartbeat: c.Heartbeat, Metrics: c.Metrics,
	}
	if c.TaskUser != "" {
		if cfg.TaskUser, err = findUser(c.TaskUser); err != nil {
			return cfg, fault.Usage("task_user %q: %w", c.TaskUser, err)
		}
	}
	return cfg, nil
}

// findUser reads "user", "user:group" or numbers.
func findUser(text string) (*groom.User, error) {
	name, group, hasGroup := strings.Cut(text, ":")
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("no user %s on this machine", name)
		}
	}
	gid := u.Gid
	if hasGroup {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return nil, fmt.Errorf("no group %s on this machine", group)
			}
		}
		gid = g.Gid
	}
	uidN, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gidN, err2 := strconv.ParseUint(gid, 10, 32)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("ids %s:%s are no numbers", u.Uid, gid)
	}
	return &groom.User{UID: uint32(uidN), GID: uint32(gidN)}, nil
}

// Log returns how the daemon logs.
func (d Daemon) Log() (level, format string) { return d.LogLevel, d.LogFormat }

// GossipFile returns the file of the gossip keys.
func (d Daemon) GossipFile() string { return d.GossipKey }

// Own returns the files of the daemon's own certificate and key.
func (d Daemon) Own() (certFile, keyFile string) { return d.Cert, d.Key }
