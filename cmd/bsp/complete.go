package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"scalar/bsp/client"
)

// completePrograms offers the built-ins, and files.
func completePrograms(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for _, p := range catalog() {
		names = append(names, cobra.CompletionWithDesc(p.Name, p.Summary))
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completionPatience is how long a person who pressed tab may wait.
const completionPatience = time.Second

// completer asks the cluster for the words that fit.
func (a *app) completer(ask func(cmd *cobra.Command, c *client.Client) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		c, err := a.client(ctx, completionPatience)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer c.Close()
		return ask(cmd, c), cobra.ShellCompDirectiveNoFileComp
	}
}

// completedJobs is how many of the newest jobs a shell is offered.
const completedJobs = 1000

func (a *app) completeJobs(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return a.completer(func(cmd *cobra.Command, c *client.Client) []string {
		jobs, _ := c.Jobs(cmd.Context(), client.JobQuery{Limit: completedJobs}) // an error offers nothing
		ids := make([]string, 0, len(jobs))
		for _, i := range jobs {
			ids = append(ids, cobra.CompletionWithDesc(string(i.ID), i.State.String()))
		}
		return ids
	})(cmd, args, word)
}

func (a *app) completeNodes(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return a.completer(func(cmd *cobra.Command, c *client.Client) []string {
		nodes, _ := c.Nodes(cmd.Context()) // an error offers nothing
		ids := make([]string, 0, len(nodes))
		for _, n := range nodes {
			ids = append(ids, cobra.CompletionWithDesc(n.ID, n.Role+" "+n.State))
		}
		return ids
	})(cmd, args, word)
}
