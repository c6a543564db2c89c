package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
)

func (a *app) contextCmd() *cobra.Command {
	return group("context", "Choose between the clusters that you know", a.contextListCmd(), a.contextUseCmd())
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

func (a *app) contextUseCmd() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Make a cluster the current one", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := cluster.ContextsPath(a.getenv)
			if err != nil {
				return err
			}
			return cluster.ChangeContexts(path, func(all *cluster.Contexts) error {
				if _, ok := all.Contexts[args[0]]; !ok {
					return fault.NotFound("no context %q in %s: see `bsp context list`", args[0], path)
				}
				all.Current = args[0]
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
		all.Contexts[name] = c
		if _, ok := all.Contexts[all.Current]; !ok {
			all.Current = name
		}
		return nil
	})
}

// unregister removes a context if it is still c.
func (a *app) unregister(name string, c cluster.Context) error {
	path, err := cluster.ContextsPath(a.getenv)
	if err != nil {
		return err
	}
	return cluster.ChangeContexts(path, func(all *cluster.Contexts) error {
		if !slices.Equal(all.Contexts[name].Addrs, c.Addrs) {
			return nil
		}
		delete(all.Contexts, name)
		if all.Current == name {
			all.Current = ""
		}
		return nil
	})
}
