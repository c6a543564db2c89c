package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
	"scalar/master"
)

func (a *app) raftRecoverCmd() *cobra.Command {
	var dir string
	var yes bool
	c := &cobra.Command{
		Use: "recover", Short: "Make one master lead alone after most are lost for good", Args: cobra.NoArgs,
		Long: `Make one master lead alone, after most of the cluster's masters were lost for good. It works on the
data folder of that master, which must be stopped; run it as the user that the master runs as. Of the
masters that are left choose the one with the highest term, then the highest entry. What the lost ones
had committed and this one has not is lost.

Start the master then as before. New masters join it with bootstrap_expect 0. The old ones must never
come back with their old data: two of them would be a cluster of their own. Without --yes the id of the
master, which is shown, must be typed.`,
		Example: "  bsp operator raft recover --data /var/lib/bsp/master",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return fault.Usage("whose data folder? give --data")
			}
			return a.recover(cmd.InOrStdin(), dir, yes)
		},
	}
	c.Flags().StringVar(&dir, "data", "", "data folder of the master")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	_ = c.MarkFlagDirname("data") // the flag is there
	return c
}

// recover tells what a recovery does, asks unless it is sure, and does it.
func (a *app) recover(stdin io.Reader, dir string, sure bool) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	log, err := a.logger("warn", "text")
	if err != nil {
		return err
	}
	r, err := master.OpenRecovery(dir, log)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.NotFound("%w", err)
	}
	if err != nil {
		return fault.Default(job.ExitUsage, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := a.tellRecovery(r, dir); err != nil {
		return err
	}
	if !sure {
		if _, err := fmt.Fprintf(a.stderr, "type %s to go on: ", r.ID); err != nil {
			return err
		}
		answer, err := bufio.NewReader(stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.TrimSpace(answer) != r.ID {
			return fault.Usage("nothing was changed: that is not %s", r.ID)
		}
	}
	kept, err := r.Run()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stderr, "%s leads alone once it is started; kept %s and %s\n", r.ID, count(kept.Jobs, "job"), count(kept.Tokens, "token"))
	return err
}

func (a *app) tellRecovery(r *master.Recovery, dir string) error {
	var others []string
	for _, id := range r.Masters {
		if id != r.ID {
			others = append(others, id)
		}
	}
	text := fmt.Sprintf("master %s of cluster %s in %s has entries up to %d, of term %d\n", r.ID, cmp.Or(r.Cluster, "unknown"), dir, r.Index, r.Term)
	if !r.Voter {
		text += "it was still joining: what it has may be old\n"
	}
	if len(others) > 0 {
		text += fmt.Sprintf("it is to lead alone; %s will be forgotten and must never come back with their data\n", strings.Join(others, ", "))
	} else {
		text += "it is to lead alone, as it does already\n"
	}
	_, err := io.WriteString(a.stderr, text)
	return err
}
