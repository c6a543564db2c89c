package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
	"scalar/internal/memory"
	"scalar/internal/pki"
)

// Config says which cluster to run.
type Config struct {
	Dir     string // its folder; kept
	Masters int
	Grooms  int
	Slots   int    // of each groom
	Serve   string // host:port of the prediction server; empty: a free port of the loopback; [Off]: there is none
	Exe     string // the bsp binary
	Logger  *slog.Logger
	Ready   func(c cluster.Context, url string) // called once all daemons are up; url is the prediction server's, empty: there is none
}

// readyLimit is how long all daemons together may take to come up.
const readyLimit = 60 * time.Second

// Run runs the cluster until ctx ends. It returns when all its processes have.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Masters < 1 || cfg.Masters > 7 || cfg.Grooms < 0 || cfg.Grooms > 100 || cfg.Slots < 1 {
		return fault.Usage("want 1 to 7 masters, up to 100 grooms and at least 1 slot")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(cfg.Dir, "dev.lock"), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return errors.Join(err, fault.Usage("a bsp dev runs in %s already: use it by BSP_DATA=%s, or give another --data", cfg.Dir, cfg.Dir))
	}
	defer lock.Close() //nolint:errcheck // the process's end would do
	folder, err := cluster.OpenOrCreate(cfg.Dir, clusterName)
	if err != nil {
		return err
	}
	if err := errors.Join(folder.RemoveContext(), removeURL(folder)); err != nil { // of a dev that was killed
		return err
	}
	plan, err := layout(folder.Dir, cfg)
	if err != nil {
		return err
	}
	serving, err := newServer(cfg, plan)
	if err != nil {
		return err
	}
	if err := prepare(folder, cfg, plan); err != nil {
		return err
	}
	if serving != nil {
		if err := serving.prepare(folder); err != nil {
			return err
		}
	}
	return errors.Join(run(ctx, cfg, folder, plan, serving), folder.RemoveContext(), removeURL(folder))
}

const clusterName = "dev"

// address holds the ports of one master.
type address struct{ API, Cluster, Gossip string }

// layout returns the masters' addresses: those of the last time, since they are
// part of the cluster's memory, or fresh ones.
func layout(dir string, cfg Config) ([]address, error) {
	path := filepath.Join(dir, "dev.json")
	var plan []address
	b, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(b, &plan); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", path, err)
		}
		if len(plan) != cfg.Masters {
			return nil, fault.Usage("the cluster in %s has %d masters: start it with --masters %d, or give another --data", dir, len(plan), len(plan))
		}
		return plan, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found, err := ports(3 * cfg.Masters)
	if err != nil {
		return nil, err
	}
	for p := range slices.Chunk(found, 3) {
		at := func(i int) string { return loopback + ":" + strconv.Itoa(p[i]) }
		plan = append(plan, address{at(0), at(1), at(2)})
	}
	if b, err = json.Marshal(plan); err != nil {
		return nil, err
	}
	return plan, cluster.WriteFile(path, b)
}

func masterName(i int) string { return "m" + strconv.Itoa(i+1) }
func groomName(i int) string  { return "g" + strconv.Itoa(i+1) }

