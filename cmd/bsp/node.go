package main

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
)

func (a *app) nodeCmd() *cobra.Command {
	return group("node", "Look at masters and grooms, and drain them", a.nodeListCmd(), a.nodeStatusCmd(), a.drainCmd(true), a.drainCmd(false))
}

func (a *app) nodeListCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: useList, Short: "List masters and grooms", Args: cobra.NoArgs,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			nodes, err := c.Nodes(ctx)
			if err != nil {
				return err
			}
			if nodes == nil {
				nodes = []job.Node{}
			}
			return a.print(nodes, func() rows { return nodeRows(nodes) })
		}),
	})
}

func (a *app) nodeStatusCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: "status NODE", Short: "Show one master or groom", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeNodes,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			n, err := findNode(ctx, c, args[0])
			if err != nil {
				return err
			}
			return a.print(n, func() rows { return nodeRows([]job.Node{n}) })
		}),
	})
}

func nodeRows(nodes []job.Node) rows {
	r := rows{head: words("id role state address slots free cores memory gpus seen version")}
	for _, n := range nodes {
		if n.Role == "master" {
			r.add(n.ID, n.Role, n.State, n.Addr, "-", "-", "-", "-", "-", ago(n.LastSeen), orDash(n.Version))
			continue
		}
		r.add(n.ID, n.Role, n.State, n.Addr, n.Slots, n.Free, n.Cores, humanize.IBytes(uint64(max(0, n.Memory))), n.GPUs, ago(n.LastSeen), orDash(n.Version))
	}
	return r
}

func (a *app) drainCmd(on bool) *cobra.Command {
	use, short, done := "drain NODE", "Let a groom take no further tasks; jobs leave it at their next checkpoint, if they fit elsewhere", "takes no further tasks"
	if !on {
		use, short, done = "undrain NODE", "Let a groom take tasks again", "takes tasks again"
	}
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeNodes,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.Drain(ctx, args[0], on); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.stderr, "%s %s\n", args[0], done)
			return err
		}),
	}
}

func findNode(ctx context.Context, c *client.Client, id string) (job.Node, error) {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return job.Node{}, err
	}
	for _, n := range nodes {
		if n.ID == id {
			return n, nil
		}
	}
	return job.Node{}, fault.NotFound("no node %q: see `bsp node list`", id)
}
