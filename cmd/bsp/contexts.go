package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"scalar/bsp/client"
	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
)

func (a *app) contextCmd() *cobra.Command {
	return group("context", "Choose between the clusters that you know", a.contextListCmd(), a.contextAddCmd(), a.contextUseCmd(), a.contextRemoveCmd())
}

func (a *app) contextListCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: useList, Short: "List the clusters that you know", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := cluster.ContextsPath(a.getenv)
			if err != nil {
				return err
			}
			all, err := cluster.ReadContexts(path)
			if err != nil {
				return err
			}
			for name, c := range all.Contexts { // secrets stay in the file
				if c.Token != "" && !strings.HasPrefix(c.Token, "@") {
					c.Token = "***"
				}
				all.Contexts[name] = c
			}
			return a.print(all, func() rows {
				r := rows{head: words("current name addresses")}
				for _, name := range slices.Sorted(maps.Keys(all.Contexts)) {
					mark := ""
					if name == all.Current {
						mark = "*"
					}
					r.add(mark, name, strings.Join(all.Contexts[name].Addrs, ","))
				}
				return r
			})
		},
	})
}

func (a *app) contextAddCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "add NAME", Short: "Keep where a cluster is, and the token that you were given", Args: cobra.ExactArgs(1),
		Example: "  bsp context add lab --addr https://10.0.0.1:7350,https://10.0.0.2:7350 --ca ./ca.pem --token @./alice.token",
		RunE: func(_ *cobra.Command, args []string) error {
			c := cluster.Context{Addrs: cluster.SplitAddrs(a.cluster.Addr), CA: a.cluster.CA, Token: a.cluster.Token}
			if args[0] == "" || len(c.Addrs) == 0 {
				return fault.Usage("want a NAME and --addr, the address of its masters' API")
			}
			var err error
			if c.CA, err = absolute(c.CA); err != nil {
				return err
			}
			if file, ok := strings.CutPrefix(c.Token, "@"); ok {
				if file, err = absolute(file); err != nil {
					return err
				}
				c.Token = "@" + file
			}
			cfg, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.New(cfg); err != nil {
				return fault.Usage("%w", err)
			}
			path, err := cluster.ContextsPath(a.getenv)
			if err != nil {
				return err
			}
			return cluster.ChangeContexts(path, func(all *cluster.Contexts) error {
				if _, ok := all.Contexts[args[0]]; ok {
					return fault.Usage("there is a context %q: choose another name, or bsp context remove it", args[0])
				}
				all.Set(args[0], c)
				return nil
			})
		},
	}
	a.addressFlags(c.Flags())
	return c
}

func (a *app) contextUseCmd() *cobra.Command {
	return a.knownContextCmd("use NAME", "Make a cluster the current one", func(all *cluster.Contexts, name string) { all.Current = name })
}

func (a *app) contextRemoveCmd() *cobra.Command {
	return a.knownContextCmd("remove NAME", "Forget a cluster; files of its CA and token stay", (*cluster.Contexts).Remove)
}

// knownContextCmd changes the contexts by one of them.
func (a *app) knownContextCmd(use, short string, change func(all *cluster.Contexts, name string)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := cluster.ContextsPath(a.getenv)
			if err != nil {
				return err
			}
			return cluster.ChangeContexts(path, func(all *cluster.Contexts) error {
				if _, ok := all.Contexts[args[0]]; !ok {
					return fault.NotFound("no context %q in %s: see `bsp context list`", args[0], path)
				}
				change(all, args[0])
				return nil
			})
		},
	}
}

// register adds a context, and makes it the current one where there is none or
// it is that already.
func (a *app) register(name string, c cluster.Context) error {
	path, err := cluster.ContextsPath(a.getenv)
	if err != nil {
		return err
	}
	return cluster.ChangeContexts(path, func(all *cluster.Contexts) error {
		all.Set(name, c)
		return nil
	})
}

// registerNew adds a context by a name that no other cluster has: name itself, or with
// a number behind it.
func (a *app) registerNew(name string, c cluster.Context) (string, error) {
	path, err := cluster.ContextsPath(a.getenv)
	if err != nil {
		return "", err
	}
	free := name
	err = cluster.ChangeContexts(path, func(all *cluster.Contexts) error {
		for n := 2; ; n++ {
			if old, ok := all.Contexts[free]; !ok || slices.Equal(old.Addrs, c.Addrs) {
				break
			}
			free = fmt.Sprintf("%s-%d", name, n)
		}
		all.Set(free, c)
		return nil
	})
	return free, err
}

// unregister removes a context if it is still c.
func (a *app) unregister(name string, c cluster.Context) error {
	path, err := cluster.ContextsPath(a.getenv)
	if err != nil {
		return err
	}
	return cluster.ChangeContexts(path, func(all *cluster.Contexts) error {
		if slices.Equal(all.Contexts[name].Addrs, c.Addrs) {
			all.Remove(name)
		}
		return nil
	})
}
