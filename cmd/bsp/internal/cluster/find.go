package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"scalar/cmd/bsp/internal/fault"
)

// Flags are what a command line says of the cluster; all optional.
type Flags struct {
	Addr    string // comma-separated
	Token   string
	CA      string
	Context string
}

// Find decides which cluster is meant: flags before BSP_ADDR, BSP_TOKEN and
// BSP_CA, before the folder BSP_DATA, before the current context; --context stands
// before the environment. A token or CA that was given goes before the context's
// own, but those of a context are never sent to an address that was given apart
// from it. While a bsp dev starts in BSP_DATA, Find waits for it.
func Find(ctx context.Context, f Flags, getenv func(string) string) (Context, error) {
	token, ca := or(f.Token, getenv("BSP_TOKEN")), or(f.CA, getenv("BSP_CA"))
	addr, dir := or(f.Addr, getenv("BSP_ADDR")), getenv("BSP_DATA")
	var c Context
	var err error
	switch {
	case f.Addr != "" && f.Context != "":
		return c, fault.Usage("--addr and --context name a cluster each: give one of them")
	case f.Context != "":
		c, err = named(f.Context, getenv)
	case addr != "":
		return Context{Addrs: SplitAddrs(addr), Token: token, CA: ca}, nil
	case dir != "":
		c, err = inFolder(ctx, dir)
	default:
		c, err = named(getenv("BSP_CONTEXT"), getenv)
	}
	c.Token, c.CA = or(token, c.Token), or(ca, c.CA)
	return c, err
}

// SplitAddrs reads addresses that are separated by commas.
func SplitAddrs(text string) []string {
	var addrs []string
	for a := range strings.SplitSeq(text, ",") {
		if a = strings.TrimSpace(a); a != "" {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// How long a folder without a context is looked at. A bsp dev that was started by
// the line before, in the background, needs a moment until it holds its lock, and
// some seconds until its daemons are up.
const (
	lockWait  = time.Second
	startWait = 10 * time.Second
	startPoll = 50 * time.Millisecond
)

// inFolder reads the context that bsp dev leaves in dir once its cluster is up.
func inFolder(ctx context.Context, dir string) (Context, error) {
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for began := time.Now(); ; {
		c, err := ReadContext(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
		// The lock is not tried before lockWait: a bsp dev that wants it meanwhile must get it.
		waited := time.Since(began)
		switch {
		case waited > startWait:
			return c, fault.Unreachable("the cluster in BSP_DATA=%s starts, and is not up after %s: see %s", dir, startWait, filepath.Join(dir, "log"))
		case waited > lockWait && !starting(dir):
			return c, fault.Unreachable("no cluster is up in BSP_DATA=%s: start one with `bsp dev --data %s`", dir, dir)
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-poll.C:
		}
	}
}

// lockFile is the file in a cluster's folder that a running bsp dev holds locked.
const lockFile = "dev.lock"

// starting reports whether a bsp dev runs in dir.
func starting(dir string) bool {
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	return errors.Join(err, lock.Close()) == nil && !free
}

// named returns a context by name; empty: the current one.
func named(name string, getenv func(string) string) (Context, error) {
	none := fault.Unreachable("no cluster is known: start one with `bsp dev`, or give --addr, BSP_ADDR or BSP_DATA (a job runs without one by --local)")
	path, err := ContextsPath(getenv)
	if err != nil {
		return Context{}, none
	}
	all, err := ReadContexts(path)
	if err != nil {
		return Context{}, fault.Usage("contexts: %w", err)
	}
	if name == "" {
		if name = all.Current; name == "" {
			return Context{}, none
		}
	}
	c, ok := all.Contexts[name]
	if !ok {
		return c, fault.NotFound("no context %q in %s: see `bsp context list`", name, path)
	}
	if len(c.Addrs) == 0 {
		return c, fmt.Errorf("context %q in %s has no addrs", name, path)
	}
	return c, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
