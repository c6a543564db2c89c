package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

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
// BSP_CA, before the folder BSP_DATA, before the current context. A token or CA
// of a context is never sent to an address that was given apart from it.
func Find(f Flags, getenv func(string) string) (Context, error) {
	token, ca := or(f.Token, getenv("BSP_TOKEN")), or(f.CA, getenv("BSP_CA"))
	if f.Addr == "" && f.Context != "" {
		return named(f.Context, getenv)
	}
	if addr := or(f.Addr, getenv("BSP_ADDR")); addr != "" {
		c := Context{Token: token, CA: ca}
		for a := range strings.SplitSeq(addr, ",") {
			if a = strings.TrimSpace(a); a != "" {
				c.Addrs = append(c.Addrs, a)
			}
		}
		return c, nil
	}
	var c Context
	var err error
	if dir := getenv("BSP_DATA"); dir != "" {
		if c, err = ReadContext(dir); errors.Is(err, fs.ErrNotExist) {
			return c, fault.Unreachable("no cluster is up in BSP_DATA=%s: start one with `bsp dev --data %s`", dir, dir)
		}
	} else {
		c, err = named(getenv("BSP_CONTEXT"), getenv)
	}
	c.Token, c.CA = or(token, c.Token), or(ca, c.CA)
	return c, err
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