// prepare writes the daemons' certificates and configurations.
func prepare(folder *cluster.Folder, cfg Config, plan []address) error {
	store := filepath.Join(folder.Dir, "store")
	if err := os.RemoveAll(filepath.Join(folder.Dir, "run")); err != nil { // of a dev that was killed: the numbers are others' by now
		return err
	}
	for _, d := range []string{store, filepath.Join(folder.Dir, "log"), filepath.Join(folder.Dir, "run")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	var seeds []string
	for _, a := range plan {
		seeds = append(seeds, a.Gossip)
	}
	daemon := func(role, name string, more map[string]any) error {
		if err := folder.Issue(role, name, hosts(), cluster.CertLife); err != nil {
			return err
		}
		settings := map[string]any{
			"name": name, "cluster": folder.Cluster, "data": folder.Path(name), "advertise": loopback, "seeds": seeds,
			"store": "file://" + store, "ca": folder.Path("ca.pem"), "cert": folder.Path(name + ".pem"),
			"key": folder.Path(name + ".key"), "gossip_key": folder.Path("gossip.key"),
		}
		maps.Copy(settings, more)
		b, err := yaml.Marshal(settings)
		if err != nil {
			return err
		}
		return cluster.WriteFile(folder.Path(name+".yaml"), b)
	}
	for i, a := range plan {
		err := daemon(pki.RoleMaster, masterName(i), map[string]any{
			"api": a.API, "listen": a.Cluster, "gossip": a.Gossip, "bootstrap_expect": len(plan),
			"admin_token_hash": folder.AdminHash(),
		})
		if err != nil {
			return err
		}
	}
	share, err := memoryShare(cfg.Grooms)
	if err != nil {
		return err
	}
	for i := range cfg.Grooms {
		if err := daemon(pki.RoleGroom, groomName(i), map[string]any{"bind": loopback, "slots": cfg.Slots, "memory": share}); err != nil {
			return err
		}
	}
	return nil
}

// memoryShare returns what each of the grooms may give its tasks: together they
// have 80 % of the machine, as one groom would alone.
func memoryShare(grooms int) (string, error) {
	usable, err := memory.Usable()
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(usable/int64(max(grooms, 1)), 10), nil
}

func run(ctx context.Context, cfg Config, folder *cluster.Folder, plan []address, serving *server) error {
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reading.Close() //nolint:errcheck // only held
	defer writing.Close() //nolint:errcheck // its end is the point
	group, ctx := errgroup.WithContext(ctx)
	start := func(role, name string) {
		c := &child{
			name: name, args: []string{role, "--config", folder.Path(name + ".yaml")}, exe: cfg.Exe,
			log: filepath.Join(folder.Dir, "log", name+".log"), pid: filepath.Join(folder.Dir, "run", name+".pid"),
			lifeline: reading, logger: cfg.Logger,
		}
		group.Go(func() error { return c.run(ctx) })
	}
	var addrs []string
	for i, a := range plan {
		addrs = append(addrs, "https://"+a.API)
		start(pki.RoleMaster, masterName(i))
	}
	for i := range cfg.Grooms {
		start(pki.RoleGroom, groomName(i))
	}
	url := ""
	if serving != nil {
		url = serving.url
		start(serveName, serveName)
	}
	group.Go(func() error {
		if err := ready(ctx, cfg, folder.Context(addrs)); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // an end in order
			}
			return fmt.Errorf("%w: see %s", err, filepath.Join(folder.Dir, "log"))
		}
		if err := folder.WriteContext(addrs); err != nil {
			return err
		}
		if serving != nil { // jobs can be submitted meanwhile
			serving.await(ctx, cfg, folder)
			if ctx.Err() != nil {
				return nil //nolint:nilerr // an end in order
			}
		}
		cfg.Ready(folder.Context(addrs), url)
		return nil
	})
	return group.Wait()
}

// ready waits until every master answers for one cluster with a leader, and all grooms
// have come to it.
func ready(ctx context.Context, cfg Config, where cluster.Context) error {
	began := time.Now()
	conf, err := where.Client()
	if err != nil {
		return err
	}
	conf.Patience = 500 * time.Millisecond
	var masters []*client.Client
	for _, addr := range conf.Addrs { // each by itself: any of them would answer for those that are not up
		conf.Addrs = []string{addr}
		c, err := client.New(conf)
		if err != nil {
			return err
		}
		defer c.Close()
		masters = append(masters, c)
	}
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	poll := time.NewTicker(25 * time.Millisecond) // the start only; jobs are never polled for
	defer poll.Stop()
	for {
		err := ask(ctx, masters, cfg, began)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return fault.Failed("the cluster is not up after %s (%v)", readyLimit, err)
		case <-poll.C:
		}
	}
}

// ask asks the masters in turn, and says who is missing.
func ask(ctx context.Context, masters []*client.Client, cfg Config, began time.Time) error {
	for i, c := range masters {
		nodes, err := c.Nodes(ctx)
		if err != nil {
			return fmt.Errorf("master %s: %w", masterName(i), err)
		}
		if missing := absent(nodes, cfg, began); len(missing) > 0 {
			return fmt.Errorf("not there: %s", strings.Join(missing, ", "))
		}
	}
	return nil
}

// absent returns what is not up. A groom must have been seen since dev began: a folder
// that was kept remembers those of the last time, perhaps more than there are now.
func absent(nodes []job.Node, cfg Config, began time.Time) []string {
	masters, grooms := 0, map[string]bool{}
	for _, n := range nodes {
		switch {
		case n.Role == pki.RoleMaster && (n.State == "leader" || n.State == "follower"):
			masters++
		case n.Role == pki.RoleGroom: // one may still drain, in a folder that was kept
			grooms[n.ID] = n.State != "lost" && n.LastSeen.After(began)
		}
	}
	var missing []string
	if n := cfg.Masters - masters; n > 0 {
		missing = append(missing, strconv.Itoa(n)+" masters")
	}
	for i := range cfg.Grooms {
		if name := groomName(i); !grooms[name] {
			missing = append(missing, name)
		}
	}
	return missing
}
