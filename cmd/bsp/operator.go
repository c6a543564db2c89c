package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
)

func (a *app) operatorCmd() *cobra.Command {
	return group("operator", "Save and restore the masters' state, repair the masters, change the gossip key",
		a.clusterFlags(group("snapshot", "Save and restore the masters' state", a.snapshotSaveCmd(), a.snapshotRestoreCmd())),
		group("raft", "Look at the masters, remove dead ones, recover from the loss of most",
			a.clusterFlags(a.raftListCmd()), a.clusterFlags(a.raftRemoveCmd()), a.raftRecoverCmd()),
		a.keyringCmd())
}

func (a *app) snapshotSaveCmd() *cobra.Command {
	return &cobra.Command{
		Use: "save FILE", Short: "Save jobs, history and tokens to a new file", Args: cobra.ExactArgs(1),
		Long: `Save jobs, history and the hashes of tokens to a new file. Programs, checkpoints, results and logs
are in the store: save that by itself.`,
		Example: "  bsp operator snapshot save bsp-$(date +%F).snapshot",
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			n, err := save(ctx, c, args[0])
			if err == nil {
				_, err = fmt.Fprintf(a.stderr, "%d bytes in %s\n", n, args[0])
			}
			return err
		}),
	}
}

// save writes a snapshot, whole or not at all.
func save(ctx context.Context, c *client.Client, path string) (size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, fault.Usage("%s exists: name a new file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".snapshot-")
	if e, ok := errors.AsType[*fs.PathError](err); ok { // the name is of no use to anybody
		return 0, fmt.Errorf("a snapshot in %s: %w", filepath.Dir(path), e.Err)
	}
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has another name, or is of no use
	if err = c.SaveSnapshot(ctx, f); err == nil {
		err = f.Sync()
	}
	if info, statErr := f.Stat(); statErr == nil {
		size = info.Size()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return size, os.Link(f.Name(), path) // never over another file
}

func (a *app) snapshotRestoreCmd() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Replace jobs, history and tokens by those of a snapshot", Args: cobra.ExactArgs(1),
		Long: `Replace jobs, history and tokens by those of a snapshot, of this cluster or of another one with the
same store. Jobs that ran when it was saved go on from their checkpoints, or from the start where
those are gone; jobs that were submitted since are forgotten. Grooms and the first admin's token
stay as they are.`,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			r, err := c.RestoreSnapshot(ctx, args[0])
			if errors.Is(err, fs.ErrNotExist) {
				return fault.NotFound("%w", err)
			}
			if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusBadRequest { // the master knows no file
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stderr, "restored %s, saved %s\n", count(r.Jobs, "job"), r.Saved.Format("2006-01-02 15:04:05 MST"))
			return err
		}),
	}
}

func (a *app) raftListCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: useList, Short: "List the masters", Args: cobra.NoArgs,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			nodes, err := c.Nodes(ctx)
			if err != nil {
				return err
			}
			masters := []job.Node{}
			for _, n := range nodes {
				if n.Role == "master" {
					masters = append(masters, n)
				}
			}
			return a.print(masters, func() rows {
				r := rows{head: words("id state address seen")}
				for _, n := range masters {
					r.add(n.ID, n.State, n.Addr, ago(n.LastSeen))
				}
				return r
			})
		}),
	})
}

func (a *app) raftRemoveCmd() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "Take a dead master out: it counts no longer for a majority", Args: cobra.ExactArgs(1),
		Long: `Take a dead master out: it counts no longer for a majority. It must be stopped for good and lost, as
"bsp node list" says, and most of the masters must be there. ID is what that lists.`,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.RemoveMaster(ctx, args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.stderr, "master %s is no longer one of the cluster\n", args[0])
			return err
		}),
	}
}
